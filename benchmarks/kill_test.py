"""Runs that are killed at random moments and go on at another number of processes, against runs that nothing touched.

    python benchmarks/kill_test.py                       # 20 kills, 1 to 4 processes
    python benchmarks/kill_test.py --kills 2 --most 2    # the short form, which the tests run

Each of the runs begins with a random number of processes. SIGKILL ends all of them after a random step, or in every
second run while a checkpoint is being written. Then the same call goes on with another random number of processes. What
is checked:

- every step, also one that was made twice, has the loss of the untouched run to 1e-6, and to the bit if the number of
  processes was the same throughout; then the saved weights are the same bytes, too;
- every step reads the rows that the permutation says, each row of an epoch once, none twice and none left out;
- validations and samples are those of the untouched run, and nothing half-written is left.

The processes are forked, so that torch is imported once; each is killed as a process of its own.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import random
import signal
import socket
import sys
import tempfile
import time
import traceback
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from cutaway.training import Settings, TrainingRun, train

NEAR = 1e-6  # nats
SETTINGS: dict[str, Any] = {
    "alphabet": "dna", "layers": 2, "heads": 2, "width": 64, "context": 48, "batch_size": 8, "micro_batch": 2,
    "steps": 36, "dropout": 0.1, "rows": "packed", "save_every": 3, "validate_every": 6, "samples": 1, "threads": 1,
    "seed": 5,
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Trace:
    """What a run left: each step that was made (step, loss, rows), in order, and its folder."""

    made: list[tuple[int, float, int]]
    folder: Path

    def lines(self, name: str) -> list[dict[str, Any]]:
        """Return the records of a file of the folder, without what the clock says."""
        records = [json.loads(line) for line in (self.folder / name).read_text().splitlines()]
        return [{k: v for k, v in record.items() if k not in ("seconds", "tokens_per_second")} for record in records]


def write_reads(path: Path) -> None:
    """Write 90 DNA sequences of 8 to 44 letters, which fit into a row: a few epochs for the steps of a run."""
    generator = np.random.default_rng(1)
    with path.open("w") as file:
        for number in range(90):
            letters = generator.choice(list("ACGT"), int(generator.integers(8, 45)))
            file.write(f">read{number}\n{''.join(letters)}\n")


def start(data: Path, folder: Path, ranks: int) -> list[int]:
    """Start the processes of a run in one process group; return their ids, the group's first."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    pids: list[int] = []
    for rank in range(ranks):
        pid = os.fork()
        if pid == 0:
            os.setpgid(0, pids[0] if pids else 0)
            code = 1
            try:
                _train(data, folder, rank, ranks, port)
                code = 0
            except SystemExit as error:
                code = int(error.code or 0)
            except BaseException as error:
                print(f"rank {rank} of {ranks}: {error!r}", file=sys.stderr)
            finally:
                sys.stderr.flush()
                os._exit(code)
        pids.append(pid)
        os.setpgid(pid, pids[0])
    return pids


def _train(data: Path, folder: Path, rank: int, ranks: int, port: int) -> None:
    log = os.open(f"{folder}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if ranks > 1:
        os.environ |= {
            "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(ranks), "LOCAL_WORLD_SIZE": str(ranks),
            "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
        }  # fmt: skip
    with Path(f"{folder}.made").open("a", buffering=1) as made:
        train(
            str(data), output=folder, **SETTINGS,
            on_step=lambda record: made.write(json.dumps([record.step, record.loss, record.rows]) + "\n"),
        )  # fmt: skip


def wait(pids: list[int], folder: Path) -> None:
    """Wait for the processes of a run. Raises `RuntimeError` with what they wrote if one fails."""
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    if any(codes):
        raise RuntimeError(f"{folder.name} ended with {codes}:\n{_log(folder)}")


def _log(folder: Path) -> str:
    log = Path(f"{folder}.log")
    return log.read_text()[-3000:] if log.exists() else ""


def whole(data: Path, folder: Path, ranks: int) -> Trace:
    """Train to the end."""
    wait(start(data, folder, ranks), folder)
    lines = Path(f"{folder}.made").read_text().splitlines()
    return Trace([tuple(json.loads(line)) for line in lines], folder)


def kill(pids: list[int], folder: Path, after: int, delay: float, *, saving: bool) -> tuple[int, bool]:
    """Kill the processes after a step, or during the save that comes next; return the steps made, and if it saved."""
    made, parts = Path(f"{folder}.made"), folder / "checkpoints"
    while not (made.exists() and made.read_bytes().count(b"\n") >= after):
        _check_alive(pids, folder)
        time.sleep(0.002)
    while saving and not list(parts.glob("step-????????.part")):
        _check_alive(pids, folder)
        time.sleep(0.0005)
    time.sleep(delay)
    os.killpg(pids[0], signal.SIGKILL)
    for pid in pids:
        os.waitpid(pid, 0)
    return made.read_bytes().count(b"\n"), bool(list(parts.glob("step-????????.part")))


def _check_alive(pids: list[int], folder: Path) -> None:
    ended, status = os.waitpid(pids[0], os.WNOHANG)
    if ended:
        raise RuntimeError(f"{folder.name} ended before its kill, {status}:\n{_log(folder)}")


def audit(data: Path) -> list[int]:
    """Return the checksum of the rows of each step, from the shards alone; check that an epoch has each row once."""
    run = TrainingRun(Settings.of(data=str(data), **SETTINGS))
    rows, size = run.data.rows, SETTINGS["batch_size"]
    per_epoch = run.data.per_epoch or 0
    read: Counter[tuple[int, ...]] = Counter()
    sums = []
    for step in range(1, SETTINGS["steps"] + 1):
        chosen = [
            (index // per_epoch, rows.row(SETTINGS["seed"], index)) for index in range((step - 1) * size, step * size)
        ]
        sums.append(sum(zlib.crc32(row.ids.tobytes()) for _, row in chosen))
        for epoch, row in chosen:
            read.update((epoch, record) for record in row.records)
    epochs = SETTINGS["steps"] * size // per_epoch
    assert run.data.shards is not None and epochs > 1
    trained = run.data.shards.train[:, 0].tolist()
    for epoch in range(epochs):
        assert sorted(record for part, record in read.elements() if part == epoch) == sorted(trained)
    return sums


def differences(trace: Trace, untouched: Trace, sums: list[int]) -> tuple[float, bool]:
    """Return the largest difference of a loss, and whether all is the same to the bit. Raises `AssertionError`."""
    expected = {step: loss for step, loss, _ in untouched.made}
    steps = list(range(1, SETTINGS["steps"] + 1))
    assert [record["step"] for record in trace.lines("metrics.jsonl")] == steps
    assert {step for step, _, _ in trace.made} == set(steps)
    for step, _, checksum in trace.made:
        assert checksum == sums[step - 1], f"step {step} read other rows"
    assert [record["rows"] for record in trace.lines("metrics.jsonl")] == sums
    kept = {record["step"]: record["loss"] for record in trace.lines("metrics.jsonl")}
    apart = max(abs(loss - expected[step]) for step, loss, _ in [*trace.made, *((*one, 0) for one in kept.items())])
    validations, before = trace.lines("validation.jsonl"), untouched.lines("validation.jsonl")
    assert [record["step"] for record in validations] == [record["step"] for record in before]
    apart = max(apart, *(abs(a["loss"] - b["loss"]) for a, b in zip(validations, before, strict=True)))
    assert [record["step"] for record in trace.lines("samples.jsonl")] == [record["step"] for record in before]
    assert not list(trace.folder.rglob("*.part")) and not list(trace.folder.glob("*.lock"))
    assert apart <= NEAR, f"a loss is off by {apart:.3g} nats"
    weights = [(one.folder / "model.safetensors").read_bytes() for one in (trace, untouched)]
    return apart, apart == 0 and weights[0] == weights[1]


def main() -> None:
    """Kill, go on, compare; print a line a run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--most", type=int, default=4, help="largest number of processes")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    chance = random.Random(options.seed)  # noqa: S311
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        os.environ |= {"CUTAWAY_HOME": str(work / "home"), "OMP_NUM_THREADS": "1"}
        data = work / "reads.fasta"
        write_reads(data)
        untouched = {ranks: whole(data, work / f"untouched-{ranks}", ranks) for ranks in range(1, options.most + 1)}
        wait([_in_child(lambda: (work / "sums").write_text(json.dumps(audit(data))))], work / "audit")
        sums = json.loads((work / "sums").read_text())
        for ranks, trace in untouched.items():
            apart, same = differences(trace, untouched[1], sums)
            print(
                f"untouched, {ranks} of {options.most} processes: off by {apart:.1e} nats, "
                f"{'same' if same else 'other'} bits"
            )
        print("run  processes  killed in step  saving  went on after  made twice  off by (nats)  bits")
        for number in range(1, options.kills + 1):
            before, after = chance.randint(1, options.most), chance.randint(1, options.most)
            if number <= 2:
                before, after = (1, min(2, options.most)) if number == 1 else (options.most, options.most)
            folder = work / f"run-{number}"
            pids = start(data, folder, before)
            last = SETTINGS["steps"] - (SETTINGS["save_every"] if number % 2 else 1)
            step, saving = kill(
                pids,
                folder,
                chance.randint(1, last),
                chance.uniform(0, 0.03 if number % 2 else 0.1),
                saving=bool(number % 2),
            )
            trace = whole(data, folder, after)
            at = trace.made[step][0] - 1 if step < len(trace.made) else SETTINGS["steps"]
            apart, same = differences(trace, untouched[before], sums)
            if before == after:
                assert same, f"run {number}: not the same bits at {before} processes"
            print(
                f"{number:3}  {before:4} → {after:<2}  {step + 1:14}  {'yes' if saving else 'no':>6}  {at:13}  "
                f"{step - at:10}  {apart:13.1e}  {'same' if same else 'other'}",
                flush=True,
            )  # fmt: skip
    print("all runs ended as the untouched one")


def _in_child(work: Any) -> int:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return pid


if __name__ == "__main__":
    main()
