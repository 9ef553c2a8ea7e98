"""Find the frames of trajectory files: how many are whole, and what is wrong after the last whole one."""

from __future__ import annotations

import dataclasses
import os
import struct
from array import array
from typing import BinaryIO

from cutaway.errors import counted


def xtc_frames(file: BinaryIO) -> tuple[int, bool, int]:
    """Return how many frames of an XTC file are whole, whether a broken one follows, and how many atoms each has.

    mdtraj reads half a frame as the end of the file. A frame is: magic number, atoms, step, time, box and atoms again
    (56 bytes); with more than nine atoms then eight numbers, the length of the compressed coordinates, and these,
    padded to four bytes.
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
            if not sound and end <= size:  # mdtraj would read and write outside its tables
                raise ValueError(f"frame {count + 1:,} is damaged")
        if end > size or end <= start:
            return count, True, atoms
        start, count = end, count + 1
    return count, False, atoms


def dcd_frames(file: BinaryIO) -> tuple[int, bool, int]:
    """Return how many frames of a DCD file are whole, whether it is truncated, and how many atoms each has.

    The header gives the number of frames. The file consists of Fortran records, each between two copies of its length:
    84 bytes of header, a title, the number of atoms; then for each frame the unit cell (if the header announces it),
    x, y and z.
    """
    size = os.fstat(file.fileno()).st_size
    head = file.read(92)
    order = "<" if head[:4] == b"\x54\0\0\0" else ">"
    length, magic, claimed = struct.unpack(f"{order}i4si", head[:12])
    if length != 84 or magic != b"CORD":
        raise ValueError("it does not begin with a DCD header")
    (fixed,), (cell,) = struct.unpack(f"{order}i", head[40:44]), struct.unpack(f"{order}i", head[48:52])
    if fixed:
        raise ValueError(f"it has {counted(fixed, 'fixed atom')}; write the file with all atoms in every frame")
    (title,) = struct.unpack(f"{order}i", file.read(4))
    file.seek(92 + title + 8)
    _, atoms, _ = struct.unpack(f"{order}iii", file.read(12))
    first = 92 + title + 8 + 12
    frame = 3 * (4 * atoms + 8) + (56 if cell else 0)
    whole, rest = divmod(size - first, frame)
    return whole, rest > 0 or claimed > whole, atoms


@dataclasses.dataclass
class TrrFrames:
    """The frames of a .trr file that have coordinates: their numbers, from 1, and where in the file these start.

    `boxes` says where the box vectors of each frame start (0 if it has none), and `double` whether its numbers have
    eight bytes instead of four. The file has `whole` whole frames; `problem` is what is wrong with the next, or "".
    """

    atoms: int
    numbers: array[int]
    starts: array[int]
    boxes: array[int]
    double: array[int]
    whole: int
    problem: str


_TRR_HEADER = struct.Struct(">iii12s10i3i")


def trr_frames(file: BinaryIO) -> TrrFrames:
    """Find the frames of a .trr file. Raises `ValueError` if it does not begin with one.

    A frame is: magic number, name of the format, the sizes in bytes of ten parts, number of atoms, step, time and
    lambda, then the parts. Of these GROMACS writes any of box, virial, pressure, coordinates, velocities and forces.
    """
    size, start = os.fstat(file.fileno()).st_size, 0
    found = TrrFrames(0, array("q"), array("q"), array("q"), array("b"), 0, "")
    while start < size:
        file.seek(start)
        head = file.read(_TRR_HEADER.size)
        if len(head) < _TRR_HEADER.size:
            found.problem = "truncated"
            break
        magic, length, letters, name, *sizes, atoms, _, _ = _TRR_HEADER.unpack(head)
        box, x, number = sizes[2], sizes[7], _number_size(sizes, atoms)
        if (magic, length, letters, name) != (1993, 13, 12, b"GMX_trn_file") or not number:
            found.problem = "damaged"
            break
        if found.whole and atoms != found.atoms:
            found.problem = f"of {counted(atoms, 'atom')}, but the first frame has {found.atoms:,}"
            break
        found.atoms = atoms
        body = start + _TRR_HEADER.size + 2 * number
        end = body + sum(sizes)
        if end > size:
            found.problem = "truncated"
            break
        found.whole += 1
        if x:
            found.numbers.append(found.whole)
            found.starts.append(body + box + sizes[3] + sizes[4])
            found.boxes.append(body if box else 0)
            found.double.append(number == 8)
        start = end
    if not found.whole and found.problem == "damaged":
        raise ValueError("it does not begin with a .trr frame")
    return found


def _number_size(sizes: list[int], atoms: int) -> int:
    """Return the bytes per number, 4 or 8, or 0 if the sizes contradict each other or the number of atoms."""
    inputs, energies, box, virial, pressure, topology, symbols, *vectors = sizes
    if atoms <= 0 or inputs or energies or topology or symbols:
        return 0
    for number in (4, 8):
        tensors = all(part in (0, 9 * number) for part in (box, virial, pressure))
        if tensors and all(part in (0, 3 * number * atoms) for part in vectors) and (box or any(vectors)):
            return number
    return 0
