"""A batch of prompts under at least four combinations of settings and models, and what they do to legibility."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Sequence
from typing import Any, Final

from cutaway.errors import InputError
from cutaway.generation import legibility
from cutaway.generation.sweep_runs import SweepPlan, settings_grid
from cutaway.lessons.homework.direction import Direction, caused_by
from cutaway.lessons.homework.task import WAYS, Choice, Given, Once, Pairs, Record, Records, Task, moved
from cutaway.random_streams import stream

FILE: Final = "runs.jsonl"
_PROMPTS: Final = (
    "The sea was", "Once there was a king who", "My lord, I have", "In the morning the old man", "A friend is",
    "What is it that", "The letter said", "When the war was over", "She opened the door and", "Nobody knows why",
    "The last of them", "If I were you,", "Come, let us", "He told the queen that", "O heavy day,", "The night is",
)  # fmt: skip
SMALL_MODELS: Final = ("shakespeare-nano", "shakespeare-micro")
_MODELS: Final = (*SMALL_MODELS, "smollm2-135m")
_MEASURES: Final = {measure.key for measure in legibility.MEASURES}
_COUNT: Final = 4  # prompts
_COMBINATIONS: Final = 4  # at least
_LONGEST: Final = 64  # tokens of a run
_SAMPLES: Final = 4  # at most
_CHECKED: Final = 8  # combinations of a model that are written again
_CLEAR: Final = 0.02  # a smaller difference counts as none
_COMPARED: Final = ("model", "prompt", "settings", "sample", "seed", "completion", "token_ids", "finish_reason")
_SHOWN: Final = ("scorer_perplexity", "perplexity", "entropy_bits", "dictionary_words", "repeated_4grams", "distinct_2")


def _given(seed: int) -> Given:
    chosen = sorted(stream(seed, "prompts").permutation(len(_PROMPTS))[:_COUNT])
    prompts = [_PROMPTS[i] for i in chosen]
    return {"prompts": prompts, "seed": seed % 1000, "files": {"prompts.txt": "".join(f"{one}\n" for one in prompts)}}


def _text(given: Given) -> str:
    models = ", ".join(f"`{model}`" for model in _MODELS)
    prompts = "\n".join(f"> {prompt} …" for prompt in given["prompts"])
    return f"""Let models continue four prompts (`prompts.txt`) under different settings, and find out what makes the
answers more or less legible:

{prompts}

Try at least {_COMBINATIONS} combinations of settings and models, with at least two temperatures among them. The
command below is an example: change its settings and models as you like. Other settings are `--top-p`, `--top-k`,
`--repetition-penalty` and `--max-new-tokens` (up to {_LONGEST}); the models are {models}.
Keep its prompts, `--seed {given["seed"]}`, `--tier exact` and the name of its file. To measure how surprising
the answers are, too, name a model in place of none: `--scorer smollm2-135m`.

Read the answers before you look at the numbers: `cutaway sweep --from {FILE} -o runs.html` draws them. Which measure
agrees best with what you feel when you read?"""


def _files(given: Given) -> dict[str, str]:
    command = (
        f"cutaway sweep -f prompts.txt -m {','.join(SMALL_MODELS)} --temperature 0,0.7,1,1.5 -n 2 --max-new-tokens 48 "
        f"--tier exact --scorer none --seed {given['seed']} -o {FILE}"
    )
    return {FILE: command}


def _again(name: str, given: Given, records: Sequence[Record], once: Once) -> Pairs:
    _check_plan(name, given, records)
    written: dict[str, Record] = {}
    for model in dict.fromkeys(one["model"] for one in records):
        own = [one for one in records if one["model"] == model]
        heavy = {model, *(str(one["scorer"]) for one in own)} - {*SMALL_MODELS, "None"}
        prompts = given["prompts"][given["seed"] % _COUNT :][:1] if heavy else given["prompts"]
        cells = _chosen({_canonical(one["settings"]) for one in own}, given["seed"])
        some = [one for one in own if one["prompt"] in prompts and _canonical(one["settings"]) in cells]
        for scorer in dict.fromkeys(one["scorer"] for one in some):
            mine = [one for one in some if one["scorer"] == scorer]
            samples = 1 + max(one["sample"] for one in mine)
            wanted = sorted({_canonical(one["settings"]) for one in mine})
            found = once(_written, prompts, model, wanted, samples, given["seed"], scorer)
            written |= {_key(one): one for one in found}
    return _pairs(records, written)


def _check_plan(name: str, given: Given, records: Sequence[Record]) -> None:
    """Raise `InputError` if the runs are not those of the task."""
    command = _files(given)[name]
    if not all(one.get("schema") == "cutaway.run/1" for one in records):
        raise InputError(f"{name} is not what cutaway sweep writes", hint=f"run: {command}")
    for one in records:
        settings = one["settings"]
        if one["prompt"] not in given["prompts"]:
            raise InputError(f"{one['prompt'][:60]!r} is not one of your prompts", hint="sweep your own prompts.txt")
        if one["model"] not in _MODELS or one["scorer"] not in (None, *_MODELS):
            other = one["model"] if one["model"] not in _MODELS else one["scorer"]
            raise InputError(f"nobody else has the model {str(other)[:60]!r}", hint=f"use {', '.join(_MODELS)}")
        if one["tier"] != "exact":
            raise InputError(f"the runs are of tier {one['tier']!r}", hint="give --tier exact")
        if set(one["metrics"]) != _MEASURES or not all(map(_is_measure, one["metrics"].values())):
            why = "a measure of a run is missing or is not a number"
            raise InputError(why, hint=f"don't edit the file; run: {command}")
        if not 1 <= settings["max_new_tokens"] <= _LONGEST or not 0 <= one["sample"] < _SAMPLES:
            most = f"--max-new-tokens up to {_LONGEST} and -n up to {_SAMPLES}"
            raise InputError("the runs are too many or too long to be checked", hint=f"give {most}")
    for cell in {_canonical(one["settings"]) for one in records}:
        settings_grid({setting: [value] for setting, value in json.loads(cell).items()})  # refuses what no sweep takes
    if len({_key(one) for one in records}) < len(records):
        raise InputError(f"{name} has runs twice", hint="remove the file and sweep again")
    combinations = {(one["model"], _canonical(one["settings"])) for one in records}
    if len(combinations) < _COMBINATIONS:
        raise InputError(
            f"it has {len(combinations)} of at least {_COMBINATIONS} combinations of settings and models",
            hint="give more values, for example --temperature 0,0.7,1,1.5",
        )
    done = {(one["prompt"], one["model"], _canonical(one["settings"])) for one in records}
    if len(done) < len(combinations) * _COUNT:
        missing = next(p for p in given["prompts"] for m, cell in combinations if (p, m, cell) not in done)
        raise InputError(f"some runs of your prompt {missing!r} are missing", hint="sweep all prompts of prompts.txt")
    if len({one["settings"]["temperature"] for one in records}) < 2:
        raise InputError("all runs have one temperature", hint="give two or more, for example --temperature 0.5,1.5")


def _is_measure(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isfinite(value))


def _chosen(cells: set[str], seed: int) -> set[str]:
    """Return the combinations that are written again: all, or some of many."""
    order = sorted(cells)
    return {order[i] for i in stream(seed, "checked").permutation(len(order))[:_CHECKED]}


def _written(
    prompts: list[str], model: str, cells: list[str], samples: int, seed: int, scorer: str | None
) -> list[Record]:
    """Return the runs of these prompts and settings, written again in one pass."""
    from cutaway.generation.sweep_passes import runs_of

    settings = [json.loads(cell) for cell in cells]
    plan = SweepPlan(prompts, [model], {}, settings, samples, seed, "exact", scorer)
    return [run.to_dict() for run in runs_of(plan, [model], scorer)]


def _pairs(records: Sequence[Record], written: dict[str, Record]) -> Pairs:
    """Compare each run with the one that was written again; of all others, the measures with their own text.

    One in sixteen may have gone another way. Processors round differently: a random draw that falls between two tokens
    then takes the other one, and the text goes on differently. This happens about once in thousands of tokens.
    """
    again = [one for one in records if _key(one) in written]
    strays = [_key(one) for one in again if _strayed(one, written[_key(one)])]
    if len(strays) <= len(again) // 16:
        written = {key: one for key, one in written.items() if key not in strays}
    return [
        (_plain(one), _plain(written[_key(one)])) if _key(one) in written else (one["metrics"], _of_the_text(one))
        for one in records
    ]


def _strayed(mine: Record, ours: Record) -> bool:
    """Whether two runs begin alike and then go different ways, in their tokens and in their text."""
    alike: bool = mine["token_ids"][:1] == ours["token_ids"][:1]
    return alike and mine["token_ids"] != ours["token_ids"] and mine["completion"] != ours["completion"]


def _of_the_text(record: Record) -> Record:
    """Return the measures that follow from a run's text alone."""
    text = record["completion"]
    units = legibility.units(text)
    return {
        "dictionary_words": legibility.dictionary_words(text),
        "repeated_4grams": legibility.repeated(units),
        "distinct_1": legibility.distinct(units, 1),
        "distinct_2": legibility.distinct(units, 2),
        "compression_ratio": legibility.compression_ratio(text),
        "reading_ease": legibility.reading_ease(text),
        "finished": float(record["finish_reason"] == "eos"),
        "tokens": float(len(record["token_ids"])),
    }


def _plain(record: Record) -> Record:
    """Return what is compared of a run; how similar the samples are to each other is not."""
    metrics = {name: value for name, value in record["metrics"].items() if name != "self_bleu"}
    return {name: record[name] for name in _COMPARED} | {"metrics": metrics}


def _canonical(settings: Record) -> str:
    return json.dumps(settings, sort_keys=True)


def _key(record: Record) -> str:
    return json.dumps([record["model"], record["prompt"], record["settings"], record["sample"]], sort_keys=True)


def _by_temperature(records: Sequence[Record], measure: str) -> list[tuple[float, float]]:
    """Return the mean of a measure at each temperature, ascending."""
    found: dict[float, list[float]] = {}
    for one in records:
        if (value := one["metrics"].get(measure)) is not None:
            found.setdefault(float(one["settings"]["temperature"]), []).append(float(value))
    return [(temperature, statistics.fmean(values)) for temperature, values in sorted(found.items())]


def _effect(measure: str, name: str, effect: str) -> Choice:
    def truth(_given: Given, records: Records) -> tuple[str, ...]:
        means = _by_temperature(records[FILE], measure)
        return moved(means[0][1], means[-1][1], _CLEAR) if means else tuple(WAYS)

    example = f"With a higher temperature the {name} {{way}}."
    question = f"From your lowest to your highest temperature, the mean {name} (`{measure}`) …?"
    return Choice(measure, question, tuple(WAYS), truth, Direction(*caused_by("temperatures?"), effect, WAYS, example))


def _quoted(_given: Given, records: Records) -> dict[str, float]:
    found: dict[str, float] = {}
    for measure in _SHOWN:
        for temperature, value in _by_temperature(records[FILE], measure):
            found[f"mean {measure} at temperature {temperature:g}"] = value
    combinations: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for one in records[FILE]:
        combinations.setdefault((one["model"], _canonical(one["settings"])), []).append(one["metrics"])
    for at, ((model, _), runs) in enumerate(combinations.items(), 1):
        for measure in _SHOWN:
            if values := [run[measure] for run in runs if run.get(measure) is not None]:
                found[f"mean {measure} of combination {at} ({model})"] = statistics.fmean(values)
    return found


TASK = Task(
    name="temperature",
    title="Settings and legibility",
    notebook=5,
    minutes=45,
    given=_given,
    text=_text,
    files=_files,
    again=_again,
    quoted=_quoted,
    choices=(
        _effect("dictionary_words", "share of dictionary words", r"dictionary|(?:real|known)\swords|legib|readab"),
        _effect("distinct_2", "share of distinct pairs of words", r"distinct|pairs|variet"),
    ),
    words=100,
    quotes=4,
    models=SMALL_MODELS,
)
