"""Trajectories of molecular dynamics: frames are time steps, and x, y and z of each atom channels, in nanometres.

A record of a long trajectory holds as many frames as fit into `series.PIECE` numbers; the next goes on behind it. The
line of a record is its first frame, from 1; in a .pdb file it is a line.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import itertools
import os
import struct
import sys
import tempfile
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from cutaway.errors import BadSequence, InputError
from cutaway.sequences.alphabets import series
from cutaway.sequences.readers.blocks import local, text_lines
from cutaway.sequences.readers.channels import Channels
from cutaway.sequences.readers.wanted import Raw, Wanted

__all__ = ["need_mdtraj", "read_pdb", "read_trajectory"]


def read_trajectory(wanted: Wanted) -> Iterator[Raw | BadSequence]:
    """Yield the frames of an .xtc or .dcd file. A `column` is a selection of atoms in mdtraj's language ("name CA").

    The atoms' names are those of the .pdb or .gro file beside it that is called the same; without a selection none is
    needed. A file that was cut short is an error, behind all that was whole; one whose packed coordinates were changed
    can make mdtraj's C code crash, which nothing here can catch.
    """
    mdtraj = need_mdtraj()
    kinds = {"xtc": (mdtraj.formats.XTCTrajectoryFile, 1.0), "dcd": (mdtraj.formats.DCDTrajectoryFile, 0.1)}
    opener, nanometres = kinds[wanted.format]
    chosen = _chosen(wanted, mdtraj, _beside(wanted)) if wanted.columns else None
    with local(wanted) as name:
        try:
            with Path(name).open("rb") as file:
                whole, cut, atoms = (_xtc_frames if wanted.format == "xtc" else _dcd_frames)(file)
            with _silent():
                file = opener(name)
            with file:
                yield from _pieces(wanted, file, chosen, (whole, atoms), nanometres)
        except (OSError, RuntimeError, ValueError, struct.error) as error:
            why = f"mdtraj can't read this as .{wanted.format} ({' '.join(str(error).split())[:120]})"
            raise wanted.bad(why, 1, hint="check that it is what its name says, or fetch it anew") from error
    if cut:
        why = f"frame {whole + 1:,} is not whole: the file was cut short"
        raise wanted.bad(why, whole + 1, hint="fetch it anew, or keep the frames before it with --skip-bad")


def _pieces(
    wanted: Wanted, file: Any, chosen: npt.NDArray[np.int64] | None, shape: tuple[int, int], nanometres: float
) -> Iterator[Raw]:
    done, (whole, atoms) = 0, shape
    width = atoms if chosen is None else len(chosen)
    if chosen is not None and chosen[-1] >= atoms:
        raise InputError(
            f"{wanted.file!r} has {atoms:,} atoms, and atom {chosen[-1] + 1:,} is chosen",
            hint="the .pdb or .gro file beside it is of something else",
        )
    while done < whole:
        count = min(whole - done, max(1, series.PIECE // (3 * width)))
        xyz_TAX = file.read(count, atom_indices=chosen)[0]
        if len(xyz_TAX) != count:
            raise OSError(f"{len(xyz_TAX):,} frames came where {count:,} were asked for")
        with np.errstate(invalid="ignore"):  # NaN is looked for below
            numbers = np.ascontiguousarray(xyz_TAX.reshape(count, -1).T, dtype=np.float64) * nanometres
        bad = np.argwhere(~np.isfinite(numbers.T))
        if len(bad):
            step, channel = (int(i) for i in bad[0])
            why = f"{'xyz'[channel % 3]} of atom {channel // 3 + 1:,} is no finite number"
            wanted.skip(wanted.bad(why, done + step + 1, channel + 1))
            wanted.counts["bad numbers to missing"] += len(bad)
            numbers[~np.isfinite(numbers)] = np.nan
        if done:
            wanted.counts["long series cut"] += 1
        yield Raw(None, tuple(map(_array, numbers)), None, done + 1, functools.partial(_frame, done))
        done += count


def _array(row: npt.NDArray[np.float64]) -> array[float]:
    channel = array("d")
    channel.frombytes(row.tobytes())
    return channel


def _frame(done: int, step: int) -> str:
    return f"frame {done + step:,}"


def _xtc_frames(file: BinaryIO) -> tuple[int, bool, int]:
    """Return how many frames of an XTC file are whole, whether one behind them is broken, and how many atoms each has.

    mdtraj takes half a frame for the end. A frame: magic number, atoms, step, time, box and atoms again (56 bytes); of
    more than nine atoms then eight numbers, the length of the packed coordinates, and these, filled up to four bytes.
    """
    size, start, count, atoms = os.fstat(file.fileno()).st_size, 0, 0, 0
    while start < size:
        file.seek(start)
        head = file.read(96)
        if len(head) < 56:
            return count, True, atoms
        magic, found = struct.unpack(">ii", head[:8])
        if magic not in (1995, 2023) or (count and found != atoms):
            if not count:
                raise ValueError("it does not begin with the magic number")
            return count, True, atoms
        atoms = found
        if atoms <= 9:
            end = start + 56 + 12 * atoms
        else:
            wide = 8 if magic == 2023 else 4
            if len(head) < 88 + wide:
                return count, True, atoms
            *bounds, small = struct.unpack(">7i", head[60:88])
            (packed,) = struct.unpack(">q" if wide == 8 else ">i", head[88 : 88 + wide])
            end = start + 88 + wide + -(-packed // 4) * 4
            sound = all(low <= high for low, high in zip(bounds[:3], bounds[3:], strict=True)) and 9 <= small < 73
            sound = sound and head[4:8] == head[52:56] and packed <= 4 * int(3.6 * atoms)
            if not sound and end <= size:  # mdtraj would read and write beyond its tables
                raise ValueError(f"frame {count + 1:,} is damaged")
        if end > size or end <= start:
            return count, True, atoms
        start, count = end, count + 1
    return count, False, atoms


def _dcd_frames(file: BinaryIO) -> tuple[int, bool, int]:
    """Return how many frames of a DCD file are whole, whether it was cut, and how many atoms each has.

    The header says how many frames there were. Fortran records, each between two copies of its length: 84 bytes of
    header, a title, the number of atoms; then for each frame the unit cell (where the header has one), x, y and z.
    """
    size = os.fstat(file.fileno()).st_size
    head = file.read(92)
    order = "<" if head[:4] == b"\x54\0\0\0" else ">"
    length, magic, claimed = struct.unpack(f"{order}i4si", head[:12])
    if length != 84 or magic != b"CORD":
        raise ValueError("it does not begin with a DCD header")
    (fixed,), (cell,) = struct.unpack(f"{order}i", head[40:44]), struct.unpack(f"{order}i", head[48:52])
    if fixed:
        raise ValueError(f"{fixed:,} atoms are fixed: write all of them into each frame")
    (title,) = struct.unpack(f"{order}i", file.read(4))
    file.seek(92 + title + 8)
    _, atoms, _ = struct.unpack(f"{order}iii", file.read(12))
    first = 92 + title + 8 + 12
    frame = 3 * (4 * atoms + 8) + (56 if cell else 0)
    whole, rest = divmod(size - first, frame)
    return whole, rest > 0 or claimed > whole, atoms


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Keep what a C library prints on opening a file away from stdout, which belongs to data."""
    if sys.stdout is not None:
        sys.stdout.flush()
    kept = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        ctypes.CDLL(None).fflush(None)
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def _beside(wanted: Wanted) -> Path:
    for suffix in (".pdb", ".gro"):
        beside = Path(wanted.file).parent / (wanted.stem + suffix)
        if beside.is_file():
            return beside
    raise InputError(
        f"which atoms {wanted.columns[0]!r} are, {wanted.file!r} does not say",
        hint=f"put a file with the atoms beside it: {wanted.stem}.pdb or {wanted.stem}.gro",
    )


def _chosen(wanted: Wanted, mdtraj: Any, topology: Path) -> npt.NDArray[np.int64]:
    selection = " or ".join(f"({column})" for column in wanted.columns)
    try:
        atoms: npt.NDArray[np.int64] = mdtraj.load_topology(str(topology)).select(selection)
    except Exception as error:  # of its parser, or of the file
        raise InputError(
            f"mdtraj can't select {selection!r} in {str(topology)!r}: {' '.join(str(error).split())[:120]}",
            hint='a selection is like "name CA" or "protein and not element H"',
        ) from error
    if not len(atoms):
        raise InputError(f"no atom of {str(topology)!r} is {selection!r}", hint='a selection is like "name CA"')
    return atoms


def read_pdb(wanted: Wanted) -> Iterator[Raw | BadSequence]:
    """Yield the models of a .pdb file as frames, their atoms as they follow; of alternate locations only the first, A.

    A `column` is a selection of atoms, as of a trajectory: that alone needs mdtraj.
    """
    channels, chosen = Channels(wanted), None
    first: list[str] | None = [] if wanted.columns else None
    frame, start, model, width = list[float](), 0, 0, 0
    for number, line in itertools.chain(text_lines(wanted), [(0, "END")]):
        if isinstance(line, BadSequence):
            yield line
        elif line.startswith("MODEL "):
            model, start = number, number
        elif line.startswith(("ATOM  ", "HETATM")):
            if line[16:17] not in (" ", "A"):
                wanted.counts["alternate locations left out"] += 1
                continue
            start = start or number
            if first is not None:
                first.append(line)
            for column in (31, 39, 47):
                frame.append(wanted.number(line[column - 1 : column + 7], number, column) / 10)
        elif line.startswith("END"):
            whole = line.startswith("ENDMDL") or not model
            if not whole:
                yield wanted.bad("this model has no end (ENDMDL): the file was cut short", model)
            elif frame and len(frame) != (width or len(frame)):
                yield wanted.bad(f"{len(frame) // 3:,} atoms, where the first model has {width // 3:,}", start)
            elif frame:
                if first:
                    chosen, first = _chosen_in(wanted, first), None
                width = len(frame)
                yield from channels.add(start, _of(frame, chosen))
            elif model:
                yield wanted.bad("this model has no atoms", model)
            frame, start, model = [], 0, 0
    yield from channels.end()


def _of(frame: list[float], chosen: npt.NDArray[np.int64] | None) -> list[float]:
    return frame if chosen is None else [frame[3 * int(atom) + axis] for atom in chosen for axis in range(3)]


def _chosen_in(wanted: Wanted, atoms: list[str]) -> npt.NDArray[np.int64]:
    with tempfile.TemporaryDirectory(prefix="cutaway-") as folder:
        model = Path(folder) / f"{wanted.stem}.pdb"
        model.write_text("\n".join([*atoms, "END", ""]), encoding="utf-8")
        return _chosen(wanted, need_mdtraj(), model)


def need_mdtraj() -> Any:
    """Return mdtraj. Raises `InputError` where there is none."""
    try:
        import mdtraj
    except ImportError as error:
        raise InputError(
            "reading trajectories needs mdtraj, which is not installed", hint="pip install 'cutaway[science]'"
        ) from error
    return mdtraj
