"""Tokenizers of the shelf start without torch and transformers, and give the ids of AutoTokenizer."""

import subprocess
import sys

import pytest
import transformers

from cutaway import models
from cutaway.models import cache
from cutaway.models.shelf import SHELF


@pytest.mark.parametrize("name", SHELF)
def test_a_model_of_the_shelf_is_tokenized_without_transformers(name):
    if cache.record(f"{name}-{SHELF[name].version}") is None:
        pytest.skip(f"{name} is not in the cache")
    text = "Steps:\n\n1. Go MKTAYIW c1ccccc1 naïve"
    theirs = transformers.AutoTokenizer.from_pretrained(models.model_info(name).path)(text)["input_ids"]
    assert models.load_tokenizer(name).encode(text).ids == theirs  # the first start may build what the next ones read
    code = (
        "import sys; from cutaway.models.named_tokenizer import load_tokenizer\n"
        f"print(load_tokenizer({name!r}).encode({text!r}).ids == {theirs}, "
        "{'torch', 'transformers'} & {*sys.modules})"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "True set()\n"
