"""1 to 4 ranks under the variables of each launcher: the same losses and weights to the bit, also after a kill."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cutaway
from tests.unit.launchers import without_launchers
from tests.unit.training_runs import TINY, checkpoints, lines

assert cutaway.__file__ is not None
ROOT = Path(__file__).parents[2]
SETTINGS: dict[str, Any] = TINY | {
    "batch_size": 6, "micro_batch": 2, "steps": 8, "save_every": 3, "validate_every": 4, "dropout": 0.1, "samples": 1,
}  # fmt: skip
"""Three micro-batches: one rank in four has nothing to compute."""

RANKS = {1: None, 2: "slurm", 3: "pals", 4: "openmpi"}
KINDS = ("llama", "masked", "seq2seq", "adamw")


def environment(home: Path) -> dict[str, str]:
    sources = os.pathsep.join([str(Path(cutaway.__file__ or "").parents[1]), str(ROOT)])
    return without_launchers() | {"PYTHONPATH": sources, "CUTAWAY_HOME": str(home), "OMP_NUM_THREADS": "1"}


def written_data(folder: Path) -> dict[str, str]:
    random = np.random.default_rng(0)
    reads = ["".join(random.choice(list("ACGT"), random.integers(5, 28))) for _ in range(60)]
    (folder / "reads.fasta").write_text("".join(f">r{n}\n{read}\n" for n, read in enumerate(reads)))
    pairs = "".join(f"{read},{read[::-1]}\n" for read in reads)
    (folder / "pairs.csv").write_text(f"sequence,reverse\n{pairs}")
    return {"masked": str(folder / "reads.fasta"), "seq2seq": str(folder / "pairs.csv")}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders of all runs: `gpt2-2` is that of two ranks; `killed` was killed at one rank and went on at three."""
    place = tmp_path_factory.mktemp("ranks")
    data = written_data(place)
    of_kind: dict[str, dict[str, Any]] = {
        "gpt2": {},
        "adamw": {"optimizer": "adamw"},
        "llama": {"arch": "llama"},
        "masked": {"objective": "masked", "alphabet": "dna", "rows": "packed"},
        "seq2seq": {"objective": "seq2seq", "alphabet": "dna", "column": "sequence", "target_column": "reverse"},
    }

    def run(name: str, kind: str, ranks: int, launcher: str | None, **more: Any) -> dict[str, Any]:
        settings = SETTINGS | of_kind[kind]
        return {"folder": str(place / name), "data": data.get(kind, "built-in"), "launcher": launcher, "ranks": ranks,
                "settings": settings, **more}  # fmt: skip

    plan = [run(f"gpt2-{ranks}", "gpt2", ranks, launcher) for ranks, launcher in RANKS.items()]
    plan += [
        run(f"{kind}-{ranks}", kind, ranks, "torchrun" if ranks > 1 else None) for kind in KINDS for ranks in (1, 2)
    ]
    plan += [run("killed", "gpt2", 1, None, killed_after=5), run("killed", "gpt2", 3, "pmi")]
    (place / "plan.json").write_text(json.dumps(plan))
    done = subprocess.run(
        [sys.executable, "-m", "tests.unit.forked_ranks", str(place / "plan.json")], env=environment(place / "home"),
        capture_output=True, text=True, timeout=600, check=False, cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return place


def assert_same(folder: Path, other: Path) -> None:
    """Check all but times to the bit; only the sum of the gradient's norm shows in which order it was made."""
    for mine, theirs in zip(lines(folder), lines(other), strict=True):
        for name in ("step", "loss", "learning_rate", "tokens", "symbols", "rows", "place"):
            assert mine[name] == theirs[name], (mine["step"], name)
        assert mine["gradient_norm"] == pytest.approx(theirs["gradient_norm"], rel=1e-12)
    for name in ("validation.jsonl", "samples.jsonl"):
        assert lines(folder, name) == lines(other, name)
    assert (folder / "model.safetensors").read_bytes() == (other / "model.safetensors").read_bytes()


@pytest.mark.parametrize("ranks", [2, 3, 4])
def test_any_number_of_ranks_gives_the_same_bits(runs: Path, ranks: int) -> None:
    assert_same(runs / f"gpt2-{ranks}", runs / "gpt2-1")
    record = json.loads((runs / f"gpt2-{ranks}" / "run.json").read_text())
    assert record["ranks"] == ranks and record["launcher"] == RANKS[ranks]


@pytest.mark.parametrize("kind", KINDS)
def test_this_holds_for_other_models_objectives_and_optimizers(runs: Path, kind: str) -> None:
    assert_same(runs / f"{kind}-2", runs / f"{kind}-1")


def test_a_run_that_was_killed_goes_on_at_another_number_of_ranks(runs: Path) -> None:
    assert_same(runs / "killed", runs / "gpt2-1")
    assert checkpoints(runs / "killed") == checkpoints(runs / "gpt2-1")


def test_a_short_form_of_the_kill_test(tmp_path: Path) -> None:
    script = [sys.executable, str(ROOT / "benchmarks" / "kill_test.py"), "--kills", "2", "--most", "2"]
    done = subprocess.run(
        script, env=environment(tmp_path), capture_output=True, text=True, timeout=600, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert done.stdout.endswith("all runs ended as the untouched one\n")
