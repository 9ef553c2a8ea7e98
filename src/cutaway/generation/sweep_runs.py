"""The runs of a sweep: the plan that lists them, each run's seed, and the record of a run."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from cutaway.errors import InputError
from cutaway.generation.settings import Sampling, check_lengths
from cutaway.result import Result

DEFAULT_SETTINGS: Mapping[str, Sequence[Any]] = {"temperature": (0.0, 0.7, 1.0, 1.5)}
_LENGTHS = {"max_new_tokens": 64, "min_new_tokens": 0}
_SAMPLING = {field.name: field.default for field in dataclasses.fields(Sampling)}
# The defaults of a sweep. The temperature is 1, not 0, because greedy samples would all be the same.
_USUAL: dict[str, Any] = {**_SAMPLING, "temperature": 1.0, **_LENGTHS, "chat": False}
_WHOLE = {"top_k", *_LENGTHS}  # settings that are whole numbers


@dataclasses.dataclass(frozen=True, repr=False)
class SweepRun(Result):
    """One completion of a sweep: its prompt, model and settings, the text and how legible it is.

    `generate(prompt, model, seed=seed, **settings)` repeats the text. `metrics` has a number or None for each of
    `legibility.MEASURES`. `finish_reason` is "eos" (the model ended the text) or "length" (it was cut off).
    """

    schema: ClassVar[str] = "run"
    formats: ClassVar[tuple[str, ...]] = (*Result.formats, ".csv")

    model: str
    prompt: str
    settings: dict[str, Any]
    sample: int
    seed: int
    completion: str
    token_ids: list[int]
    finish_reason: str
    metrics: dict[str, float | None]
    tier: str
    scorer: str | None

    def rows(self) -> list[dict[str, Any]]:
        """Return the run as one row: its settings and metrics are columns."""
        own = {"model": self.model, "prompt": self.prompt, **self.settings, "sample": self.sample, "seed": self.seed}
        return [own | {"completion": self.completion, "finish_reason": self.finish_reason, **self.metrics}]

    @property
    def key(self) -> str:
        """A text that identifies the run within its sweep."""
        return _key(self.model, self.prompt, self.settings, self.sample)


@dataclasses.dataclass(frozen=True)
class Group:
    """The samples of one prompt under one setting."""

    prompt: str
    settings: dict[str, Any]
    samples: int

    def keys(self, model: str) -> list[str]:
        """Return the keys of its runs under a model."""
        return [_key(model, self.prompt, self.settings, sample) for sample in range(self.samples)]


@dataclasses.dataclass(frozen=True)
class SweepPlan:
    """What a sweep will run: prompts × combinations of settings (`cells`) × samples, for each of the models."""

    prompts: list[str]
    models: list[str]
    grid: dict[str, list[Any]]
    cells: list[dict[str, Any]]
    samples: int
    seed: int | None  # None if the plan was reconstructed from saved runs
    tier: str
    scorer: str | None

    def groups(self) -> Iterator[Group]:
        """Yield the groups of one model in the order in which they run, prompt by prompt."""
        for prompt, settings in itertools.product(self.prompts, self.cells):
            yield Group(prompt, settings, self.samples_of(settings))

    def samples_of(self, settings: Mapping[str, Any]) -> int:
        """Return how many samples a combination gets: one if it is greedy, because all would be the same."""
        return 1 if settings["temperature"] == 0 else self.samples

    @property
    def runs_per_model(self) -> int:
        """How many runs a model has."""
        return len(self.prompts) * sum(self.samples_of(settings) for settings in self.cells)

    def check(self, run: SweepRun) -> None:
        """Raise `InputError` if a run belongs to another sweep."""
        differs = [
            name
            for name, same in {
                "model": run.model in self.models,
                "prompt": run.prompt in self._prompts,
                "settings": _canonical(run.settings) in self._cells,
                "sample": 0 <= run.sample < self.samples,
                "tier": run.tier == self.tier,
                "scorer": run.scorer == self.scorer,
            }.items()
            if not same
        ]
        seed = None if differs else self.seed
        if seed is not None and run.seed != seed_of(seed, run.prompt, run.settings, run.sample):
            differs = ["seed"]
        if differs:
            verb = "differs" if len(differs) == 1 and differs != ["settings"] else "differ"
            raise InputError(
                f"the saved runs come from another sweep: {', '.join(differs)} {verb}",
                hint="resume with the options of that sweep, or write to another file",
            )

    def __post_init__(self) -> None:
        object.__setattr__(self, "_prompts", frozenset(self.prompts))
        object.__setattr__(self, "_cells", frozenset(map(_canonical, self.cells)))

    _prompts: frozenset[str] = dataclasses.field(init=False, repr=False)
    _cells: frozenset[str] = dataclasses.field(init=False, repr=False)


def plan_of(runs: Iterable[SweepRun]) -> SweepPlan:
    """Reconstruct the plan from saved runs.

    Raises `InputError` if there is no run, or if they come from several sweeps.
    """
    models, prompts, cells = dict[str, None](), dict[str, None](), dict[str, dict[str, Any]]()
    ways, samples = set[tuple[str, str | None]](), 0
    for run in runs:
        models[run.model] = prompts[run.prompt] = None
        cells.setdefault(_canonical(run.settings), run.settings)
        ways.add((run.tier, run.scorer))
        samples = max(samples, run.sample + 1)
    if len(ways) != 1:
        what = "there is no run" if not ways else "the runs differ in their tier or their scorer"
        raise InputError(what, hint="name a file that one cutaway sweep wrote")
    [(tier, scorer)] = ways
    grid = {name: list(dict.fromkeys(cell[name] for cell in cells.values())) for name in next(iter(cells.values()))}
    named = {name: values for name, values in grid.items() if len(values) > 1 or name == "temperature"}
    return SweepPlan(list(prompts), list(models), named, list(cells.values()), samples, None, tier, scorer)


def settings_grid(
    settings: Mapping[str, Sequence[Any] | float | None] | None, *, max_new_tokens: int = 64, chat: bool = False
) -> tuple[dict[str, list[Any]], list[dict[str, Any]]]:
    """Return the values of each given setting, and every combination of them with all settings filled in.

    If no setting varies and the temperature is not given, `DEFAULT_SETTINGS` vary it. A repeated value counts once.
    Raises `InputError` for an unknown setting, an empty list or a value out of range.

    >>> grid, cells = settings_grid({"temperature": [0.7, 1.3], "top_p": [0.8, 1.0, 1.0]})
    >>> grid["top_p"], len(cells)
    ([0.8, 1.0], 4)
    """
    usual = _USUAL | {"max_new_tokens": max_new_tokens, "chat": chat}
    grid: dict[str, list[Any]] = {}
    for name, given in (settings or {}).items():
        if name not in usual:
            raise InputError(f"there is no setting {name!r}", hint=f"a sweep takes {', '.join(usual)}")
        values = given if isinstance(given, Sequence) and not isinstance(given, str) else [given]
        grid[name] = list(dict.fromkeys(_value(name, value) for value in values))
        if not grid[name]:
            raise InputError(f"`{name}` has no value", hint=f"give at least one: `{name}=[{usual[name]}]`")
    if "temperature" not in grid and all(len(values) == 1 for values in grid.values()):
        grid |= {name: list(values) for name, values in DEFAULT_SETTINGS.items()}
    # `chat` varies slowest: a prompt in a chat template is another prompt to the model.
    names = sorted(grid, key=lambda name: name != "chat")
    cells = [usual | dict(zip(names, chosen, strict=True)) for chosen in itertools.product(*(grid[n] for n in names))]
    for cell in cells:
        Sampling(**{name: cell[name] for name in _SAMPLING})
        check_lengths(cell["min_new_tokens"], cell["max_new_tokens"])
    return grid, cells


def sampling_of(settings: Mapping[str, Any]) -> Sampling:
    """Return the part of a run's settings that the samplers need."""
    return Sampling(**{name: settings[name] for name in _SAMPLING})


def seed_of(seed: int, prompt: str, settings: Mapping[str, Any], sample: int) -> int:
    """Return the seed of a run's own stream, from 0 to 2**53 - 1: numbers that every JSON reader keeps exactly.

    It depends on the sweep's seed, the prompt, the settings that differ from the defaults and the sample's number. So
    more prompts or settings do not change it. Lengths do not count: with a higher limit the same text goes on.

    >>> seed_of(0, "The cat", {"temperature": 0.7}, 0)
    1950449258443642
    """
    own = {name: v for name, v in settings.items() if name not in _LENGTHS and v != (_USUAL | {"temperature": 0})[name]}
    said = json.dumps([seed, prompt, own, sample], sort_keys=True, ensure_ascii=True)
    return int.from_bytes(hashlib.sha256(said.encode()).digest()[:8]) >> 11


def whole_prompts(prompts: str | Iterable[str]) -> list[str]:
    """Return the prompts, each once, in order of first appearance."""
    return [prompts] if isinstance(prompts, str) else list(dict.fromkeys(prompts))


def _value(name: str, value: Any) -> Any:
    if name == "chat":
        if isinstance(value, bool):
            return value
    elif value is None:
        if _USUAL[name] is None:
            return None
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        if name not in _WHOLE:
            return float(value)
        if value == int(value):
            return int(value)
    kind = "true or false" if name == "chat" else "a whole number" if name in _WHOLE else "a number"
    raise InputError(f"`{name}` is {value!r}", hint=f"it must be {kind}")


def _canonical(settings: Mapping[str, Any]) -> str:
    return json.dumps(settings, sort_keys=True)


def _key(model: str, prompt: str, settings: Mapping[str, Any], sample: int) -> str:
    return json.dumps([model, prompt, settings, sample], sort_keys=True)
