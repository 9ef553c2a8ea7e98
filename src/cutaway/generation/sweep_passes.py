"""One pass of a model through a sweep: its runs are decoded block by block, then measured."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from cutaway.errors import NotFetched, counted
from cutaway.generation import legibility
from cutaway.generation.decoders import open_decoder
from cutaway.generation.engine import Decoder, run
from cutaway.generation.rows import Row
from cutaway.generation.scorer import Scored, score_continuations
from cutaway.generation.sweep_runs import Group, SweepPlan, SweepRun, sampling_of, seed_of
from cutaway.models.prompt import encode_prompt
from cutaway.progress import step

if TYPE_CHECKING:
    from cutaway.models.text_model import Model, ModelLike

LN2 = math.log(2)
_BLOCK = 4  # batches in a block; the engine runs empty after each block, and an interrupted sweep resumes there
_TOGETHER = 16  # runs that are measured together

Progress = Callable[[int, int], None]


def runs_of(
    plan: SweepPlan,
    models: Sequence[ModelLike],
    scorer: ModelLike | None,
    *,
    done: Container[str] = frozenset(),
    batch_size: int = 64,
    truncate: str | None = None,
    on_progress: Progress | None = None,
) -> Iterator[SweepRun]:
    """Yield the runs of a plan in order, as soon as each is measured, without those whose `key` is in `done`.

    The engine runs empty after each block of some batches. A block with a missing run is run again as a whole, so that
    a sweep that was interrupted and resumed with the same `batch_size` gives the same numbers to the last bit. Rows are
    made as the engine asks for them.

    On `KeyboardInterrupt` the finished completions are measured and yielded before it is raised again, except those
    whose prompt and setting still lack another sample. The scorer then reads them in a smaller batch, so its numbers
    may be rounded differently.
    """
    total = len(plan.models) * len(plan.prompts) * sum(
        plan.samples_of(settings) * settings["max_new_tokens"] for settings in plan.cells
    )  # fmt: skip
    count = [0]

    def advance(tokens: int) -> None:
        count[0] += tokens
        shown.reach(count[0])
        if on_progress is not None:
            on_progress(count[0], total)

    with step(counted(plan.runs_per_model * len(plan.models), "run"), total) as shown:
        for name, model in zip(plan.models, models, strict=True):
            opened: tuple[_Pass, Model | None] | None = None
            for block in _blocks(plan.groups(), batch_size * _BLOCK):
                if all(key in done for group in block for key in group.keys(name)):
                    advance(sum(group.samples * group.settings["max_new_tokens"] for group in block))
                    continue
                if opened is None:
                    opened = _opened(plan, name, model, scorer, truncate)
                for found in opened[0].run(block, batch_size, opened[1], advance):
                    if found.key not in done:
                        yield found


@dataclasses.dataclass
class _Pass:
    """One model on its way through its blocks."""

    plan: SweepPlan
    name: str
    decoder: Decoder
    truncate: str | None

    def run(
        self, block: Sequence[Group], batch_size: int, scorer: Model | None, advance: Callable[[int], None]
    ) -> Iterator[SweepRun]:
        """Decode a block and yield its runs in order, measured some groups at a time.

        On `KeyboardInterrupt` it yields the runs of every finished group, then raises.
        """
        ended: dict[tuple[int, int], Row] = {}
        number: dict[Row, tuple[int, int]] = {}
        counted: dict[Row, int] = {}
        numbers = iter(range(len(block)))
        parts = [list(itertools.islice(numbers, len(part))) for part in _blocks(block, _TOGETHER)]
        measured: deque[SweepRun] = deque()

        def measure(part: Sequence[int]) -> None:
            rows = [[ended[g, s] for s in range(block[g].samples)] for g in part]
            found = list(self._measured([block[g] for g in part], rows, scorer))
            for row in (row for group in rows for row in group):
                del ended[number[row]]
                counted.pop(row, None), number.pop(row)
            measured.extend(found)

        def whole(g: int) -> bool:
            return all((g, s) in ended for s in range(block[g].samples))

        try:
            for row, _ in run(self.decoder, self._rows(block, number), batch_size=batch_size):
                before = counted.get(row, 0)
                counted[row] = len(row.ids) if row.finish is None else row.max_new_tokens
                advance(counted[row] - before)
                if row.finish is None:
                    continue
                ended[number[row]] = row
                while parts and all(map(whole, parts[0])):
                    measure(parts[0])
                    del parts[0]
                    while measured:
                        yield measured.popleft()
        except KeyboardInterrupt:
            # The engine may hold finished rows, too. A group that lacks a sample has no self-BLEU yet.
            ended |= {at: row for row, at in number.items() if row.finish is not None}
            for part in parts:
                measure([g for g in part if whole(g)])
            while measured:
                yield measured.popleft()
            raise

    def _rows(self, block: Sequence[Group], number: dict[Row, tuple[int, int]]) -> Iterator[Row]:
        prompt, ids = None, list[int]()
        for g, group in enumerate(block):
            settings = group.settings
            if prompt != (group.prompt, settings["chat"]):
                prompt = (group.prompt, settings["chat"])
                ids = encode_prompt(self.decoder.model, group.prompt, chat=settings["chat"], truncate=self.truncate)
            limits = {name: settings[name] for name in ("max_new_tokens", "min_new_tokens")}
            for s in range(group.samples):
                seed = seed_of(self.plan.seed or 0, group.prompt, settings, s)
                row = Row(group.prompt, ids, sampling_of(settings), seed, measured=True, **limits)
                number[row] = (g, s)
                yield row

    def _measured(
        self, groups: Sequence[Group], rows: Sequence[Sequence[Row]], scorer: Model | None
    ) -> Iterator[SweepRun]:
        flat = [row for group in rows for row in group]
        chats = [group.settings["chat"] for group in groups for _ in range(group.samples)]
        scored: list[Scored | None] = [None] * len(flat)
        if scorer is not None:
            pairs = [(row.prompt + ("\n\n" if chat else ""), row.text) for row, chat in zip(flat, chats, strict=True)]
            scored = score_continuations(scorer, pairs)
        surprises = iter(scored)
        for group, samples in zip(groups, rows, strict=True):
            alike = legibility.self_bleu([legibility.units(row.text) for row in samples])
            for s, row in enumerate(samples):
                yield SweepRun(
                    model=self.name,
                    prompt=row.prompt,
                    settings=group.settings,
                    sample=s,
                    seed=row.seed,
                    completion=row.text,
                    token_ids=row.ids,
                    finish_reason=row.finish or "length",
                    metrics=self._metrics(row, alike[s], next(surprises)),
                    tier=self.plan.tier,
                    scorer=self.plan.scorer,
                )

    def _metrics(self, row: Row, alike: float | None, scored: Scored | None) -> dict[str, float | None]:
        said, units = self._said(row), legibility.units(row.text)
        size = len(row.text.encode("utf-8", "surrogatepass"))
        return {
            "scorer_perplexity": None if scored is None else legibility.perplexity([-scored.nats / scored.tokens]),
            "scorer_bits_per_byte": None if scored is None or not size else scored.nats / LN2 / size,
            "perplexity": legibility.perplexity(row.logprobs[:said]),
            "entropy_bits": math.fsum(row.entropies) / LN2 / len(row.entropies) if row.entropies else None,
            "dictionary_words": legibility.dictionary_words(row.text),
            "repeated_4grams": legibility.repeated(units),
            "distinct_1": legibility.distinct(units, 1),
            "distinct_2": legibility.distinct(units, 2),
            "self_bleu": alike,
            "compression_ratio": legibility.compression_ratio(row.text),
            "reading_ease": legibility.reading_ease(row.text),
            "finished": float(row.finish == "eos"),
            "tokens": float(len(row.ids)),
        }

    def _said(self, row: Row) -> int:
        """Return how many of a row's tokens are text, which an end token is not."""
        return len(row.ids) - (row.finish == "eos")


def _opened(
    plan: SweepPlan, name: str, model: ModelLike, scorer: ModelLike | None, truncate: str | None
) -> tuple[_Pass, Model | None]:
    decoder = open_decoder(model, plan.tier, wait=True)  # all runs of a sweep come from one code
    chats = {cell["chat"] for cell in plan.cells}
    for chat in chats:  # a prompt that is too long is refused before hours of work, not after
        for prompt in plan.prompts:
            encode_prompt(decoder.model, prompt, chat=chat, truncate=truncate)
    return _Pass(plan, name, decoder, truncate), None if scorer is None else _loaded(scorer)


def _blocks(groups: Iterable[Group], size: int) -> Iterator[list[Group]]:
    """Yield groups together that have at least `size` rows; the last block may have fewer."""
    block, rows = list[Group](), 0
    for group in groups:
        block.append(group)
        rows += group.samples
        if rows >= size:
            yield block
            block, rows = [], 0
    if block:
        yield block


def _loaded(scorer: ModelLike) -> Model:
    from cutaway.models.loading import shared

    try:
        return shared(scorer)
    except NotFetched as error:
        raise NotFetched(
            f"the scorer is not available: {error.message}",
            hint="fetch it first, name another, or leave it out: `scorer=None`",
        ) from error
