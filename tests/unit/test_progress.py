"""`cutaway.progress`: nothing without a listener, lines without a terminal, bars on one."""

from __future__ import annotations

import itertools
import logging
import os
import pty
import re
import subprocess
import sys
import time

import pytest

import cutaway
from cutaway.models import residency
from cutaway.progress import Lines, Listener, Step, duration, hush, listening, paused, step


class Quick(Lines):
    """Lines at a hundredth of the time."""

    every, first, again = 0.005, 0.04, 0.1


@pytest.fixture
def said(monkeypatch):
    """What is written to the log of progress."""
    lines: list[str] = []
    monkeypatch.setattr(
        logging.getLogger("cutaway.progress"), "info", lambda form, *values, **_: lines.append(form % values)
    )
    return lines


def test_share_and_time_left():
    half = Step("x", total=10, began=time.monotonic() - 30)
    assert (half.share, half.left) == (0.0, None)  # nothing is done: nobody knows
    half.advance(2)
    half.reach(7.5)
    assert half.share == 0.75 and half.left == pytest.approx(10, abs=0.1)
    half.reach(12)
    assert half.share == 1.0
    unknown = Step("x")
    unknown.advance(3)
    assert unknown.share is None and unknown.left is None
    resumed = Step("x", total=100, done=50, before=50, began=time.monotonic() - 30)
    assert (resumed.share, resumed.left) == (0.5, None)
    resumed.reach(60)  # ten in half a minute: the fifty before took other time
    assert resumed.left == pytest.approx(120, abs=1)


def test_without_a_listener_nothing_is_shown(capfd):
    with step("slow") as slow:
        slow.advance()
        time.sleep(0.05)
    assert capfd.readouterr() == ("", "")


def test_a_quick_step_logs_nothing_and_a_slow_one_few_lines(said):
    with listening(Quick()), step("outer"):
        with step("quick"):
            pass
        assert said == []
        with step("slow", total=4) as slow:
            for _ in range(4):
                time.sleep(0.1)
                slow.advance()
    assert "outer …" not in said
    shares = [int(found[1]) for line in said if (found := re.fullmatch(r"slow: (\d+) %, about \d+ s left", line))]
    assert shares == sorted(set(shares)) and 1 <= len(shares) <= 4 and len(said) <= 5


def test_a_line_in_a_pipe_names_the_working_module_not_progress(capfd):
    with listening(Quick()), step("a"), step("looking"):
        time.sleep(0.2)
    lines = [line for line in capfd.readouterr().err.splitlines() if "looking" in line]
    assert lines and all(re.search(r" I test_progress:\d+ looking", line) for line in lines)


def test_a_decorated_function_is_named_by_its_caller():
    places = []

    @step("looking")
    def look():
        places.append(seen.steps[0].place)

    seen = Listener()
    with listening(seen):
        line = sys._getframe().f_lineno + 1
        look()
    assert places == [f"test_progress:{line}"]


def test_a_step_of_unknown_length_says_how_long_it_takes(said):
    with listening(Quick()), step("loading"):
        time.sleep(0.4)
    assert said[0] == "loading …" and said[1:]
    assert all(re.fullmatch(r"loading: \d+ s so far", line) for line in said[1:])


def test_paused_and_hushed_steps_show_nothing(said):
    with listening(Quick()), step("asking"):
        with paused():
            time.sleep(0.2)
        assert said == []
        hush()
        time.sleep(0.2)
    assert said == []


def test_quiet_shows_nothing(said):
    logging.disable(logging.INFO)
    try:
        with listening(Quick()), step("slow"):
            time.sleep(0.2)
    finally:
        logging.disable(logging.NOTSET)
    assert said == []


def test_a_step_that_fails_ends():
    watcher = Listener()
    with listening(watcher), pytest.raises(ValueError, match="broken"), step("outer"), step("inner"):
        assert [one.what for one in watcher.steps] == ["outer", "inner"]
        raise ValueError("broken")
    assert watcher.steps == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.01, "1 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (95, "1 min 35 s"),
        (7300, "2 h 1 min"),
        (86400, "24 h 0 min"),
    ],
)
def test_durations(seconds, words):
    assert duration(seconds) == words


CODE = """
import time
from cutaway.cli.bars import listener
from cutaway.log import get_logger
from cutaway.progress import listening, step
with listening(listener()), step("training", total=4) as training:
    for _ in range(4):
        time.sleep(0.4)
        training.advance()
    get_logger("x").info("saved in tiny")
print("result")
"""


def on_a_terminal(code: str) -> str:
    """Run the code with a terminal for stderr and stdout, and return what it wrote there."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([sys.executable, "-c", code], stdout=theirs, stderr=theirs, close_fds=True) as process:
        os.close(theirs)
        seen = b""
        for _ in itertools.count():
            try:
                piece = os.read(ours, 65536)
            except OSError:  # how a terminal of Linux says that its program has ended
                break
            if not piece:
                break
            seen += piece
        assert process.wait() == 0
    os.close(ours)
    return seen.decode()


def test_a_terminal_has_a_bar_that_goes_away(monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")
    seen = on_a_terminal(CODE)
    assert re.search(r"training.*50%.*1 s left", seen)
    assert "saved in tiny" in seen
    erased, _, after = seen.rpartition("\x1b[2K")  # the last line of the bar is taken away
    assert "training" in erased and "training" not in after and "result" in after


def test_a_pipe_has_neither_bar_nor_carriage_return():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout == "result\n"
    assert "\r" not in done.stderr and "\x1b" not in done.stderr
    assert done.stderr.splitlines()[-1].endswith("saved in tiny")


class Recorder(Listener):
    """Remembers the steps that began, and how far each came."""

    def __init__(self):
        super().__init__()
        self.all: list[Step] = []

    def begin(self, new):
        self.all.append(new)
        super().begin(new)


VERBS = {
    "tokenize": lambda model, folder: cutaway.tokenize("No, I am", model),
    "generate": lambda model, folder: cutaway.generate("No", model, num_return_sequences=2, max_new_tokens=3),
    "score": lambda model, folder: cutaway.score("No, I am", model),
    "classify": lambda model, folder: cutaway.classify("No, I am", model, labels=["a", "b"]),
    "attention": lambda model, folder: cutaway.attention("No, I am", model),
    "heads": lambda model, folder: cutaway.heads("No, I am", model),
    "lens": lambda model, folder: cutaway.lens("No, I am", model),
    "ablate": lambda model, folder: cutaway.ablate("No, I am", model),
    "compare": lambda model, folder: cutaway.compare(model, model, "No, I am"),
    "embed": lambda model, folder: cutaway.embed(["No", "I am"], model),
    "neighbours": lambda model, folder: cutaway.neighbours(["N"], model),
    "architecture": lambda model, folder: cutaway.architecture(model),
    "save": lambda model, folder: cutaway.save(model, folder / "copy"),
    "train": lambda model, folder: cutaway.train(steps=2, layers=1, heads=1, width=8, context=16),
    "sweep": lambda model, folder: cutaway.sweep(
        "No", model, settings={"temperature": [0, 1], "max_new_tokens": [2]}, scorer=None
    ),
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_reports_its_steps_and_ends_them(verb, tiny_gpt2, tmp_path):
    residency.evict()
    watcher = Recorder()
    with listening(watcher):
        VERBS[verb](str(tiny_gpt2), tmp_path)
    assert watcher.all and watcher.steps == []
    assert all(one.share == 1.0 for one in watcher.all if one.total)
    if verb in {"generate", "ablate", "embed", "train", "sweep"}:
        assert any(one.total for one in watcher.all)
    if verb not in {"architecture", "train", "tokenize"}:
        assert any(one.what.startswith("loading ") for one in watcher.all)
