"""`cutaway.log`: whole lines on the right stream, from the right rank."""

from __future__ import annotations

import importlib.util
import io
import logging
import re
import sys
from collections.abc import Iterator
from datetime import datetime

import pytest

from cutaway.log import get_logger, short_form

LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}) ([DIWEC]) (\w+:\d+) (.*)")
VARIABLES = [
    "RANK", "LOCAL_RANK", "WORLD_SIZE",
    "SLURM_PROCID", "SLURM_LOCALID", "SLURM_NTASKS",
    "PALS_RANKID", "PALS_LOCAL_RANKID", "PALS_SIZE",
    "PMI_RANK", "PMI_LOCAL_RANK", "PMI_SIZE",
    "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_SIZE",
]  # fmt: skip


class Stream(io.StringIO):
    """A stand-in for standard error that remembers each write and may claim to be a terminal."""

    def __init__(self, *, terminal: bool = False) -> None:
        super().__init__()
        self.terminal = terminal
        self.writes: list[str] = []

    def isatty(self) -> bool:
        return self.terminal

    def write(self, text: str) -> int:
        self.writes.append(text)
        return super().write(text)


def replace_stderr(monkeypatch: pytest.MonkeyPatch, *, terminal: bool = False) -> Stream:
    """Call it from the test itself: pytest puts its own stream back between fixtures and test."""
    stream = Stream(terminal=terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A logger's name of this test's own: loggers live as long as the process."""
    return f"test.{request.node.name}"


def test_a_record_is_one_line_with_time_level_place_and_message(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    stream = replace_stderr(monkeypatch)
    before = datetime.now()
    get_logger(name).info("hello %s", "there")
    match = LINE.fullmatch(stream.getvalue().removesuffix("\n"))
    assert match is not None
    time, level, place, message = match.groups()
    assert before <= datetime.fromisoformat(time) <= datetime.now()
    assert (level, message) == ("I", "hello there")
    assert re.fullmatch(r"test_log:\d+", place)


def test_the_line_number_is_that_of_the_call(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    stream = replace_stderr(monkeypatch)
    logger = get_logger(name)
    line = sys._getframe().f_lineno + 1
    logger.warning("here")
    assert f" W test_log:{line} here\n" in stream.getvalue()


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("two\nlines", r"two\nlines"),
        ("over\rwritten", r"over\rwritten"),
        ("\x1b[2Jcleared\x07", r"\x1b[2Jcleared\x07"),
        ("next\x85 line\u2028 sep\u2029", r"next\x85 line\u2028 sep\u2029"),
        ("half \ud800", r"half \ud800"),
        ("a\ttab and ünïcode — 日本語 stay", "a\ttab and ünïcode — 日本語 stay"),
    ],
)
def test_nothing_in_a_message_breaks_its_line(
    monkeypatch: pytest.MonkeyPatch, name: str, message: str, shown: str
) -> None:
    stream = replace_stderr(monkeypatch)
    get_logger(name).info(message)
    text = stream.getvalue()
    assert len(text.splitlines()) == 1
    assert text.endswith(f" {shown}\n")


def test_a_traceback_follows_indented_in_the_same_write(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    stream = replace_stderr(monkeypatch)
    try:
        raise ValueError("first\nsecond\r")
    except ValueError:
        get_logger(name).exception("failed")
    assert len(stream.writes) == 1
    head, *trace = stream.writes[0].splitlines()
    assert LINE.fullmatch(head)
    assert trace[0] == "    Traceback (most recent call last):"
    assert trace[-2:] == ["    ValueError: first", "    second"]
    assert all(line.startswith("    ") for line in trace)
    assert "\r" not in stream.writes[0]


def test_each_record_is_one_write(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    stream = replace_stderr(monkeypatch)
    logger = get_logger(name)
    for number in range(3):
        logger.info("%d", number)
    assert [text[-2:] for text in stream.writes] == ["0\n", "1\n", "2\n"]


def test_asking_twice_does_not_double_lines(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    stream = replace_stderr(monkeypatch)
    assert get_logger(name) is get_logger(name)
    get_logger(name).info("once")
    assert len(stream.writes) == 1


def test_a_reloaded_module_does_not_double_lines(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    stream = replace_stderr(monkeypatch)
    get_logger(name)
    # As after a reload: the same source, new classes. (A real one would pull `Rank` from under the other tests.)
    spec = importlib.util.find_spec("cutaway.log")
    assert spec is not None and spec.loader is not None
    again = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(again)
    again.get_logger(name).info("once")
    assert len(stream.writes) == 1


def test_a_child_or_a_configured_root_does_not_double_lines(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    stream = replace_stderr(monkeypatch)
    root = logging.StreamHandler(stream)
    logging.getLogger().addHandler(root)
    try:
        get_logger(name)
        get_logger(f"{name}.child").info("once")
    finally:
        logging.getLogger().removeHandler(root)
    assert len(stream.writes) == 1


def test_records_go_to_the_current_standard_error(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    logger = get_logger(name)
    for word in ("first", "second"):
        stream = replace_stderr(monkeypatch)
        logger.info(word)
        assert stream.getvalue().endswith(f" {word}\n")
        assert len(stream.writes) == 1


def test_without_a_standard_error_nothing_happens(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    failures: list[logging.LogRecord] = []
    monkeypatch.setattr(logging.Handler, "handleError", lambda self, record: failures.append(record))
    monkeypatch.setattr(sys, "stderr", None)
    get_logger(name).info("to no one")
    assert failures == []


@pytest.mark.parametrize(
    ("terminal", "variables", "coloured"),
    [
        (True, {}, True),
        (False, {}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"TERM": "dumb"}, False),
    ],
)
def test_only_terminals_without_no_color_get_colour(
    monkeypatch: pytest.MonkeyPatch, name: str, terminal: bool, variables: dict[str, str], coloured: bool
) -> None:
    for key, value in variables.items():
        monkeypatch.setenv(key, value)
    stream = replace_stderr(monkeypatch, terminal=terminal)
    get_logger(name).info("seen")
    text = stream.getvalue()
    assert ("\x1b[" in text) is coloured
    assert LINE.fullmatch(re.sub(r"\x1b\[[\d;]*m", "", text).removesuffix("\n"))


@pytest.fixture
def short() -> Iterator[None]:
    """The form that the command asks for."""
    short_form(True)
    yield
    short_form(False)


@pytest.mark.usefixtures("short")
def test_on_a_terminal_a_command_has_the_time_of_day_and_the_message(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    stream = replace_stderr(monkeypatch, terminal=True)
    get_logger(name).info("hello %s", "there")
    get_logger(name).warning("two\nlines")
    first, second = stream.getvalue().splitlines()
    assert re.fullmatch(r"\d\d:\d\d:\d\d hello there", first)
    assert re.fullmatch(r"\d\d:\d\d:\d\d warning: two\\nlines", second)


@pytest.mark.usefixtures("short")
def test_on_a_terminal_a_long_message_is_wrapped_under_its_first_word(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "40")
    stream = replace_stderr(monkeypatch, terminal=True)
    words = "the quick brown fox jumps over the lazy dog and a path/that/is/longer/than/one/line/of/this/terminal"
    get_logger(name).info(words)
    first, *more = stream.getvalue().splitlines()
    assert len(stream.writes) == 1
    assert all(line.startswith(" " * 9) and not line[9].isspace() for line in more)
    assert [line for line in (first, *more) if len(line) > 40] == [more[-1]]  # the path, which is not cut
    assert " ".join(line[9:] for line in (first, *more)) == words


@pytest.mark.usefixtures("short")
def test_the_short_form_is_for_terminals_only(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    stream = replace_stderr(monkeypatch)
    get_logger(name).info("hello")
    assert LINE.fullmatch(stream.getvalue().removesuffix("\n"))


def test_only_rank_0_logs_info_and_every_rank_logs_errors(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    stream = replace_stderr(monkeypatch)
    monkeypatch.setenv("RANK", "1")
    other = get_logger(name)
    other.warning("from another rank")
    assert stream.writes == []
    other.error("trouble")
    assert len(stream.writes) == 1
    monkeypatch.setenv("RANK", "0")
    first = get_logger(f"{name}.first")
    first.debug("details")
    first.info("news")
    assert len(stream.writes) == 2


def test_a_level_holds_until_another_is_given(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    stream = replace_stderr(monkeypatch)
    monkeypatch.setenv("RANK", "1")
    get_logger(name, "DEBUG")
    get_logger(name).debug("kept")
    assert stream.getvalue().endswith(" kept\n")
    get_logger(name, logging.CRITICAL).error("hidden")
    assert len(stream.writes) == 1
    with pytest.raises(ValueError, match="LOUD"):
        get_logger(name, "LOUD")
