"""Trajectories of molecular dynamics: frames are time steps; x, y and z of each atom are channels, in nanometres.

A `column` selects some atoms, or collective variables, instead: see `cutaway.sequences.readers.selection`. A long
trajectory becomes several records, each of at most `series.PIECE` numbers. A record's line is the number of its first
frame, from 1; in a .pdb file it is a line of the file.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import itertools
import math
import os
import struct
import sys
import warnings
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from cutaway.errors import BadSequence, counted
from cutaway.sequences.alphabets import series
from cutaway.sequences.readers.frame_index import TrrFrames, dcd_frames, trr_frames, xtc_frames
from cutaway.sequences.readers.line_blocks import local, text_lines
from cutaway.sequences.readers.request import Raw, Request
from cutaway.sequences.readers.selection import Selection, need_mdtraj, selection_of, topology_beside, topology_of_model
from cutaway.sequences.readers.series_builder import SeriesBuilder

_Floats = npt.NDArray[np.float64]
_Block = tuple[_Floats, _Floats | None]
"""Frames, F × A × 3, and their boxes, F × 3 × 3, in nanometres."""


def read_trajectory(request: Request) -> Iterator[Raw | BadSequence]:
    """Yield the frames of an .xtc or .dcd file, read by mdtraj.

    A truncated file is an error after its last whole frame. Damaged compressed coordinates can crash mdtraj's C code;
    this cannot be caught here.
    """
    mdtraj = need_mdtraj()
    kinds = {"xtc": (mdtraj.formats.XTCTrajectoryFile, 1.0), "dcd": (mdtraj.formats.DCDTrajectoryFile, 0.1)}
    opener, nanometres = kinds[request.format]
    selection = selection_of(request, topology_beside(request))
    with local(request) as name:
        try:
            with Path(name).open("rb") as file:
                whole, cut, atoms = (xtc_frames if request.format == "xtc" else dcd_frames)(file)
            selection.check(request, atoms)
            with _silent():
                opened = opener(name)
            with opened:
                read = functools.partial(_next_frames, opened, selection, nanometres)
                yield from _pieces(request, selection, atoms, range(1, whole + 1), read)
        except (OSError, RuntimeError, ValueError, struct.error) as error:
            raise _unreadable(request, error) from error
    if cut:
        raise _cut(request, whole + 1)


def read_trr(request: Request) -> Iterator[Raw | BadSequence]:
    """Yield the frames of a .trr file in the precision of the file.

    Frames with only velocities or forces are counted and left out. A truncated or damaged file is an error after its
    last whole frame. mdtraj is not used for this format: it returns uninitialised memory for such frames, rounds
    doubles to floats, and trusts the header of every frame.
    """
    selection = selection_of(request, topology_beside(request))
    with local(request) as name, Path(name).open("rb") as file:
        try:
            frames = trr_frames(file)
        except ValueError as error:
            raise _unreadable(request, error) from error
        if frames.whole:
            selection.check(request, frames.atoms)
        if frames.whole > len(frames.numbers):
            request.counts["frames without coordinates"] += frames.whole - len(frames.numbers)
        yield from _pieces(
            request, selection, frames.atoms, frames.numbers, functools.partial(_trr_block, file, frames, selection)
        )
    if frames.problem == "truncated":
        raise _cut(request, frames.whole + 1)
    if frames.problem:
        why = f"frame {frames.whole + 1:,} is {frames.problem}"
        raise request.bad(
            why, frames.whole + 1, hint="download it again, or keep the frames before it with `skip_bad=True`"
        )
    if not frames.numbers:
        why = f"no frame has coordinates (of {counted(frames.whole, 'frame')})"
        raise request.bad(why, 1, hint="give the file with the coordinates")


def _next_frames(file: Any, selection: Selection, nanometres: float, start: int, count: int) -> _Block:
    xyz_FA3, *rest = file.read(count, atom_indices=selection.atoms)
    if len(xyz_FA3) != count:
        raise OSError(f"mdtraj returned {len(xyz_FA3):,} frames instead of {count:,}")
    boxes_F33 = rest[2] if len(rest) == 3 else None if rest[0] is None else _boxes(*rest)
    with np.errstate(invalid="ignore"):  # NaN is handled later
        return xyz_FA3.astype(np.float64) * nanometres, None if boxes_F33 is None else boxes_F33 * nanometres


def _boxes(lengths_F3: _Floats, angles_F3: _Floats) -> _Floats:
    """Return box vectors; angles are in degrees. Impossible angles give NaN, or a box without volume."""
    from mdtraj.utils import lengths_and_angles_to_box_vectors

    parts = np.asarray([*lengths_F3.T, *angles_F3.T], dtype=np.float64)
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        boxes_F33: _Floats = np.stack(lengths_and_angles_to_box_vectors(*parts), axis=1)
    return boxes_F33


def _trr_block(file: BinaryIO, frames: TrrFrames, selection: Selection, start: int, count: int) -> _Block:
    width = 3 * frames.atoms
    xyz_FA3 = np.empty((count, frames.atoms if selection.atoms is None else len(selection.atoms), 3))
    boxes_F33 = np.zeros((count, 3, 3))
    with np.errstate(invalid="ignore"):
        for i in range(count):
            kind, size = (">f8", 8) if frames.double[start + i] else (">f4", 4)
            if frames.boxes[start + i]:
                file.seek(frames.boxes[start + i])
                boxes_F33[i] = np.frombuffer(file.read(9 * size), dtype=kind).reshape(3, 3)
            file.seek(frames.starts[start + i])
            xyz_A3 = np.frombuffer(file.read(width * size), dtype=kind).reshape(-1, 3)
            xyz_FA3[i] = xyz_A3 if selection.atoms is None else xyz_A3[selection.atoms]
    return xyz_FA3, boxes_F33


def _pieces(
    request: Request, selection: Selection, atoms: int, frames: Sequence[int], read: Callable[[int, int], _Block]
) -> Iterator[Raw]:
    """Yield the frames with these numbers as records; `read(start, count)` returns some of them."""
    most = max(1, series.PIECE // max(1, selection.width(atoms)))
    read_atoms = atoms if selection.atoms is None else len(selection.atoms)
    block = max(1, series.PIECE // (3 * read_atoms + 9))
    for start in range(0, len(frames), most):
        end, parts = min(start + most, len(frames)), list[_Floats]()
        for at in range(start, end, block):
            xyz_FA3, boxes_F33 = read(at, min(block, end - at))
            _only_finite(request, selection, xyz_FA3, frames[at : at + block])
            parts.append(selection.of(xyz_FA3, boxes_F33))
        numbers_CF = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        if start:
            request.counts["long series cut"] += 1
        place = functools.partial(_frame, frames[start:end])
        yield Raw(None, tuple(map(_array, numbers_CF)), None, frames[start], place)


def _only_finite(request: Request, selection: Selection, xyz_FA3: _Floats, frames: Sequence[int]) -> None:
    """Raise `BadSequence` if a coordinate is not finite; with `skip_bad`, make it a missing number instead."""
    finite_FA3 = np.isfinite(xyz_FA3)
    if finite_FA3.all():
        return
    frame, atom, axis = (int(i) for i in np.argwhere(~finite_FA3)[0])
    of = atom if selection.atoms is None else int(selection.atoms[atom])
    why = f"{'xyz'[axis]} of atom {of + 1:,} is not a finite number"
    request.skip(request.bad(why, frames[frame], 3 * atom + axis + 1))
    request.counts["bad numbers to missing"] += int((~finite_FA3).sum())
    xyz_FA3[~finite_FA3] = np.nan


def _array(row: _Floats) -> array[float]:
    channel = array("d")
    channel.frombytes(np.ascontiguousarray(row, dtype=np.float64).tobytes())
    return channel


def _frame(frames: Sequence[int], step: int) -> str:
    return f"frame {frames[step - 1]:,}"


def _cut(request: Request, frame: int) -> BadSequence:
    why = f"frame {frame:,} is incomplete: the file is truncated"
    return request.bad(why, frame, hint="download it again, or keep the frames before it with `skip_bad=True`")


def _unreadable(request: Request, error: Exception) -> BadSequence:
    why = f"cannot read this as .{request.format} ({' '.join(str(error).split())[:120]})"
    return request.bad(why, 1, hint="check that its format matches its name, or download it again")


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Keep messages that a C library prints off stdout, which is for data."""
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


def read_pdb(request: Request) -> Iterator[Raw | BadSequence]:
    """Yield the models of a .pdb file as frames, with the atoms in the order of the file.

    Of alternate locations of an atom or residue the first is used; the others are counted. A `column` selects as for a
    trajectory; only selections of atoms, phi and psi need mdtraj.
    """
    channels, selection = SeriesBuilder(request), None
    first, locations = list[str](), _Locations()
    frame, start, model, width = list[float](), 0, 0, 0
    for number, line in itertools.chain(text_lines(request), [(0, "END")]):
        if isinstance(line, BadSequence):
            yield line
        elif line.startswith(("ATOM  ", "HETATM")):
            start = start or number
            if locations.another(line):
                request.counts["alternate locations left out"] += 1
                continue
            if selection is None and request.columns:
                first.append(line)
            for column in (31, 39, 47):
                frame.append(_coordinate(request, line, number, column))
        elif line.startswith(("MODEL ", "END")):
            if model and not line.startswith("ENDMDL"):
                why = f"another begins on line {number:,}" if line.startswith("MODEL ") else "the file is truncated"
                yield request.bad(f"this model does not end with ENDMDL: {why}", model)
            elif frame and line.startswith("MODEL "):
                yield request.bad(f"these atoms are outside any model, and a model begins on line {number:,}", start)
            elif frame and len(frame) != (width or len(frame)):
                why = f"{counted(len(frame) // 3, 'atom')}, but the first model has {width // 3:,}"
                yield request.bad(why, start)
            elif frame:
                if selection is None:
                    selection = selection_of(request, topology_of_model(request, first))
                    selection.check(request, len(frame) // 3)
                width = len(frame)
                yield from channels.add(start, _selected(selection, frame))
            elif model:
                yield request.bad("this model has no atoms", model)
            first, locations, frame = [], _Locations(), []
            start = model = number if line.startswith("MODEL ") else 0
    yield from channels.end()


class _Locations:
    """The alternate location that is used for each atom of one residue, by the name of the atom."""

    def __init__(self) -> None:
        self.residue = ""
        self.atoms: dict[str, str] = {}

    def another(self, line: str) -> bool:
        """Return whether this line is a further location of an atom or residue that has been read."""
        name, location, residue = line[12:16], line[16:17], line[17:27]
        if residue != self.residue:
            if residue[4:] == self.residue[4:] and location not in " ":
                return True
            self.residue, self.atoms = residue, {}
        return self.atoms.setdefault(name, location) != location


def _coordinate(request: Request, line: str, number: int, column: int) -> float:
    """Return a coordinate in nanometres; if it is cut off or blank, that is an error, or with `skip_bad` NaN."""
    said = line[column - 1 : column + 7]
    if len(said) == 8 and not series.is_missing(said):
        return request.number(said, number, column) / 10
    why = "missing" if not said.strip() else f"not a finite number: {said!r}" if len(said) == 8 else "cut off"
    request.skip(request.bad(f"{'xyz'[(column - 31) // 8]} of this atom is {why}", number, column))
    request.counts["bad numbers to missing"] += 1
    return math.nan


def _selected(selection: Selection, frame: list[float]) -> Sequence[float]:
    if selection.atoms is None:
        return frame
    values: list[float] = selection.of(np.array(frame).reshape(1, -1, 3)[:, selection.atoms])[:, 0].tolist()
    return values
