"""Real models from the shelf: used where they are cached, never fetched by a test."""

import os

import pytest

from cutaway.models import SHELF, cache


@pytest.fixture(autouse=True)
def _users_cache(monkeypatch):
    own = os.environ["CUTAWAY_TEST_CACHE"]
    monkeypatch.setenv("CUTAWAY_HOME", own) if own else monkeypatch.delenv("CUTAWAY_HOME", raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def _cached(name):
    if cache.record(f"{name}-{SHELF[name].version}") is None:
        pytest.skip(f"{name} is not in the cache ({cache.home()}): cutaway models get {name}")
    return name


@pytest.fixture
def smollm2(_users_cache):
    return _cached("smollm2-135m")


@pytest.fixture
def minilm(_users_cache):
    return _cached("minilm-l6")


@pytest.fixture
def gpt2_vocab(_users_cache):
    return _cached("gpt2-vocab")


@pytest.fixture
def cached(_users_cache):
    """A function that returns a model's name, and skips the test where that model is not cached."""
    return _cached
