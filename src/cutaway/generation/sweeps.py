"""`sweep`: prompts × models × settings × samples, in one pass per model, and what each setting does to legibility."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from cutaway.generation.legibility import MEASURES, Measure
from cutaway.generation.sweep_effects import Cell, SettingEffect, Table, cells_of, effects_of
from cutaway.generation.sweep_files import read_runs
from cutaway.generation.sweep_findings import sentences
from cutaway.generation.sweep_passes import Progress, runs_of
from cutaway.generation.sweep_plans import plan_sweep
from cutaway.generation.sweep_runs import SweepPlan, SweepRun, plan_of
from cutaway.models.shelf import DEFAULT
from cutaway.result import Result, save_results

if TYPE_CHECKING:
    from cutaway.models.text_model import ModelLike


@dataclasses.dataclass(frozen=True, repr=False)
class Sweep(Result):
    """Every run of a sweep, the mean of each measure at each combination, and the effect of each setting.

    `summary` has the effects in sentences, only those whose 95 % interval excludes zero. `grid` has the given settings,
    `measures` what the numbers mean.
    """

    schema: ClassVar[str] = "sweep"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".csv", ".svg", ".png")

    model: str
    models: list[str]
    prompts: list[str]
    grid: dict[str, list[Any]]
    samples: int
    seed: int | None
    tier: str
    scorer: str | None
    summary: list[str]
    measures: list[Measure]
    swept: dict[str, list[Any]]
    cells: list[Cell]
    effects: list[SettingEffect]
    runs: list[SweepRun]

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per run."""
        return [row for found in self.runs for row in found.rows()]

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the sweep in the format of the suffix; `.jsonl` has one run per line, which `read_runs` reads back."""
        return save_results(self.runs if Path(path).suffix == ".jsonl" else [self], path)


def sweep(
    prompts: str | Sequence[str],
    models: ModelLike | Sequence[ModelLike] = DEFAULT,
    *,
    settings: Mapping[str, Sequence[Any] | float | None] | None = None,
    samples: int = 2,
    seed: int = 0,
    max_new_tokens: int = 64,
    chat: bool = False,
    truncate: str | None = None,
    tier: str = "near",
    batch_size: int = 64,
    scorer: ModelLike | None = DEFAULT,
    done: Iterable[SweepRun] = (),
    on_run: Callable[[SweepRun], None] | None = None,
    on_progress: Progress | None = None,
) -> Sweep:
    """Run every prompt under every combination of settings and measure how legible each completion is.

    `settings` has a list for each setting that varies: those of `Sampling`, `max_new_tokens`, `min_new_tokens`, `chat`.
    If none varies, the temperature takes 0, 0.7, 1 and 1.5; otherwise it is 1 unless given. A repeated value or prompt
    counts once. Greedy settings run once, whatever `samples` says. A run's text depends on its own prompt, settings and
    sample number and on `seed`, not on what else is swept.

    `on_run` gets each run, in order, as soon as it is measured. Runs in `done`, from the same sweep before, are not run
    again. `on_progress(tokens, total)` reports progress. `scorer` is the model that measures surprise, in full
    precision: it reads prompt and completion as one text in its own tokens, so that different writers can be compared.
    For a chat it reads the prompt, an empty line and the answer.

    Raises `InputError`, `MissingText`, `PromptTooLong` or a `ModelError`, if possible before anything is run.

    >>> found = sweep("The capital of France is", settings={"temperature": [0, 2]}, samples=2, max_new_tokens=3)
    >>> [run.settings["temperature"] for run in found.runs]
    [0.0, 2.0, 2.0]
    >>> found.runs[0].completion
    ' Paris.\\n'
    """
    plan, ready, judge = plan_sweep(
        prompts, models, settings=settings, samples=samples, seed=seed, max_new_tokens=max_new_tokens, chat=chat,
        tier=tier, batch_size=batch_size, scorer=scorer,
    )  # fmt: skip
    before = {run.key: run for run in done}
    for run_ in before.values():
        plan.check(run_)
    found = dict(before)
    more = runs_of(plan, ready, judge, done=before, batch_size=batch_size, truncate=truncate, on_progress=on_progress)
    for run_ in more:
        found[run_.key] = run_
        if on_run is not None:
            on_run(run_)
    order = (key for model in plan.models for group in plan.groups() for key in group.keys(model))
    return summed_up(plan, [found[key] for key in order])


def read_sweep(path: str | os.PathLike[str]) -> Sweep:
    """Return the sweep whose runs are in a JSON-lines file; of a run that is there twice, the last one counts.

    Raises `InputError` for a file without runs, with a line that is not a run, or with runs of several sweeps.
    """
    runs = list({run.key: run for run in read_runs(path)}.values())
    return summed_up(plan_of(runs), runs)


def summed_up(plan: SweepPlan, runs: Sequence[SweepRun]) -> Sweep:
    """Return the sweep of all runs of a plan, or of those that an interrupted sweep has."""
    table = Table(plan)
    for one in runs:
        table.add(one.model, one.prompt, one.settings, one.sample, one.metrics)
    effects = effects_of(table)
    return Sweep(
        model=", ".join(plan.models),
        models=plan.models,
        prompts=plan.prompts,
        grid=plan.grid,
        samples=plan.samples,
        seed=plan.seed,
        tier=plan.tier,
        scorer=plan.scorer,
        summary=sentences(table, effects),
        measures=list(MEASURES),
        swept=table.swept,
        cells=cells_of(table),
        effects=effects,
        runs=list(runs),
    )
