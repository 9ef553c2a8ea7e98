"""`mutate`: how every single substitution changes the probability that a model gives a sequence.

Masked models: masked marginals, log p(mutant) - log p(wild type) at the masked position (Meier et al. 2021, "Language
models enable zero-shot prediction of the effects of mutations on protein function"). Causal models: the log-likelihood
ratio of the whole mutated sequence to the whole wild type. Both in nats; above 0 the model prefers the mutant.

Axis letters: B batch, T positions of the ids, P positions that are scored, A letters, V vocabulary.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch

from cutaway.errors import InputError, PromptTooLong, WrongKind
from cutaway.models.prompt import fit_context
from cutaway.models.shelf import DEFAULT_PROTEIN
from cutaway.models.text_model import Model, ModelLike
from cutaway.prediction.elements import frame_as_trained
from cutaway.prediction.language_model import (
    causal_logprobs,
    check_finite,
    masked_logprobs,
    masked_or_causal,
    rows_at_once,
)
from cutaway.prediction.profile import Profile, column_profile, spearman
from cutaway.progress import step
from cutaway.result import Result
from cutaway.tokens.alphabet_detection import ALPHABETS, check_letters, letters_apart, letters_of
from cutaway.tokens.codec import Codec
from cutaway.tokens.tokenizer import Encoding


@dataclasses.dataclass(frozen=True, repr=False)
class Mutations(Result):
    """The effects of all substitutions: `effects`[p][a] is that of `letters`[a] at `positions`[p] (from 1), in nats.

    The wild type has effect 0; a negative effect means that the model finds the mutant less probable. `changes` counts
    what the rules of the alphabet changed or found in the given sequence (lower case, a stop at the end).
    `wild_logprobs` are the logprobs of the wild type's letter when it is masked (None for a causal model). `unscored`
    counts tokens that are not one of the letters. If an alignment was given, `profile` is the baseline without a model.
    """

    schema: ClassVar[str] = "mutations"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".svg", ".png", ".csv", ".npz")

    model: str
    text: str
    changes: dict[str, int]
    method: str
    unit: str
    alphabet: str
    letters: list[str]
    positions: list[int]
    wild: list[str]
    effects: list[list[float]]
    wild_logprobs: list[float] | None
    unscored: int
    profile: Profile | None

    def rows(self) -> list[dict[str, Any]]:
        """Return one row for each substitution: its name, such as A23T, its effect, and the profile's effect."""
        found = []
        for p, (position, wild) in enumerate(zip(self.positions, self.wild, strict=True)):
            for a, letter in enumerate(self.letters):
                if letter != wild:
                    row = {"mutation": f"{wild}{position}{letter}", "position": position, "wild": wild}
                    row |= {"letter": letter, "effect_nats": self.effects[p][a]}
                    found.append(row | ({"profile_nats": self.profile.effects[p][a]} if self.profile else {}))
        return found

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return effects [P, A], nats, with their positions, wild types and letters; and the profile's [P, A]."""
        found = {
            "effects": np.array(self.effects),
            "positions": np.array(self.positions),
            "wild": np.array(self.wild),
            "letters": np.array(self.letters),
        }
        return found | ({"profile": np.array(self.profile.effects, float)} if self.profile else {})


def mutate(
    text: str,
    model: ModelLike = DEFAULT_PROTEIN,
    *,
    alphabet: str | None = None,
    letters: str | Sequence[str] | None = None,
    alignment: str | os.PathLike[str] | None = None,
    pseudocount: float = 1.0,
    batch_size: int = 16,
) -> Mutations:
    """Score every single substitution of a sequence under a masked or a causal model, in nats.

    The `alphabet` is protein, dna or rna; by default it follows from the tokenizer's single letters, or from the text
    if the tokenizer has all characters. White space is left out, and the alphabet's rules for records apply. `letters`
    are the substitutes to try ("ACGT", or a list of tokens), and leave the text as it is; by default they are the 20
    amino acids, or A, C, G and T or U. A model of codons gets whole codons, counted from 1, and tries all 64. A text
    for a tokenizer of SMILES must be a SMILES. `alignment` is a FASTA or A3M file that contains the sequence, for the
    column-profile baseline and its rank correlation with the model. If a causal model has no token before the
    text, the first letter itself is not scored, only its effect on what follows. Raises `MissingText`,
    `InputError`, `PromptTooLong`, `WrongKind` or another `ModelError`.

    >>> effects = mutate("EVQLVESGGGLVQPGGSLRLSCAAS")  # doctest: +SKIP
    >>> effects.rows()[0]["mutation"]  # doctest: +SKIP
    'E1A'
    """
    check_letters(text, alphabet, letters)
    if batch_size < 1:
        raise InputError(f"`batch_size` is {batch_size}", hint="it must be 1 or above")
    loaded, mask = masked_or_causal(model, DEFAULT_PROTEIN)
    name, chosen, sequence, changes = letters_of(loaded.tokenizer, text, alphabet, letters)
    text = letters_apart(loaded.tokenizer, sequence) if name in ALPHABETS else sequence
    encoding = Codec.of(loaded.tokenizer, name).encode(text)
    pieces = _pieces(text, encoding)
    prefix, suffix = ([], []) if any(encoding.special) else frame_as_trained(loaded.tokenizer)
    found, wild = _sites(loaded, text, pieces, encoding.ids, chosen)
    sites = [at + len(prefix) for at in found]
    try:
        ids = fit_context(loaded, [*prefix, *encoding.ids, *suffix])
    except PromptTooLong as error:
        raise PromptTooLong(error.message, hint="give a part of the sequence") from error
    ids_T, letters_A = (torch.tensor(some, device=loaded.device) for some in (ids, list(chosen.values())))
    room = rows_at_once(loaded, len(ids), batch_size)
    known = None
    if mask is not None:
        logprobs_PA = masked_logprobs(loaded, ids_T, sites, mask, letters_A, room)
        own_P = [list(chosen).index(letter) for letter in wild]
        known = logprobs_PA[torch.arange(len(own_P)), own_P]
        effects_PA = logprobs_PA - known[:, None]
    else:
        effects_PA = _causal(loaded, ids_T, sites, letters_A, room)
    check_finite(loaded, effects_PA)
    numbers = {at: number for number, (at, _) in enumerate(pieces)}
    places = [(numbers[at], letter) for at, letter in zip(found, wild, strict=True)]
    effects = effects_PA.numpy()
    return Mutations(
        model=loaded.name,
        text=sequence,
        changes=changes,
        method="masked marginals" if mask is not None else "log-likelihood ratio",
        unit="nats",
        alphabet=name,
        letters=list(chosen),
        positions=[number + 1 for number, _ in places],
        wild=wild,
        effects=effects.tolist(),
        wild_logprobs=None if known is None else known.tolist(),
        unscored=len(pieces) - len(sites),
        profile=_profile(alignment, [piece for _, piece in pieces], places, list(chosen), pseudocount, effects),
    )


def _pieces(text: str, encoding: Encoding) -> list[tuple[int, str]]:
    """Return the tokens of the text except white space: their positions among the ids, and their text."""
    pieces = [(at, text[a:b]) for at, (a, b) in enumerate(encoding.offsets) if not encoding.special[at]]
    return [(at, piece) for at, piece in pieces if piece.strip()]


def _sites(
    model: Model, text: str, pieces: list[tuple[int, str]], ids: list[int], letters: dict[str, int]
) -> tuple[list[int], list[str]]:
    found = [(at, piece.strip()) for at, piece in pieces if letters.get(piece.strip()) == ids[at]]
    merged = next((piece for _, piece in pieces if len(piece) > 1 and all(one in letters for one in piece.strip())), "")
    if merged and merged not in letters:
        raise WrongKind(
            f"{model.name} reads {merged!r} as one token, so single letters can't be replaced",
            hint=f"use a model with one token for each letter, for example `model={DEFAULT_PROTEIN!r}`",
        )
    if not found:
        raise InputError(
            f"no token of {text[:40]!r} is one of {', '.join(letters)}",
            hint="write the sequence in capitals, or name other `letters`",
        )
    return [at for at, _ in found], [letter for _, letter in found]


@torch.inference_mode()
def _causal(model: Model, ids_T: torch.Tensor, sites: list[int], letters_A: torch.Tensor, room: int) -> torch.Tensor:
    """Return log P(mutant) - log P(wild type) [P, A] of the whole sequence, nats; the first id has no probability."""
    wild_T = causal_logprobs(model, ids_T[None])[0]
    effects_PA = torch.zeros(len(sites), len(letters_A), dtype=torch.float64)
    jobs = [(p, a) for p, at in enumerate(sites) for a in range(len(letters_A)) if letters_A[a] != ids_T[at]]
    with step("scoring mutants", len(jobs)) as scoring:
        for start in range(0, len(jobs), room):
            some = jobs[start : start + room]
            ids_BT = ids_T.repeat(len(some), 1)
            for row, (p, a) in enumerate(some):
                ids_BT[row, sites[p]] = letters_A[a]
            changes_BT = causal_logprobs(model, ids_BT) - wild_T
            for row, (p, a) in enumerate(some):
                # Letters before a site are predicted from the same letters: only rounding could change them.
                effects_PA[p, a] = changes_BT[row, max(0, sites[p] - 1) :].sum()
            scoring.advance(len(some))
    return effects_PA


def _profile(
    alignment: str | os.PathLike[str] | None,
    sequence: list[str],
    places: list[tuple[int, str]],
    letters: list[str],
    pseudocount: float,
    effects_PA: npt.NDArray[np.float64],
) -> Profile | None:
    if alignment is None:
        return None
    count, profile_PA = column_profile(alignment, sequence, places, letters, pseudocount)
    other_PA = np.array([[letter != own for letter in letters] for _, own in places])
    alike = spearman(effects_PA[other_PA], profile_PA[other_PA])
    return Profile(os.fspath(alignment), count, pseudocount, profile_PA.tolist(), alike, int(other_PA.sum()))
