"""`contacts`: a contact map of residues from a model's attention, without any training.

Each head's map of the residues is symmetrised, S = A + A transposed, and corrected for what each residue gets from all
others: S_ij - S_i. S_.j / S_.. (average product correction: Dunn, Wahl, Gloor 2008; for attention: Vig et al. 2021, Rao
et al. 2021). The mean over heads is the model's map. If the contacts are known, each head's precision is computed.

Axis letters: N heads of all layers, H heads of a layer, T tokens, P residues.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from cutaway.array_codec import PackedArray, pack_array
from cutaway.errors import InputError, PromptTooLong, WrongKind, counted
from cutaway.inside.capture import Call, watch
from cutaway.inside.contact_precision import SEPARATIONS, Map, Precision, apc, precision, precisions
from cutaway.inside.forward import Reading, read
from cutaway.models.loading import shared
from cutaway.models.shelf import DEFAULT_PROTEIN
from cutaway.models.text_model import ModelLike
from cutaway.result import Result
from cutaway.sequences import read_contacts
from cutaway.sequences.structure_contacts import is_structure, read_structure
from cutaway.tokens.alphabet_detection import alphabet_of, letters_apart, sequence_in
from cutaway.tokens.encoding import encode_text
from cutaway.tokens.tokenizer import Tokenizer

CROWDED = 20  # in shorter sequences, half of the pairs may really be contacts
KEPT = 64_000_000  # most cells of the heads' maps that are kept, in float16


@dataclasses.dataclass(frozen=True)
class Contact:
    """Two residues, counted from 1, and how much more than expected they attend to each other (`score`)."""

    i: int
    j: int
    first: str
    second: str
    score: float
    known: bool | None


@dataclasses.dataclass(frozen=True)
class HeadContacts:
    """One head: its highest pair, and its precision at L (separation of 6 or more) if contacts are known."""

    layer: int
    head: int
    i: int
    j: int
    score: float
    precision: float | None


@dataclasses.dataclass(frozen=True, repr=False)
class Contacts(Result):
    """A contact map: `scores` [P, P] are the mean of all chosen heads; `best_scores` those of the best head, if known.

    `pairs` are the L highest pairs of the mean that are at least `separation` residues apart; L is the number of
    residues. `changes` counts what the rules of the alphabet changed in the given sequence. `truth_source` names the
    file of the known contacts, and the chain of a structure. `head_maps` holds the maps of single heads as far as
    memory allows; it is not part of the JSON.
    """

    schema: ClassVar[str] = "contacts"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".svg", ".png", ".csv", ".npz")
    table: ClassVar[str] = "pairs"

    model: str
    text: str
    changes: dict[str, int]
    residues: list[str]
    apc: bool
    looks_ahead: bool
    separation: int
    pairs: list[Contact]
    heads: list[HeadContacts]
    scores: PackedArray
    precisions: list[Precision] | None
    best: HeadContacts | None
    best_scores: PackedArray | None
    best_precisions: list[Precision] | None
    truth: list[list[int]] | None
    truth_source: str | None
    head_maps: dict[tuple[int, int], Map] = dataclasses.field(repr=False, compare=False, metadata={"json": False})

    def head(self, layer: int, head: int) -> Map:
        """Return one head's map [P, P], symmetrised and corrected.

        Raises `InputError` for a head that was not kept.
        """
        if (layer, head) not in self._only_in_memory("head_maps"):
            raise InputError(f"the map of head {layer}.{head} was not kept", hint="choose it with `layers` and `heads`")
        return self.head_maps[layer, head].astype(np.float32)

    def arrays(self) -> dict[str, Map]:
        """Return the maps [P, P] of the mean, the best head and the known contacts; and of all heads [N, P, P]."""
        found: dict[str, Map] = {"scores": self.scores.array(), "residues": np.array(self.residues)}
        if self.best_scores is not None:
            found["best_scores"] = self.best_scores.array()
        if self.truth is not None:
            known = np.zeros((len(self.residues),) * 2, bool)
            for i, j in self.truth:
                known[i - 1, j - 1] = known[j - 1, i - 1] = True
            found["truth"] = known
        if self.head_maps:
            found["head_maps"] = np.stack(list(self.head_maps.values()))
            found["heads"] = np.array(list(self.head_maps))
        return found


def contacts(
    text: str,
    model: ModelLike = DEFAULT_PROTEIN,
    *,
    truth: str | os.PathLike[str] | Map | Sequence[tuple[int, int]] | None = None,
    separation: int = 6,
    correct: bool = True,
    layers: Sequence[int] | None = None,
    heads: Sequence[int] | None = None,
) -> Contacts:
    """Run a sequence through a model and make contact maps of its attention: of each head, and their mean.

    Residues are the tokens of the text other than white space, counted from 1. If the tokenizer has only capitals, the
    rules of its alphabet are applied, as in `mutate`. `truth` are known contacts: a matrix [P, P], pairs of positions,
    a .npy or .csv file of either, or the protein's structure (.pdb, .cif), in which two residues touch if their Cβ are
    within 8 Å. The listed pairs are at least `separation` residues apart. `correct` applies the average product
    correction. Raises `MissingText`, `InputError`, `PromptTooLong`, `AttentionHidden` or another `ModelError`.

    >>> found = contacts("EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVAR")  # doctest: +SKIP
    >>> found.pairs[0].first, found.pairs[0].second  # doctest: +SKIP
    ('A', 'I')
    """
    if separation < 1:
        raise InputError(f"`separation` is {separation}; it must be 1 or above", hint="6 is usual")
    loaded = shared(model, "any")
    sequence, changes = sequence_in(_alphabet(loaded.tokenizer, text), text)
    try:
        reading = read(letters_apart(loaded.tokenizer, sequence), loaded)
    except PromptTooLong as error:
        raise PromptTooLong(error.message, hint="give a part of the sequence") from error
    if reading.target_ids is not None:
        raise WrongKind(
            f"{reading.model.name} is an encoder-decoder; contacts need the attention of one sequence to itself",
            hint=f"use an encoder or a decoder, for example `model={DEFAULT_PROTEIN!r}`",
        )
    places, residues = _residues(reading)
    known, source = _known(truth, residues)
    if known is not None and len(residues) >= CROWDED and known[np.triu_indices(len(residues), 6)].mean() > 0.5:
        raise InputError(
            "more than half of all pairs in `truth` are contacts; it looks like a matrix of distances",
            hint="give a matrix that is 0 for pairs without contact: numpy.save('truth.npy', distances < 8)",
        )
    measured = _Measured(places, correct, layers, heads, known)
    with watch(reading.model, measured) as seen:
        reading.run()
    measured.check(*seen.shape["self"])
    mean_PP = measured.total_PP / len(measured.heads)
    shares = None if known is None else precisions(mean_PP, known)
    best = max(measured.heads, key=lambda one: one.precision or 0.0) if shares else None
    top = _highest(mean_PP, separation)[: len(residues)]
    return Contacts(
        model=reading.model.name,
        text=sequence,
        changes=changes,
        residues=residues,
        apc=correct,
        looks_ahead=measured.looks_ahead,
        separation=separation,
        pairs=[_contact(i, j, residues, mean_PP, known) for i, j in top],
        heads=measured.heads,
        scores=pack_array(mean_PP.astype(np.float32)),
        precisions=shares,
        best=best,
        best_scores=None if best is None else pack_array(measured.best_PP.astype(np.float32)),
        best_precisions=None if best is None or known is None else precisions(measured.best_PP, known),
        truth=None if known is None else (np.argwhere(np.triu(known, 1)) + 1).tolist(),
        truth_source=source,
        head_maps=measured.maps,
    )


class _Measured:
    """An observer that turns each layer's attention into contact maps, adds them up and measures each."""

    def __init__(
        self,
        places: list[int],
        correct: bool,
        layers: Sequence[int] | None,
        heads: Sequence[int] | None,
        known: Map | None,
    ) -> None:
        self.places, self.correct, self.known = places, correct, known
        self.wanted = (layers, None if heads is None else list(dict.fromkeys(heads)))
        self.pairs = np.triu_indices(len(places), SEPARATIONS[0])
        self.heads: list[HeadContacts] = []
        self.maps: dict[tuple[int, int], Map] = {}
        self.total_PP: Map = np.zeros((len(places),) * 2)
        self.best_PP: Map = self.total_PP
        self.looks_ahead = False

    def __call__(self, call: Call) -> None:
        layers, heads = self.wanted
        self.looks_ahead = self.looks_ahead or call.looks_ahead
        if layers is not None and call.layer not in layers:
            return
        chosen = [head for head in (range(call.heads) if heads is None else heads) if 0 <= head < call.heads]
        whole_HTT = np.zeros((len(chosen), call.rows, call.keys), np.float32)
        for tile in call.tiles():
            whole_HTT[:, tile.start : tile.end, : tile.seen] = tile.weights[0, chosen].float().cpu().numpy()
        for head, map_TT in zip(chosen, whole_HTT, strict=True):
            self._add(call.layer, head, map_TT[np.ix_(self.places, self.places)].astype(np.float64))

    def _add(self, layer: int, head: int, weights_PP: Map) -> None:
        scores_PP = weights_PP + weights_PP.T
        scores_PP = apc(scores_PP) if self.correct else scores_PP
        self.total_PP = self.total_PP + scores_PP
        found = None if self.known is None else precision(scores_PP, self.known, SEPARATIONS[0])[1]
        if found is not None and (not self.heads or found > max(one.precision or 0.0 for one in self.heads)):
            self.best_PP = scores_PP
        first, second = self.pairs
        at = int(scores_PP[first, second].argmax()) if len(first) else 0
        i, j = (int(first[at]), int(second[at])) if len(first) else (0, 0)
        self.heads.append(HeadContacts(layer, head, i + 1, j + 1, float(scores_PP[i, j]), found))
        if (len(self.maps) + 1) * scores_PP.size <= KEPT:
            self.maps[layer, head] = scores_PP.astype(np.float16)

    def check(self, depth: int, width: int) -> None:
        """Raise `InputError` for a chosen layer or head that the model does not have."""
        for name, given, count in zip(("layer", "head"), self.wanted, (depth, width), strict=True):
            for number in given or ():
                if not 0 <= number < count:
                    raise InputError(f"the model has no {name} {number}", hint=f"{name}s go from 0 to {count - 1}")
        if not self.heads:
            raise InputError("no head was chosen", hint="leave `layers` and `heads` out to use all heads")


def _alphabet(tokenizer: Tokenizer, text: str) -> str | None:
    """Return the alphabet of a tokenizer that has only capitals, or None if it also has lower-case letters."""
    lower = any(len(token) == 1 and token.islower() for token in tokenizer.vocabulary)
    return None if lower else alphabet_of(tokenizer, text)


def _residues(reading: Reading) -> tuple[list[int], list[str]]:
    """Return the positions of the tokens of the sequence, and their text."""
    encoding = encode_text(reading.text, reading.model.tokenizer)
    spans = enumerate(zip(encoding.offsets, encoding.special, strict=True))
    pieces = [(at, reading.text[a:b].strip()) for at, ((a, b), special) in spans if not special]
    found = [(at, piece) for at, piece in pieces if piece]
    if len(found) < 2:
        raise InputError(
            f"{reading.text[:40]!r} has {counted(len(found), 'residue')}; contacts need at least 2",
            hint="give a longer sequence",
        )
    return [at for at, _ in found], [piece for _, piece in found]


def _known(
    truth: str | os.PathLike[str] | Map | Sequence[tuple[int, int]] | None, residues: list[str]
) -> tuple[Map | None, str | None]:
    """Return the matrix of known contacts and a description of their source."""
    length = len(residues)
    if truth is None:
        return None, None
    if isinstance(truth, (str, os.PathLike)):
        name = Path(truth).name
        if not is_structure(os.fspath(truth)):
            return read_contacts(os.fspath(truth), length), name
        if any(len(residue) != 1 for residue in residues):
            raise InputError(
                "contacts from a structure need a model with one token for each residue",
                hint=f"use `model={DEFAULT_PROTEIN!r}`",
            )
        structure = read_structure(os.fspath(truth), "".join(residues))
        shown = f"{structure.resolved:,} of {counted(length, 'residue')}"
        return structure.contacts, f"chain {structure.chain} of {name}, which resolves {shown}"
    given = np.asarray(truth)
    if given.ndim == 2 and given.shape == (length, length):
        found: Map = np.nan_to_num(given) != 0
        return found | found.T, None
    pairs = given.ndim == 2 and given.shape[1] == 2 and given.dtype.kind in "iu"
    if not pairs or not ((given >= 1) & (given <= length)).all():
        shape = " × ".join(map(str, given.shape)) or "one number"
        raise InputError(
            f"`truth` is an array of {shape}, but the sequence has {counted(length, 'residue')}",
            hint=f"give a matrix of {length} × {length}, or pairs of positions from 1 to {length}",
        )
    found = np.zeros((length, length), bool)
    found[given[:, 0] - 1, given[:, 1] - 1] = found[given[:, 1] - 1, given[:, 0] - 1] = True
    return found, None


def _highest(scores_PP: Map, separation: int) -> list[tuple[int, int]]:
    first, second = np.triu_indices(len(scores_PP), separation)
    order = np.argsort(-scores_PP[first, second], kind="stable")[: len(scores_PP)]
    return list(zip(first[order].tolist(), second[order].tolist(), strict=True))


def _contact(i: int, j: int, residues: list[str], scores_PP: Map, known: Map | None) -> Contact:
    hit = None if known is None else bool(known[i, j])
    return Contact(i + 1, j + 1, residues[i], residues[j], float(scores_PP[i, j]), hit)
