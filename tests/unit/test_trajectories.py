"""Frames of .trr files, whole, cut and damaged; and collective variables, against mdtraj's own."""

from __future__ import annotations

import contextlib
import gzip
import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cutaway.errors import BadSequence, InputError
from cutaway.sequences import dihedrals, distances, read_records
from cutaway.sequences.alphabets import series

mdtraj = pytest.importorskip("mdtraj")

ATOMS = ("N", "CA", "C", "O")
RESIDUES = 5
WALK = np.random.default_rng(4).normal(size=(23, 4 * RESIDUES, 3)).astype(np.float32)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def pdb(frame_A3: Any, chains: str = "AAABB") -> str:
    rows = []
    for i, (x, y, z) in enumerate(np.asarray(frame_A3, dtype=float) * 10):
        name, residue = ATOMS[i % 4], i // 4
        rows.append(
            f"ATOM  {i + 1:>5}  {name:<3} ALA {chains[residue]}{residue + 1:>4}    {x:8.3f}{y:8.3f}{z:8.3f}"
            f"  1.00  0.00           {name[0]}  \n"
        )
    return "".join(rows) + "END\n"


def trajectory(kind: str, frames: Any = WALK, name: str = "a", box: Any = None) -> str:
    opener = {
        "xtc": mdtraj.formats.XTCTrajectoryFile, "dcd": mdtraj.formats.DCDTrajectoryFile,
        "trr": mdtraj.formats.TRRTrajectoryFile,
    }[kind]  # fmt: skip
    with opener(f"{name}.{kind}", "w", force_overwrite=True) as file:
        if kind == "dcd" and box is not None:
            cell = np.array(mdtraj.utils.box_vectors_to_lengths_and_angles(*map(np.array, box)))
            lengths, angles = (np.tile(part, (len(frames), 1)) for part in (cell[:3] * 10, cell[3:]))
            file.write(frames * 10, cell_lengths=lengths, cell_angles=angles)
        elif kind == "dcd":
            file.write(frames * 10)
        elif box is None:
            file.write(frames)
        else:
            file.write(frames, box=np.tile(np.float32(box), (len(frames), 1, 1)))
    Path(f"{name}.pdb").write_text(pdb(frames[0]))
    return f"{name}.{kind}"


def trr_frame(
    step: int, x: Any = None, v: Any = None, /, *, double: bool = False, box: bool = True, **said: int
) -> bytes:
    """Put a frame together as GROMACS does; `said` are headers that lie."""
    number = 8 if double else 4
    atoms = len(x if x is not None else v if v is not None else WALK[0])
    sizes = {"ir": 0, "e": 0, "box": 9 * number * box, "vir": 0, "pres": 0, "top": 0, "sym": 0}
    sizes |= {name: 0 if of is None else of.size * number for name, of in (("x", x), ("v", v), ("f", None))}
    header = sizes | {"atoms": atoms, "step": step, "nre": 0} | said
    kind = f">{'d' if double else 'f'}"
    body = b"".join(np.asarray(of).astype(f">f{number}").tobytes() for of in (x, v) if of is not None)
    head = struct.pack(">iii12s", 1993, 13, 12, b"GMX_trn_file") + struct.pack(">13i", *header.values())
    return head + struct.pack(kind, step) + struct.pack(kind, 0) + bytes(9 * number * box) + body


def read(name: str, **options: Any) -> Any:
    """Read a trajectory of one record, as F × C numbers."""
    (record,) = read_records(name, "series", **options)
    return np.array(record.sequence).T


def says(content: bytes, *words: str, kept: int = 0, name: str = "bad.trr") -> None:
    """Write a file and read it: an error with these words, behind so many frames."""
    Path(name).write_bytes(content)
    with pytest.raises(BadSequence) as caught:
        list(read_records(name, "series"))
    for word in (repr(name), *words):
        assert word in str(caught.value)
    if kept:
        records = read_records(name, "series", skip_bad=True)
        assert sum(len(record.sequence[0]) for record in records) == kept and records.counts["skipped"] == 1


# .trr


def test_trr_as_mdtraj_reads_it() -> None:
    name = trajectory("trr")
    with mdtraj.formats.TRRTrajectoryFile(name) as file:
        xyz = file.read()[0]
    found = read(name)
    assert (found.reshape(WALK.shape) == xyz).all() and (xyz == WALK).all()
    assert (read(name, column="name CA").reshape(23, RESIDUES, 3) == WALK[:, 1::4]).all()
    with gzip.open("b.trr.gz", "wb") as packed:
        packed.write(Path(name).read_bytes())
    assert (read("b.trr.gz") == found).all()


def test_long_trr_is_cut_into_records(monkeypatch: pytest.MonkeyPatch) -> None:
    name = trajectory("trr")
    monkeypatch.setattr(series, "PIECE", 3 * 4 * RESIDUES * 10)
    records = read_records(name, "series")
    assert [(record.line, len(record.sequence[0])) for record in records] == [(1, 10), (11, 10), (21, 3)]
    assert records.counts["long series cut"] == 2
    monkeypatch.setattr(series, "PIECE", 8)  # fewer numbers than a frame has
    pieces = list(read_records(name, "series", column=["distance 1 2", "distance 3 9"]))
    assert [len(record.sequence[0]) for record in pieces] == [4] * 5 + [3]
    whole = np.concatenate([np.array(record.sequence) for record in pieces], axis=1)
    assert whole == pytest.approx(distances(WALK, [[0, 1], [2, 8]]).T, abs=1e-15)


def test_trr_of_doubles_is_not_rounded() -> None:
    exact = np.random.default_rng(0).normal(size=(3, 5, 3))
    frames = [trr_frame(i, frame, frame + 1, double=True) for i, frame in enumerate(exact)]
    Path("a.trr").write_bytes(b"".join(frames))
    assert (read("a.trr").reshape(exact.shape) == exact).all()
    Path("b.trr").write_bytes(frames[0] + trr_frame(1, exact[1], double=False, box=False))  # one of each
    assert (read("b.trr")[1].reshape(5, 3) == exact[1].astype(np.float32)).all()


def test_frames_without_coordinates_are_counted_and_not_invented() -> None:
    x = WALK[:4]
    kinds = [trr_frame(0, x[0]), trr_frame(1, None, x[1]), trr_frame(2), trr_frame(3, x[3], x[1])]
    Path("a.trr").write_bytes(b"".join(kinds))
    records = read_records("a.trr", "series")
    (record,) = records
    assert (np.array(record.sequence).T.reshape(2, -1, 3) == x[[0, 3]]).all()
    assert records.counts["frames without coordinates"] == 2
    bad = np.where(np.arange(x[3].size).reshape(x[3].shape) == 7, np.nan, x[3])
    says(b"".join([*kinds[:3], trr_frame(3, bad)]), "line 4, column 8", "y of atom 3 is not a finite number")
    says(kinds[1] * 3, "no frame has coordinates (of 3 frames)")


def test_a_trr_that_was_cut_or_damaged_is_an_error() -> None:
    data = Path(trajectory("trr")).read_bytes()
    one = len(data) // len(WALK)
    for cut in (1, 30, 83, 84, one - 1, one + 1, len(data) // 2, len(data) - 1):
        kept = cut // one
        says(data[:cut], f"frame {kept + 1} is incomplete", "truncated", kept=kept)
    says(b"this is no trajectory" * 20, "cannot read this as .trr")
    says(data[:one] + b"\0" * one, "frame 2 is damaged", kept=1)
    for at in range(0, 76, 4):  # every number of a header, the sizes of nothing too
        if at in (68, 72):  # step and nre say nothing about the frame
            continue
        hurt = bytearray(data[: 2 * one])
        hurt[one + at : one + at + 4] = struct.pack(">i", 0x0F0F0F0F)
        says(bytes(hurt), "frame 2 is", kept=1)
    says(data[:one] + trr_frame(1, WALK[1, :4]), "frame 2 is of 4 atoms, but the first frame has 20", kept=1)
    for lie in ({"atoms": 0}, {"atoms": -1}, {"x": 12}, {"box": 71}, {"vir": 36, "box": 72}, {"f": -240}, {"ir": 4}):
        says(data[:one] + trr_frame(1, WALK[1], **lie), "frame 2 is damaged", kept=1)


def test_no_byte_of_a_trr_header_makes_it_crash() -> None:
    data = Path(trajectory("trr", WALK[:3])).read_bytes()
    chance = np.random.default_rng(0)
    for at in chance.integers(0, len(data), 300).tolist() + list(range(84)):
        hurt = bytearray(data)
        hurt[at] ^= 1 << int(chance.integers(8))
        Path("hurt.trr").write_bytes(bytes(hurt))
        with contextlib.suppress(BadSequence):
            assert sum(len(record.sequence[0]) for record in read_records("hurt.trr", "series")) == 3


# collective variables


@pytest.mark.parametrize("kind", ["xtc", "dcd", "trr"])
def test_variables_are_those_of_mdtraj(kind: str) -> None:
    name = trajectory(kind)
    whole = mdtraj.load(name, top="a.pdb")
    phi = mdtraj.compute_phi(whole, periodic=False)[1]
    psi = mdtraj.compute_psi(whole, periodic=False)[1]
    assert phi.shape[1] == psi.shape[1] == 3  # of three and two residues
    assert read(name, column="phi") == pytest.approx(phi, abs=1e-4)
    found = read(name, column=["psi", "distance 2 18", "dihedral 1 2 3 5", "name O", "phi"])
    apart = mdtraj.compute_distances(whole, [[1, 17]], periodic=False)
    turned = mdtraj.compute_dihedrals(whole, [[0, 1, 2, 4]], periodic=False)
    oxygen = whole.xyz[:, 3::4].reshape(23, -1)  # coordinates first, then the variables in the order asked for
    assert found == pytest.approx(np.concatenate([oxygen, psi, apart, turned, phi], axis=1), abs=1e-4)
    assert np.abs(found[:, 15:18]).max() > 3  # radians, beyond which there is a seam


BOXES = {
    "square": [[1.1, 0, 0], [0, 1.5, 0], [0, 0, 2]],
    "dodecahedron": [[2, 0, 0], [0, 2, 0], [1, 1, math.sqrt(2)]],
    "slanted": [[1.5, 0, 0], [0.6, 1.2, 0], [-0.7, 0.5, 1.1]],
}


@pytest.mark.parametrize("kind", ["xtc", "dcd", "trr"])
@pytest.mark.parametrize("shape", BOXES)
def test_with_a_box_distances_are_to_the_nearest_image(kind: str, shape: str) -> None:
    name = trajectory(kind, box=BOXES[shape])
    whole = mdtraj.load(name, top="a.pdb")
    assert whole.unitcell_vectors[5] == pytest.approx(np.array(BOXES[shape]), abs=1e-5)
    pairs = [(a, b) for a in range(20) for b in range(a)]
    apart = mdtraj.compute_distances(whole, pairs)
    assert read(name, column=[f"distance {a + 1} {b + 1}" for a, b in pairs]) == pytest.approx(apart, abs=1e-4)
    assert np.abs(apart - mdtraj.compute_distances(whole, pairs, periodic=False)).max() > 1
    turned = np.exp(1j * read(name, column="psi")) - np.exp(1j * mdtraj.compute_psi(whole)[1])
    assert np.median(np.abs(turned)) < 1e-4  # two images that are equally near to a rounding give other angles
    assert (np.abs(turned) > 1e-2).mean() < 0.1
    assert read(name, column="name CA") == pytest.approx(whole.xyz[:, 1::4].reshape(23, -1), abs=1e-6)


def test_the_nearest_of_very_many_images() -> None:
    chance = np.random.default_rng(3)
    ends = chance.normal(size=(40, 2, 3)) * 5
    boxes = np.array([BOXES[shape] for shape in chance.choice(list(BOXES), 40)], dtype=float)
    shifts = np.stack(np.meshgrid(*[np.arange(-25, 26)] * 3), axis=-1).reshape(-1, 3)
    ways = ends[:, 1] - ends[:, 0]
    nearest = [np.linalg.norm(way + shifts @ box, axis=1).min() for way, box in zip(ways, boxes, strict=True)]
    assert distances(ends, [[0, 1]], boxes)[:, 0] == pytest.approx(nearest, rel=1e-12)
    boxes[::2] = math.nan
    boxes[1::4] = 0
    found = distances(ends, [[0, 1]], boxes)[:, 0]
    assert found[::2] == pytest.approx(np.linalg.norm(ways[::2], axis=1)) and found[1::4] == pytest.approx(
        np.linalg.norm(ways[1::4], axis=1)
    )
    assert found[3::4] == pytest.approx(nearest[3::4], rel=1e-12)
    with pytest.raises(InputError, match="`boxes` has the shape 3 x 3\n"):
        distances(ends, [[0, 1]], BOXES["square"])


def test_distances_need_no_names() -> None:
    name = trajectory("trr")
    Path("a.pdb").unlink()
    assert read(name, column="distance 1 20")[:, 0] == pytest.approx(np.linalg.norm(WALK[:, 0] - WALK[:, 19], axis=1))
    with pytest.raises(InputError, match="stores no atom names, so 'phi' cannot be resolved"):
        read(name, column="phi")


def test_variables_of_a_pdb() -> None:
    models = [f"MODEL     {i + 1:>4}\n{pdb(frame)[:-4]}ENDMDL\n" for i, frame in enumerate(WALK[:4])]
    Path("m.pdb").write_text("".join(models) + "END\n")
    whole = mdtraj.load("m.pdb")
    assert read("m.pdb", column="psi") == pytest.approx(mdtraj.compute_psi(whole, periodic=False)[1], abs=1e-5)
    apart = mdtraj.compute_distances(whole, [[0, 19]], periodic=False)
    assert read("m.pdb", column="distance 1 20") == pytest.approx(apart, abs=1e-5)
    with pytest.raises(InputError, match=r"'m\.pdb' has 20 atoms; atom 21 does not exist"):
        read("m.pdb", column="distance 1 21")
    text = Path("m.pdb").read_text().replace(f"{10 * WALK[1, 0, 1]:8.3f}", "     NaN", 1)
    Path("n.pdb").write_text(text)
    found = read("n.pdb", column=["distance 1 2", "distance 2 3"], skip_bad=True)
    assert np.isnan(found).tolist() == [[False, False], [True, False], [False, False], [False, False]]


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("distance 0 5", "'distance 0 5': there is no atom 0\natoms are numbered from 1"),
        ("distance 1 2 3", "a distance needs the numbers of 2 atoms; got 'distance 1 2 3'"),
        ("distance", "a distance needs the numbers of 2 atoms"),
        ("distance one two", "a distance needs the numbers of 2 atoms"),
        ("distance 1 ²", "a distance needs the numbers of 2 atoms"),
        ("distance 5 5", "'distance 5 5' names one atom twice"),
        ("dihedral 1 2 3", "a dihedral needs the numbers of 4 atoms; got 'dihedral 1 2 3'"),
        ("dihedral 1 2 3 21", "'a.trr' has 20 atoms; atom 21 does not exist"),
        ("distance 1 99999999999", "there is no atom 99999999999"),
        ("omicron", "mdtraj cannot select '(omicron)' in 'a.pdb'"),
        ("phi 3", "mdtraj cannot select '(phi 3)'"),
        ("name XX", "no atom of 'a.pdb' matches '(name XX)'"),
        ("", "mdtraj cannot select '()'"),
    ],
)
def test_bad_variables_are_named(column: str, said: str) -> None:
    name = trajectory("trr")
    with pytest.raises(InputError) as caught:
        read(name, column=column, skip_bad=True)
    assert said in str(caught.value) and not isinstance(caught.value, BadSequence)


def test_a_bad_file_of_atom_names_is_refused() -> None:
    name = trajectory("trr")
    Path("a.pdb").write_text(pdb(WALK[0]).replace(" CA ", " CX "))
    with pytest.raises(InputError, match=r"no residue in 'a\.pdb' has a phi angle"):
        read(name, column="phi")
    Path("a.pdb").write_text("ATOM  nonsense\n")
    with pytest.raises(InputError, match=r"mdtraj cannot read the atoms of 'a\.pdb'"):
        read(name, column="phi")


def test_a_bad_coordinate_names_its_atom_and_the_variable_is_missing() -> None:
    walk = WALK.copy()
    walk[6, 4, 2] = np.inf
    name = trajectory("trr", walk)
    with pytest.raises(BadSequence, match=r"line 7, column 6 .*z of atom 5 is not a finite number"):
        read(name, column="distance 1 5")
    records = read_records(name, "series", column=["distance 1 5", "distance 1 4"], skip_bad=True)
    (record,) = records
    assert [math.isnan(x) for x in record.sequence[0]].index(True) == 6
    assert not any(map(math.isnan, record.sequence[1]))
    assert records.counts["bad numbers to missing"] == 1 and records.counts["missing numbers"] == 1


def test_an_angle_that_is_none_is_missing() -> None:
    line = [[[0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 1, 0]], [[0, 1, 0], [1, 0, 0], [2, 0, 0], [3, 1, 0]]]
    assert dihedrals(line, [[0, 1, 2, 3]]).ravel().tolist() == pytest.approx([math.nan, 0.0], nan_ok=True)
    with pytest.raises(InputError, match="`atoms` are 0 to 5\nthey must be from 0 to 3"):
        distances(line, [[0, 5]])
    with pytest.raises(InputError, match="each variable needs 4 atoms"):
        dihedrals(line, [[0, 1, 2]])


def test_the_sign_of_an_angle() -> None:
    """Twist the last atom about the middle bond by 0.3: the angle grows by 0.3; a mirror turns its sign."""
    a, b, c, d = np.random.default_rng(0).normal(size=(4, 3))
    axis = (c - b) / np.linalg.norm(c - b)
    arm = d - c
    twisted = arm * np.cos(0.3) + np.cross(axis, arm) * np.sin(0.3) + axis * (axis @ arm) * (1 - np.cos(0.3))
    before, after = (dihedrals([[a, b, c, end]], [[0, 1, 2, 3]])[0, 0] for end in (d, c + twisted))
    assert math.remainder(after - before - 0.3, math.tau) == pytest.approx(0, abs=1e-9)
    mirrored = dihedrals([np.array([a, b, c, d]) * [1, 1, -1]], [[0, 1, 2, 3]])[0, 0]
    assert mirrored == pytest.approx(-before)
