"""Read the known contacts of a sequence from a file: a matrix, or pairs of positions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cutaway.errors import InputError, counted
from cutaway.sequences.text_files import read_bytes, read_text

if TYPE_CHECKING:
    import numpy.typing as npt

_MARK = re.compile(r"\s*[,;\t]\s*")


def read_contacts(path: str | Path, length: int) -> npt.NDArray[Any]:
    """Return a symmetric boolean matrix [length, length] from a .npy file, or from a .csv of a matrix or of pairs.

    In a matrix every number above 0 is a contact (-1 often means unknown). A pair is two positions on one line, counted
    from 1. Cells are separated by commas, semicolons or tabs, or by spaces if a line has none of these. Lines that
    begin with #, and a header whose cells all begin with a letter, are skipped. Raises `InputError`, with the line.
    """
    import numpy as np

    file = Path(path)
    if file.suffix.lower() == ".npy":
        read_bytes(file)  # for its errors
        try:
            matrix = np.load(file, allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise InputError(
                f"{str(file)!r} is not an array of numbers: {error}", hint="write it with numpy.save"
            ) from error
        return _symmetric(file, matrix, length)
    lines = enumerate(map(str.strip, read_text(file).splitlines()), 1)
    numbered = [(number, _cells(line)) for number, line in lines if line.strip(",;\t ") and line[0] != "#"]
    if numbered and all(cell.strip("\"'")[:1].isalpha() for cell in numbered[0][1]):
        numbered = numbered[1:]
    for number, row in numbered:
        if not _numbers(row) or len(row) != len(numbered[0][1]):
            raise InputError(
                f"{str(file)!r}, line {number}: {','.join(row)[:40]!r} is not {len(numbered[0][1])} numbers",
                hint="give a matrix of numbers, or two positions per line, counted from 1",
            )
    values = np.array([[float(cell) for cell in row] for _, row in numbered])
    if values.ndim == 2 and 2 < values.shape[1] != values.shape[0]:
        raise InputError(
            f"{str(file)!r} has {counted(values.shape[1], 'column')}; the sequence has {counted(length, 'position')}",
            hint=f"give two columns (pairs, without a score) or {length:,} (a matrix)",
        )
    if values.ndim == 2 and values.shape[1] == 2 and length != 2:
        return _from_pairs(file, [number for number, _ in numbered], values, length)
    return _symmetric(file, values, length)


def _from_pairs(file: Path, lines: list[int], pairs: npt.NDArray[Any], length: int) -> npt.NDArray[Any]:
    import numpy as np

    matrix = np.zeros((length, length), bool)
    for number, (i, j) in zip(lines, pairs.tolist(), strict=True):
        if not (i.is_integer() and j.is_integer() and 1 <= i <= length and 1 <= j <= length):
            raise InputError(
                f"{str(file)!r}, line {number}: {i:g},{j:g} is not a pair of positions in the sequence",
                hint=f"positions run from 1 to {length:,}",
            )
        matrix[int(i) - 1, int(j) - 1] = matrix[int(j) - 1, int(i) - 1] = True
    return matrix


def _symmetric(file: Path, matrix: npt.NDArray[Any], length: int) -> npt.NDArray[Any]:
    import numpy as np

    if matrix.shape != (length, length) or matrix.dtype.kind not in "biuf":
        shape = " × ".join(map(str, matrix.shape)) or "one number"
        raise InputError(
            f"{str(file)!r} holds {shape} of type {matrix.dtype}; the sequence has {length:,} positions",
            hint=f"give a matrix of {length} × {length} numbers (0 is no contact), or pairs of positions",
        )
    found = np.nan_to_num(matrix) > 0
    either: npt.NDArray[Any] = found | found.T
    return either


def _cells(line: str) -> list[str]:
    return _MARK.split(line) if _MARK.search(line) else line.split()


def _numbers(cells: list[str]) -> bool:
    try:
        return [float(cell) for cell in cells] != []
    except ValueError:
        return False
