"""Every example in a docstring says what really happens."""

import doctest
import importlib
import pkgutil

import pytest

import cutaway

MODULES = [m.name for m in pkgutil.walk_packages(cutaway.__path__, "cutaway.") if not m.name.endswith("__main__")]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name, smollm2, minilm, gpt2_vocab, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    flags = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    assert doctest.testmod(module, optionflags=flags).failed == 0


def test_there_are_examples():
    finder = doctest.DocTestFinder()
    examples = [e for name in MODULES for test in finder.find(importlib.import_module(name)) for e in test.examples]
    assert len(examples) > 20
