"""Contacts from a structure: against distances taken one by one from the coordinates that were written."""

import gzip

import numpy as np
import pytest
from Bio import PDB
from Bio.SeqUtils import seq3

from cutaway.errors import InputError
from cutaway.sequences.structure_contacts import read_structure

SEQUENCE = "MKTAYIAKQRGGSFVKSHWS"
MISSING = (0, 7, 8, 9)  # places that the structure does not show
RNG = np.random.default_rng(3)
CB_P3 = RNG.uniform(0, 22, (len(SEQUENCE), 3)).round(3)


def atom(serial, name, letter, chain, number, xyz):
    x, y, z = xyz
    residue = seq3(letter).upper()
    return (
        f"ATOM  {serial:5d}  {name:<3} {residue} {chain}{number:4d}    {x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00"
        f"           {name[0]}\n"
    )


@pytest.fixture
def pdb(tmp_path):
    """Chain A is something else; chain B the sequence, four residues missing; and water."""
    lines = [atom(i + 1, "CB", letter, "A", i + 1, (i, i, i)) for i, letter in enumerate("DEDEDEPPNNC")]
    for place, letter in enumerate(SEQUENCE):
        if place in MISSING:
            continue
        far = CB_P3[place] + 300
        if letter == "G":
            lines.append(atom(len(lines) + 1, "CA", letter, "B", place + 11, CB_P3[place]))
        else:
            lines.append(atom(len(lines) + 1, "CA", letter, "B", place + 11, far))
            lines.append(atom(len(lines) + 1, "CB", letter, "B", place + 11, CB_P3[place]))
    lines.append("HETATM  999  O   HOH B 500       1.000   1.000   1.000  1.00  0.00           O\n")
    path = tmp_path / "known.pdb"
    path.write_text("".join(lines) + "END\n")
    return path


def expected():
    size = len(SEQUENCE)
    touching = np.zeros((size, size), bool)
    for i in range(size):
        for j in range(size):
            shown = i not in MISSING and j not in MISSING and i != j
            touching[i, j] = shown and sum((CB_P3[i] - CB_P3[j]) ** 2) ** 0.5 < 8
    return touching


def test_contacts_are_distances_between_beta_carbons(pdb):
    found = read_structure(pdb, SEQUENCE)
    assert (found.chain, found.resolved) == ("B", 16)
    assert 5 < expected().sum() < 200
    assert np.array_equal(found.contacts, expected())


@pytest.mark.parametrize("gone", [10, 11])
def test_residue_numbers_tell_which_of_two_equal_residues_is_missing(tmp_path, gone):
    lines = [atom(i, "CA", letter, "A", i + 1, CB_P3[i]) for i, letter in enumerate(SEQUENCE) if i != gone]
    (tmp_path / "loop.pdb").write_text("".join(lines) + "END\n")
    near = np.linalg.norm(CB_P3[:, None] - CB_P3[None], axis=-1) < 8
    near[gone] = near[:, gone] = False
    np.fill_diagonal(near, False)
    assert np.array_equal(read_structure(tmp_path / "loop.pdb", SEQUENCE).contacts, near)


def test_a_jump_in_residue_numbers_without_a_gap_is_harmless(tmp_path):
    numbers = [i + 1 + 7 * (i > 9) + 2000 * (i > 14) for i in range(len(SEQUENCE))]
    lines = [atom(i, "CA", x, "A", n, CB_P3[i]) for i, (x, n) in enumerate(zip(SEQUENCE, numbers, strict=True))]
    (tmp_path / "kabat.pdb").write_text("".join(lines) + "END\n")
    found = read_structure(tmp_path / "kabat.pdb", SEQUENCE)
    near = np.linalg.norm(CB_P3[:, None] - CB_P3[None], axis=-1) < 8
    np.fill_diagonal(near, False)
    assert found.resolved == 20 and np.array_equal(found.contacts, near)


def test_a_part_of_the_chain_is_enough(pdb):
    found = read_structure(pdb, SEQUENCE[10:])
    assert (found.chain, found.resolved) == ("B", 10)
    assert np.array_equal(found.contacts, expected()[10:, 10:])


def test_gzipped_mmcif_gives_the_same(pdb, tmp_path):
    writer = PDB.MMCIFIO()
    writer.set_structure(PDB.PDBParser(QUIET=True).get_structure("", pdb))
    writer.save(str(tmp_path / "known.cif"))
    packed = tmp_path / "known.cif.gz"
    packed.write_bytes(gzip.compress((tmp_path / "known.cif").read_bytes()))
    for path in (tmp_path / "known.cif", packed):
        assert np.array_equal(read_structure(path, SEQUENCE).contacts, expected())


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("other.pdb", None, "no chain of .* the closest, chain B, has 7 of its 40 residues"),
        ("empty.pdb", b"", "cannot read|has no protein chain"),
        ("words.pdb", b"hello\n", "has no protein chain"),
        ("words.cif", b"hello\n", "Biopython cannot read"),
        ("cut.cif.gz", gzip.compress(b"data_x\n" * 99, mtime=0)[:20], "Biopython cannot read"),
        ("bytes.pdb", bytes(range(128, 256)), "Biopython cannot read"),
    ],
)
def test_files_that_are_not_a_structure_of_the_sequence_are_refused(pdb, tmp_path, name, content, words):
    path = tmp_path / name
    path.write_bytes(pdb.read_bytes() if content is None else content)
    sequence = SEQUENCE[1:7] + "W" * 30 + "SHWS" if content is None else SEQUENCE
    with pytest.raises(InputError, match=words):
        read_structure(path, sequence)


def test_a_missing_file_is_reported(tmp_path):
    with pytest.raises(InputError, match="there is no file"):
        read_structure(tmp_path / "nothing.pdb", SEQUENCE)
