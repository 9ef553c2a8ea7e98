"""Which atoms are chosen where another file names them; and .pdb files that were cut, damaged, or have locations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cutaway.errors import BadSequence, InputError
from cutaway.sequences import read_records

mdtraj = pytest.importorskip("mdtraj")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def atom(number: int, name: str, x: float = 0.0, residue: int = 1, location: str = " ", kind: str = "ALA") -> str:
    return f"ATOM  {number:>5}  {name:<3}{location}{kind} A{residue:>4}    {x:8.3f}{2:8.3f}{3:8.3f}  1.00  0.00\n"


def read(content: str, **options: Any) -> tuple[Any, dict[str, int]]:
    """Return the frames of a .pdb file, F × C ångströms, and what was counted."""
    Path("m.pdb").write_text(content)
    records = read_records("m.pdb", "series", **options)
    frames = np.concatenate([np.array(record.sequence).T for record in records]) * 10
    return frames, {rule: n for rule, n in records.counts.items() if rule != "records" and n}


def refused(content: str, **options: Any) -> str:
    with pytest.raises(BadSequence) as caught:
        read(content, **options)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["xtc", "dcd", "trr"])
def test_names_of_other_atoms_choose_none(kind: str) -> None:
    walk = np.zeros((3, 10, 3), np.float32) + np.arange(10, dtype=np.float32)[:, None]
    opener = {
        "xtc": mdtraj.formats.XTCTrajectoryFile, "dcd": mdtraj.formats.DCDTrajectoryFile,
        "trr": mdtraj.formats.TRRTrajectoryFile,
    }[kind]  # fmt: skip
    with opener(f"big.{kind}", "w") as file:
        file.write(walk * (10 if kind == "dcd" else 1))  # ångströms
    names = ["N", "C", "O", "CB", "H", "CA", "HA", "H1", "H2", "H3"]
    for kept in ([1, 3, 4, 5, 6], range(11)):  # fewer atoms and more; CA is the sixth, x = 5
        rows = [atom(i + 1, [*names, "H4"][i]) for i in kept]
        Path("big.pdb").write_text("".join(rows) + "END\n")
        for column in ("name CA", ["distance 1 2", "name CA"]):
            with pytest.raises(InputError) as caught:
                list(read_records(f"big.{kind}", "series", column=column))
            assert f"'big.{kind}' has 10 atoms, and mdtraj finds {len(rows)} in 'big.pdb'" in str(caught.value)
        assert len(list(read_records(f"big.{kind}", "series", column="distance 1 2"))) == 1  # needs no names
    Path("big.pdb").write_text("".join(atom(i + 1, name) for i, name in enumerate(names)) + "END\n")
    (record,) = read_records(f"big.{kind}", "series", column="name CA")
    assert record.sequence[0].tolist() == pytest.approx([5.0] * 3)
