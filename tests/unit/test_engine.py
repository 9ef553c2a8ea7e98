"""Rows that join and leave a running batch, against transformers' own greedy text of each prompt alone."""

import queue
import threading

import pytest
import torch
from transformers import GenerationConfig

from cutaway.generation.decoders import open_decoder
from cutaway.generation.engine import run
from cutaway.generation.rows import Row
from cutaway.models import load

LENGTH = 12


@pytest.fixture(params=["tiny_gpt2", "tiny_llama"])
def decoder(request):
    return open_decoder(load(request.getfixturevalue(request.param)), "exact")


def greedy(decoder, prompt, length=LENGTH):
    model = decoder.model
    return Row(prompt, model.tokenizer.encode(prompt).ids, max_new_tokens=length, min_new_tokens=length)


def reference(decoder, row):
    ids_BT = torch.tensor([row.prompt_ids])
    length = row.max_new_tokens
    config = GenerationConfig(
        max_new_tokens=length, min_new_tokens=length, do_sample=False, pad_token_id=0,
        eos_token_id=sorted(decoder.model.end_ids),
    )  # fmt: skip
    module = decoder.model.module
    said_BT = module.generate(ids_BT, generation_config=config, attention_mask=torch.ones_like(ids_BT))
    return said_BT[0, ids_BT.shape[1] :].tolist()


def test_rows_join_while_others_run(decoder):
    first, second, third = (greedy(decoder, prompt) for prompt in ("The animal", "x y z", "a"))
    joined_at = {}

    def arriving():
        yield first
        while len(first.ids) < 3:
            yield None
        joined_at["second"] = len(first.ids)
        yield second
        while len(second.ids) < 4:
            yield None
        joined_at["third"] = len(first.ids)
        yield third

    ended = [row for row, _ in run(decoder, arriving(), batch_size=8) if row.finish is not None]
    assert ended == [first, second, third]
    assert joined_at == {"second": 3, "third": 7}
    for row in ended:
        assert row.finish == "length" and row.ids == reference(decoder, row)


def test_a_row_that_is_cancelled_leaves_and_makes_room(decoder):
    stays, leaves, waits = (greedy(decoder, prompt) for prompt in ("The animal", "x y z", "a"))
    text = {stays: "", leaves: "", waits: ""}
    last = []
    for row, new in run(decoder, [stays, leaves, waits], batch_size=2):
        text[row] += new
        if len(stays.ids) == 5:
            leaves.cancelled = True
        if row.finish is not None:
            last.append((row, row.finish))
    assert last == [(leaves, "cancelled"), (stays, "length"), (waits, "length")]
    assert len(leaves.ids) == 5 and leaves.ids == reference(decoder, leaves)[:5]
    for row in (stays, waits):
        assert row.ids == reference(decoder, row)
    assert text == {row: row.text for row in text}


def test_a_row_that_is_cancelled_before_it_joins_never_runs(decoder):
    runs, waits = greedy(decoder, "The animal"), greedy(decoder, "a")
    waits.cancelled = True
    pairs = list(run(decoder, [waits, runs], batch_size=1))
    assert pairs[0] == (waits, "") and waits.finish == "cancelled" and waits.ids == []
    assert runs.ids == reference(decoder, runs)
    assert list(run(decoder, [], batch_size=1)) == []


def test_the_last_row_that_leaves_ends_the_run(decoder):
    row = greedy(decoder, "The animal")
    for found, _ in run(decoder, [row]):
        found.cancelled = True
    assert row.finish == "cancelled" and len(row.ids) < LENGTH


def test_rows_come_from_a_queue_of_another_thread(decoder):
    """As a server has it: rows are put into a queue, results are taken as they end."""
    waiting: queue.Queue = queue.Queue()
    ended: queue.Queue = queue.Queue()
    running = 0

    def arriving():
        nonlocal running
        while True:
            try:
                row = waiting.get(block=running == 0, timeout=60)
            except queue.Empty:
                yield None
                continue
            if row is None:
                return
            running += 1
            yield row

    def serve():
        nonlocal running
        for row, _ in run(decoder, arriving(), batch_size=4):
            if row.finish is not None:
                running -= 1
                ended.put(row)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    asked = [greedy(decoder, prompt) for prompt in ("The animal", "x y z")]
    for row in asked:
        waiting.put(row)
    assert {ended.get(timeout=60), ended.get(timeout=60)} == set(asked)
    late = greedy(decoder, "a")  # when nothing runs any more
    waiting.put(late)
    assert ended.get(timeout=60) is late
    waiting.put(None)
    thread.join(60)
    assert not thread.is_alive()
    for row in (*asked, late):
        assert row.ids == reference(decoder, row)


def test_rows_wait_for_a_decoder_that_no_row_can_join(decoder, monkeypatch):
    monkeypatch.setattr(type(decoder), "joins", False)
    first, second = greedy(decoder, "The animal"), greedy(decoder, "a", 4)
    order = [row for row, _ in run(decoder, iter([first, None, second]), batch_size=8) if row.finish is not None]
    assert order == [first, second]
    assert first.ids == reference(decoder, first) and second.ids == reference(decoder, second)
