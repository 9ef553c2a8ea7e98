"""Names that rooms export are imported on first use, and are always the function or class, never a module."""

import importlib
import pkgutil
import subprocess
import sys
from types import ModuleType

import pytest

ROOMS = (
    "evaluation", "generation", "inside", "lessons", "models", "prediction", "sequences", "shards", "tokens",
    "training",
)  # fmt: skip


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_name_is_right_after_any_imports(room):
    package = importlib.import_module(f"cutaway.{room}")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"cutaway.{room}.{module.name}")  # which becomes an attribute of the package
    for name in package.__all__:
        assert not isinstance(getattr(package, name), ModuleType), f"cutaway.{room}.{name} is shadowed by a module"
    with pytest.raises(AttributeError, match="attribute"):
        package.nonsense  # noqa: B018


def test_importing_a_room_imports_nothing_heavy():
    code = (
        f"import sys; from cutaway import {', '.join(ROOMS)}; print(*({{'torch', 'transformers'}} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
