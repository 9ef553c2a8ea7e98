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
def test_names_of_another_number_of_atoms_are_refused(kind: str) -> None:
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
            assert f"'big.{kind}' has 10 atoms, but mdtraj finds {len(rows)} in 'big.pdb'" in str(caught.value)
        assert len(list(read_records(f"big.{kind}", "series", column="distance 1 2"))) == 1  # needs no names
    Path("big.pdb").write_text("".join(atom(i + 1, name) for i, name in enumerate(names)) + "END\n")
    (record,) = read_records(f"big.{kind}", "series", column="name CA")
    assert record.sequence[0].tolist() == pytest.approx([5.0] * 3)


# .pdb


@pytest.mark.parametrize(("kept", "axis", "word"), [(50, "z", "cut off"), (46, "z", "missing"), (37, "x", "cut off")])
def test_a_coordinate_that_is_cut_or_blank_is_an_error(kept: int, axis: str, word: str) -> None:
    whole = atom(1, "N", 5) + atom(2, "CA", 6)
    column = {"x": 31, "z": 47}[axis]
    assert f"line 2, column {column} of 'm.pdb': {axis} of this atom is {word}" in refused(
        whole[: len(whole) // 2 + kept]
    )
    (frame,), counts = read(whole[: len(whole) // 2 + kept], skip_bad=True)
    missing = {"x": 3, "z": 1}[axis]
    assert np.isnan(frame).tolist() == [False] * (6 - missing) + [True] * missing
    assert counts == {"bad numbers to missing": missing, "missing numbers": missing}
    blank = whole.replace("   6.000", " " * 8)
    assert "line 2, column 31 of 'm.pdb': x of this atom is missing" in refused(blank + "END\n")


def test_a_model_without_an_end_is_an_error() -> None:
    one, two = (atom(1, "N", x) + atom(2, "CA", x + 1) for x in (1, 3))
    content = f"MODEL        1\n{one}MODEL        2\n{two}ENDMDL\nMODEL        3\n{two}ENDMDL\nEND\n"
    said = refused(content)
    assert "line 1, column 1 of 'm.pdb': this model does not end with ENDMDL: another begins on line 4" in said
    for column in (None, "name N"):  # the atoms that names are of are those of the first whole model
        frames, counts = read(content, skip_bad=True, column=column)
        assert frames[:, 0].tolist() == pytest.approx([3, 3]) and counts == {"skipped": 1}
        assert frames.shape == (2, 6 if column is None else 3)
    content = f"{one}MODEL        1\n{two}ENDMDL\n"
    said = refused(content)
    assert "line 1, column 1 of 'm.pdb': these atoms are outside any model, and a model begins on line 3" in said
    assert read(content, skip_bad=True)[0][:, 0].tolist() == pytest.approx([3])


LOCATIONS = {
    "only B and C": ([("N", " ", 1, 1), ("CA", "B", 2, 1), ("CA", "C", 3, 1)], [1, 2]),
    "a residue after the other": ([("N", "A", 1, 1), ("CA", "A", 2, 1), ("N", "B", 3, 1), ("CA", "B", 4, 1)], [1, 2]),
    "one atom in B alone": ([("N", "A", 1, 1), ("N", "B", 2, 1), ("CA", "B", 3, 1)], [1, 3]),
    "blank and B": ([("CA", " ", 1, 1), ("CA", "B", 2, 1)], [1]),
    "two residues": ([("CA", "A", 1, 1), ("CA", "B", 2, 1), ("CA", "B", 3, 2), ("CA", "A", 4, 2)], [1, 3]),
    "names that recur": ([("C", " ", 1, 1), ("C", " ", 2, 1)], [1, 2]),
}


@pytest.mark.parametrize("case", LOCATIONS)
def test_the_first_location_of_each_atom_is_kept_as_mdtraj_does(case: str) -> None:
    rows, kept = LOCATIONS[case]
    content = "".join(atom(i + 1, name, x, residue, location) for i, (name, location, x, residue) in enumerate(rows))
    frames, counts = read(f"MODEL        1\n{content}ENDMDL\nMODEL        2\n{content}ENDMDL\n")
    assert frames[:, ::3].tolist() == [pytest.approx(kept)] * 2
    assert counts == ({"alternate locations left out": 2 * (len(rows) - len(kept))} if len(rows) > len(kept) else {})
    assert mdtraj.load("m.pdb").xyz[0, :, 0] * 10 == pytest.approx(kept)
    assert read(content, column="all")[0][0, ::3] == pytest.approx(kept)


def test_of_residues_that_alternate_the_first_is_kept() -> None:
    serine = atom(1, "N", 1, location="A", kind="SER") + atom(2, "OG", 2, location="A", kind="SER")
    threonine = atom(3, "N", 3, location="B", kind="THR") + atom(4, "OG1", 4, location="B", kind="THR")
    for content, kept in ((serine + threonine, [1, 2]), (threonine + serine, [3, 4])):
        frames, counts = read(content)
        assert frames[0, ::3].tolist() == pytest.approx(kept) and counts == {"alternate locations left out": 2}
    plain = threonine.replace("BTHR", " THR")  # without a location it is a residue of its own
    assert read(serine + plain)[0][0, ::3].tolist() == pytest.approx([1, 2, 3, 4])
