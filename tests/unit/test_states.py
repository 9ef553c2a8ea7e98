"""Time steps as the words of states: always the nearest one, whatever the numbers; angles without a seam."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer as Backend
from tokenizers import models, pre_tokenizers

from cutaway.errors import InputError
from cutaway.tokens import (
    States,
    Tokenizer,
    adversarial_input,
    check_tokenizer,
    learn_states,
    save_tokenizer,
    states_of,
    states_tokenizer,
    tokenize,
    train_tokenizer,
)
from cutaway.tokens import states as module
from tests.unit.commands import run

RNG = np.random.default_rng(0)
TWO = np.concatenate([RNG.normal(0, 0.1, (20, 2)), RNG.normal(9, 0.1, (60, 2))]).T
AROUND = np.concatenate([RNG.normal(math.pi, 0.2, 300), RNG.normal(0, 0.2, 100)])
TURNED = np.stack([np.arctan2(np.sin(AROUND), np.cos(AROUND)), AROUND / 3])


def test_k_means_finds_what_there_is() -> None:
    states = learn_states([TWO], 2, seed=1)
    assert np.array(states.centres) == pytest.approx(np.array([TWO[:, 20:].mean(1), TWO[:, :20].mean(1)]))
    words = states.write(TWO).split()
    assert words == ["c1"] * 20 + ["c0"] * 60  # c0 has the most time steps
    assert learn_states([TWO], 2, seed=1) == states
    assert np.abs(states.read(" ".join(words)) - TWO).max() < 0.6
    parts = [TWO[:, :7], TWO[:, 7:50], TWO[:, 50:]]
    assert learn_states(parts, 2, seed=1) == states  # it is one row of time steps, however it is cut


def test_angles_are_continuous_at_pi() -> None:
    flat, round_ = (learn_states([TURNED[:1]], 2, angles=angles) for angles in (False, True))
    assert abs(round_.centres[0][0]) == pytest.approx(math.pi, abs=0.05)
    assert round_.centres[1][0] == pytest.approx(0, abs=0.05)
    near = math.pi - 0.01
    assert round_.write([[near, -near]]) == "c0 c0" and len(set(flat.write([[near, -near]]).split())) == 2
    assert (np.abs(round_.read("c0 c1")) <= math.pi).all()
    _, [apart, turned] = States(((math.pi,),), angles=True).place([[-math.pi + 0.3, math.pi - 0.3 + 4 * math.pi]])
    assert apart == pytest.approx(2 * math.sin(0.15)) and turned == pytest.approx(apart)  # a chord


def test_each_centre_is_its_own_word() -> None:
    for angles in (False, True):
        states = learn_states([TURNED], 30, angles=angles)
        words = " ".join(f"c{i}" for i in range(30))
        assert states.write(states.read(words)) == words
        assert (states.place(states.read(words))[1] == 0).all()


def test_the_nearest_in_exact_numbers() -> None:
    """Squared distances as fractions: no other centre is nearer, of doubles of any size."""
    from fractions import Fraction

    centres = ((0.0, 1.0), (1e300, -1e300), (1e-200, 2e-200), (5e-324, 0.0), (3.0, 4.0))
    states, seen = States(centres), set()
    for channels in itertools.islice(adversarial_input.steps(2, centres), 60):
        values_CT = np.array(channels)
        for t, (state, apart) in enumerate(zip(*states.place(values_CT), strict=True)):
            step = values_CT[:, t]
            if state < 0:
                assert np.isnan(step).any() and math.isnan(apart)
                continue
            squares = [
                sum((Fraction(float(x)) - Fraction(c)) ** 2 for x, c in zip(step, centre, strict=True))
                for centre in centres
            ]
            assert squares[state] <= min(squares) * (1 + Fraction(1, 2**48))
            seen.add(int(state))
    assert len(seen) == len(centres)


def test_of_equally_near_states_the_first() -> None:
    assert States(((2.0,), (0.0,), (2.0,))).write([[1.0, 2.0]]) == "c0 c0"


def test_a_missing_number_takes_its_step_with_it() -> None:
    states = States(((0.0, 0.0), (5.0, 5.0)))
    assert states.write([[1.0, math.nan, 5.0], [1.0, 1.0, math.nan]]) == "c0 nan nan"
    assert np.isnan(states.read("c1 nan")).tolist() == [[False, True], [False, True]]
    tokenizer = states_tokenizer(states)
    assert "nan" in tokenizer.config["cutaway"]["loses"]["missing"]
    assert tokenizer.decode(tokenizer.encode("c0 nan c1").ids) == "c0 nan c1"
    assert states.write([[], []]) == "" and states.read("").shape == (2, 0)


def test_so_many_states_as_are_asked_for_or_there_are() -> None:
    steps = [[[1.0, 2.0, 2.0, 1.0, math.nan, 7.0]]]
    tokenizer = train_tokenizer(steps, "states")
    assert len(states_of(tokenizer).centres) == 3 and len(tokenizer.vocabulary) == 4 + 1 + 3
    assert sorted(states_of(tokenizer).centres) == [(1.0,), (2.0,), (7.0,)]
    assert len(train_tokenizer([TURNED], "states").vocabulary) == 4 + 1 + 64
    assert len(train_tokenizer([TURNED], "states", vocab_size=105).vocabulary) == 105
    assert len(states_of(train_tokenizer(steps, "states", vocab_size=6)).centres) == 1
    with pytest.raises(InputError, match=r"can't make 5 states from 3 different time steps\n`vocab_size=8` or less"):
        train_tokenizer(steps, "states", vocab_size=10)
    with pytest.raises(InputError, match="`vocab_size` is 5, too small: one state, the word nan"):
        train_tokenizer(steps, "states", vocab_size=5)


def test_it_learns_from_all_of_a_long_series_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_STEPS", 500)
    drawn = module._drawn((np.arange(t, t + 70.0)[None] for t in range(0, 70_000, 70)), np.random.default_rng(0), False)
    assert drawn.shape == (500, 1) and len(np.unique(drawn)) == 500
    tenths = np.bincount((drawn[:, 0] // 7000).astype(int), minlength=10)
    assert tenths.min() > 25 and tenths.max() < 80  # 50 expected of each, 6.7 the standard deviation
    monkeypatch.setattr(module, "_NUMBERS", 100)
    assert module._drawn([np.ones((7, 60))], np.random.default_rng(0), False).shape == (14, 7)


def test_numbers_of_any_size_are_learned_from() -> None:
    states = learn_states([[[1e300, 1.1e300, -1e300, 1.0, -5e299]]], 2)
    assert np.allclose(sorted(states.centres), [[-5e299], [1.05e300]], rtol=1e-12, atol=0)
    assert learn_states([[[5e-324, 1.5e-310, 0.0]]], 3).write([[1.5e-310]]) in {"c0", "c1", "c2"}
    assert learn_states([[[0.0, 0.0]]]).centres == ((0.0,),)


@pytest.mark.parametrize(
    ("series", "options", "said"),
    [
        ([TWO, TWO[:1]], {}, "series 2 has 1 channel, but the series before it have 2"),
        ([[[math.nan, math.nan]]], {}, "no complete time step to learn states from"),
        ([[[1.0, 180.0]]], {"angles": True}, "180 is not an angle in radians"),
        ([[[math.inf]]], {}, "infinity"),
        ([[[1.0], [1.0, 2.0]]], {}, "unequal length"),
        ([], {}, "there is no sequence to learn from"),
        ([TWO], {"method": "uniform"}, "takes no method"),
        ([TWO], {"alphabet": "dna"}, "is not for 'dna'"),
    ],
)
def test_what_can_not_be_learned_from_is_refused(series: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        train_tokenizer(series, "states", **options)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda states: states.write([[1.0]]), "states have 2 channels, but the series has 1"),
        (lambda states: states.write([[math.inf], [0.0]]), "infinity"),
        (lambda states: states.read("c0 c2"), "'c2' is not a state"),
        (lambda states: states.read("c0 <unk>"), "'<unk>' is not a state"),
        (lambda states: states.read("c01"), "'c01' is not a state"),
    ],
)
def test_what_nobody_wrote_is_refused(call: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        call(States(((0.0, 0.0), (5.0, 5.0))))


# tokenize


def test_every_step_is_followed_to_its_state() -> None:
    states = States(((0.0, 0.0), (3.0, 4.0), (9.0, 9.0)))
    text = "3, 4\n0.5;0\n nan 2\n\n 3 8\n"
    found = tokenize(text, states_tokenizer(states))
    assert found.tokens == ["c1", "c0", "nan", "c1"] and found.numbers is None and found.states is not None
    assert found.pieces == ["3, 4", "0.5;0", "nan 2", "3 8"]
    assert [text[a:b] for a, b in found.offsets] == found.pieces
    assert found.decoded == "3, 4\n0.0;0\n nan nan\n\n 3 4.0\n" and not found.round_trip
    steps = found.states.steps
    assert [step.values for step in steps] == [[3.0, 4.0], [0.5, 0.0], [None, 2.0], [3.0, 8.0]]
    assert [step.state for step in steps] == [1, 0, None, 1]
    assert [step.distance for step in steps] == [0.0, 0.5, None, 4.0]
    assert [step.back for step in steps] == [[3.0, 4.0], [0.0, 0.0], [None, None], [3.0, 4.0]]
    assert (found.states.states, found.states.channels, found.states.visited, found.states.mean) == (3, 2, 2, 1.5)
    assert tokenize("3 4\n9 9", states_tokenizer(states)).round_trip
    assert tokenize(text, states_tokenizer(states), steps=False).states is None
    assert found.to_dict()["states"]["steps"][2]["distance"] is None


def test_steps_at_the_end_of_the_doubles_are_plain_numbers_too() -> None:
    found = tokenize("1.7e308\n-1.7e308\n1.7e308", states_tokenizer(States(((-1e308,), (-1.7e308,)))))
    assert found.tokens == ["c0", "c1", "c0"] and found.states is not None
    assert found.states.steps[0].distance == 1.7976931348623157e308 and 1e308 < found.states.mean < 1.3e308
    json.loads(found.to_json())


def test_one_line_is_one_step_or_all_steps_of_one_channel() -> None:
    one, two = states_tokenizer(States(((0.0,), (5.0,)))), states_tokenizer(States(((0.0, 0.0), (5.0, 5.0))))
    assert tokenize("1 4 nan", one).tokens == tokenize("1\n4\nnan", one).tokens == ["c0", "c1", "nan"]
    assert tokenize("4 4", two).tokens == ["c1"]
    for text in ("1\n4", "1 2 3", "1 2 3\n4 5 6", "7"):
        with pytest.raises(InputError, match="a time step of these states has 2 numbers"):
            tokenize(text, two)


def test_words_are_taken_as_words() -> None:
    tokenizer = states_tokenizer(States(((0.0, 0.0), (5.0, 5.0))))
    found = tokenize("c1 c0 nan c9", tokenizer)
    assert found.tokens == ["c1", "c0", "nan", "<unk>"] and found.states is None
    assert tokenize("c1 c0", tokenizer).round_trip and tokenize("", tokenizer).ids == []


# check


@pytest.mark.parametrize("angles", [False, True])
def test_the_check_compares_every_step_with_all_centres(angles: bool) -> None:
    tokenizer = train_tokenizer([TURNED], "states", vocab_size=25, angles=angles)
    found = check_tokenizer(tokenizer, number=400)
    assert found.passed and found.kind == "states" and found.lost == []
    assert 0 < found.exact < 400 and found.worst == pytest.approx(1, abs=1e-6)
    assert found.to_json() == check_tokenizer(tokenizer, number=400).to_json()


def test_the_check_finds_a_step_that_does_not_come_back_as_the_nearest() -> None:
    tokenizer = states_tokenizer(States(((0.0,), (1.0,), (2.0,))))
    ids = dict(tokenizer.vocabulary)
    tokenizer.backend = Backend(models.WordLevel({word: i for word, i in ids.items() if word != "c1"}, unk_token="c2"))
    tokenizer.backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    found = check_tokenizer(tokenizer, number=100)
    assert not found.passed and found.worst is not None and found.worst > 1
    [loss] = found.lost
    assert loss.rule == "failed" and "c2" in loss.tokens and loss.count > 1


# the commands


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("walk.txt").write_text("\n".join(f"{a} {b}" for a, b in TURNED.T))
    Path("wide.csv").write_text("a,b,c\n1,2,3\n4,5,60\n")
    return tmp_path


def test_train_tokenize_check_and_compare(capsys: Any, here: Path) -> None:
    words = ["tokenizer", "train", "walk.txt", "--kind", "states", "--vocab-size", 17]
    code, out, err = run(capsys, *words, "--angles", "--seed", 3, "-o", "states", "--json")
    record = json.loads(out)
    assert (code, err, record["vocab_size"], record["kind"]) == (0, "", 17, "states")
    assert set(record["loses"]) == {"unknown", "missing", "rounding"}
    kept = json.loads(Path("states/tokenizer_config.json").read_text())["cutaway"]
    assert kept["angles"] is True and len(kept["centres"]) == 12
    run(capsys, *words, "--angles", "--seed", 3, "-o", "again")
    assert Path("again/tokenizer_config.json").read_bytes() == Path("states/tokenizer_config.json").read_bytes()
    code, out, _ = run(capsys, "tokenize", "-f", "walk.txt", "-m", "./states")
    assert (
        code == 0
        and "nearest" in out
        and "between the cosines and sines of the angles" in out
        and "more time steps" in out
    )
    code, out, _ = run(capsys, "tokenize", "3.1 1", "-m", "./states", "--json")
    assert code == 0 and json.loads(out)["states"]["steps"][0]["word"] == json.loads(out)["tokens"][0]
    code, out, _ = run(capsys, "tokenizer", "check", "./states", "-n", 100)
    assert code == 0 and "the distance from the nearest of all centres" in out
    run(capsys, "tokenizer", "train", "walk.txt", "--kind", "bins", "-o", "bins")
    code, out, _ = run(capsys, "tokenizer", "compare", "walk.txt=series", "-t", "./states", "-t", "./bins", "--json")
    assert code == 0 and json.loads(out)["cells"][0]["symbols_per_token"] == 2
    code, out, _ = run(capsys, "tokenize", "3.1 1", "-m", "./states", "-o", "page.html")
    assert code == 0 and "drawStates" in Path("page.html").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["walk.txt", "one.txt"], "record 'one.txt:2' (line 2 of 'one.txt') has 1 channel, and those before it 2"),
        (["wide.csv", "--column", "a", "--vocab-size", 9], "can't make 4 states from 2 different time steps"),
        (["wide.csv", "--column", "c", "--vocab-size", 7, "--angles", "--limit", "3"], "takes no limit"),
        (["wide.csv", "--column", "b", "--column", "c", "--angles"], "60 is not an angle in radians"),
        (["walk.txt", "--alphabet", "text"], "is not for 'text'"),
    ],
)
def test_bad_input_is_named(capsys: Any, here: Path, words: list[Any], said: str) -> None:
    Path("one.txt").write_text("\n1\n2\n")
    code, out, err = run(capsys, "tokenizer", "train", *words, "--kind", "states", "-o", "x")
    assert code == 2 and out == "" and said in err and not Path("x").exists()


def test_plain_transformers_loads_the_folder(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    tokenizer = train_tokenizer([TURNED], "states", vocab_size=17, angles=True)
    save_tokenizer(tokenizer, tmp_path / "states")
    loaded = transformers.AutoTokenizer.from_pretrained(tmp_path / "states")
    text = states_of(tokenizer).write(TURNED)
    assert loaded(text)["input_ids"] == tokenizer.encode(text).ids
    assert states_of(Tokenizer.from_directory(tmp_path / "states")) == states_of(tokenizer)
