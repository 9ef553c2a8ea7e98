"""What is in memory: loaded once for all threads, kept while it is used, gone when it is evicted."""

import gc
import shutil
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest

from cutaway import generate
from cutaway.errors import CutawayError
from cutaway.generation import decoders
from cutaway.models import residency
from cutaway.models.loading import shared
from cutaway.models.residency import Latest


@pytest.fixture(autouse=True)
def _nothing_loaded():
    residency.evict()
    yield
    residency.evict()


def names():
    return [key.name for key in residency.residents()]


def test_the_values_used_last_are_kept():
    made = []
    latest = Latest(2)
    for key in (1, 2, 1, 3, 1, 2):
        assert latest.get(key, lambda key=key: made.append(key) or -key) == -key
    assert made == [1, 2, 3, 2] and latest.keys() == [1, 2]


def test_what_fails_is_not_kept_and_is_tried_again():
    latest = Latest(2)
    with pytest.raises(CutawayError, match="broken"):
        latest.get("a", lambda: (_ for _ in ()).throw(CutawayError("broken")))
    assert latest.keys() == [] and latest.get("a", lambda: 1) == 1


def test_threads_that_ask_at_once_get_one_value_each_made_once():
    latest, made = Latest(3), []

    def make(key):
        time.sleep(0.01)
        made.append(key)
        return object()

    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(lambda i: latest.get(i % 3, lambda: make(i % 3)), range(60)))
    assert sorted(made) == [0, 1, 2]
    assert all(found[i] is found[i % 3] for i in range(60))


def test_a_value_that_is_there_does_not_wait_for_another():
    latest, begun, end = Latest(2), threading.Event(), threading.Event()
    latest.get("there", lambda: 1)

    def slow():
        begun.set()
        assert end.wait(300)
        return 2

    with ThreadPoolExecutor(2) as pool:
        other = pool.submit(latest.get, "slow", slow)
        assert begun.wait(300)
        assert pool.submit(latest.get, "there", lambda: 0).result(timeout=300) == 1
        end.set()
        assert other.result(timeout=300) == 2


def test_more_threads_and_keys_than_are_kept():
    latest = Latest(2)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda i: latest.get(i % 5, lambda: i % 5), range(500)))
    assert found == [i % 5 for i in range(500)] and len(latest.keys()) == 2


def test_threads_share_one_loaded_model(tiny_gpt2):
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: shared(tiny_gpt2), range(6)))
    assert len(set(map(id, found))) == 1 and names() == [str(tiny_gpt2)]


def test_the_model_used_longest_ago_goes(tiny_gpt2, tiny_llama, tiny_bert_classifier):
    first, second = shared(tiny_gpt2), shared(tiny_llama)
    assert shared(tiny_gpt2) is first
    shared(tiny_bert_classifier, "classifier")
    assert names() == [str(tiny_gpt2), str(tiny_bert_classifier)]
    assert shared(tiny_llama) is not second


def test_a_changed_folder_is_loaded_again(tiny_gpt2, tmp_path):
    folder = shutil.copytree(tiny_gpt2, tmp_path / "copy")
    first = shared(folder)
    (folder / "config.json").write_text((folder / "config.json").read_text() + "\n")
    assert shared(folder) is not first


@pytest.mark.parametrize("by", ["name", "folder", "all"])
def test_an_evicted_model_and_its_decoder_leave_the_memory(tiny_gpt2, tiny_llama, by):
    other = shared(tiny_llama)
    generate("The", str(tiny_gpt2), max_new_tokens=2, tier="exact")
    module = weakref.ref(shared(str(tiny_gpt2), "causal").module)
    assert decoders._loaded.keys()
    residency.evict({"name": str(tiny_gpt2), "folder": tiny_gpt2, "all": None}[by])
    gc.collect()
    assert module() is None and decoders._loaded.keys() == []
    assert by == "all" or shared(tiny_llama) is other


def test_the_decoder_of_a_model_that_gives_way_goes_too(tiny_gpt2, tiny_llama, tiny_bert_classifier):
    generate("The", str(tiny_gpt2), max_new_tokens=2, tier="exact")
    module = weakref.ref(shared(str(tiny_gpt2), "causal").module)
    shared(tiny_llama)
    shared(tiny_bert_classifier, "classifier")
    gc.collect()
    assert module() is None
