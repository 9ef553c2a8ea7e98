"""Sections 8 to 10 of the tour: train a model, save it, and find others.

All numbers in the sentences come from the results of the same run.
"""

from __future__ import annotations

import dataclasses
import math
import tempfile
from pathlib import Path

from cutaway.generation import generate
from cutaway.lessons.draft import Draft, Lesson
from cutaway.lessons.trained_folder import CARD, clear
from cutaway.models import Model, list_models, save
from cutaway.result import Result
from cutaway.training import TrainingRun

LN2 = math.log(2)


def training(lesson: Lesson) -> Draft:
    settings = lesson.settings
    run = TrainingRun(settings)
    before = _sample(run.model)
    result = run.train()
    after = _sample(run.model)
    lesson.trained = run.model
    minutes = settings.loop.minutes
    first, last = result.validation[0].loss / LN2, result.final_loss / LN2
    floor = (result.final_floor or 0.0) / LN2
    short = (
        f" (The machine was busy: in the {60 * minutes:.0f} s allowed {result.steps:,} of {run.steps:,} steps "
        "were made. A longer run comes closer.)"
        if minutes is not None and run.steps is not None and result.steps < run.steps
        else ""
    )
    return Draft(
        key="training",
        title="A training loop, begun",
        paragraphs=[
            "A new model knows nothing: its numbers are random. Training repeats one exercise. The model reads a text "
            "and predicts each next token. How much the right token surprised it, on average, is the loss.",
            "The gradient of the loss says, for each number in the model, which way to change it so that the loss gets "
            "smaller. An optimizer (here Muon for "
            "the matrices of the layers and AdamW for the rest) takes a small step that way. Then the next texts come.",
            f"Here a {result.architecture} of {result.parameters:,} parameters learns sentences of a small grammar, "
            "letter by letter. The reason at the end of a sentence depends on the animal at its start, about forty "
            "letters earlier. A model that can't look back can't learn that.",
            "How much chance is in these sentences is known exactly: their entropy. No model can have a lower loss. "
            f"That is the floor in the figure. The loss on sentences kept out of training was {first:.2f} bits per "
            f"letter before the first step and {last:.3f} after the last; the floor is {floor:.3f}.{short}",
            "Below the curve: what the model wrote before the first step, and after the last. Look for whole words, "
            "then for sentences that make sense.",
        ],
        python=f'import cutaway\n\ncutaway.train(steps={result.steps}, seed={lesson.seed}, output="my-model")',
        shell=f"cutaway train --steps {result.steps} --seed {lesson.seed} -o my-model",
        results=[
            (
                "The curve falls fast, then slowly towards the floor. On average it never falls below it.",
                result,
            ),
            ("Before training: 120 letters from random numbers.", before),
            ("After training: the same model, the same prompt, the same seed.", after),
        ],
    )


def saving(lesson: Lesson) -> Draft:
    if lesson.trained is None:
        raise RuntimeError("saving comes after training")
    card = f"# tiny-model\n\n{CARD}\n"
    if lesson.folder is not None:
        clear(lesson.folder)
        result = save(lesson.trained, lesson.folder, card_text=card)
        name = lesson.folder.name
        where = f"This model is now in the folder `{name}`, beside this page. The lines below use it: run them there."
    else:
        name = "my-model"
        with tempfile.TemporaryDirectory() as scratch:
            result = dataclasses.replace(save(lesson.trained, Path(scratch) / name, card_text=card), directory=name)
        where = f"This time the folder was temporary. The line of section 8 makes one for you: `{name}`."
    return Draft(
        key="saving",
        title="Save, load, check",
        paragraphs=[
            "A saved model is a folder. `config.json` says how to build the model, `model.safetensors` holds its "
            "numbers, and the tokenizer's files say which text has which id. `README.md` is the card: it tells "
            "people what the model is. A model is useless without its tokenizer, so both are saved together.",
            f"The model of section 8 was saved, loaded again, and given the same text. The largest difference between "
            f"the old and the new logits was {result.max_abs_difference:g}.",
            where,
            "Any program that uses transformers can open the folder; cutaway is not needed for it.",
        ],
        python=(
            f'import cutaway\n\nprint(cutaway.generate("The animal", "./{name}", max_new_tokens=80)[0].completion)\n\n'
            f'from transformers import AutoModelForCausalLM\nAutoModelForCausalLM.from_pretrained("./{name}")'
        ),
        shell=f'cutaway generate "The animal" -m ./{name} --max-new-tokens 80',
        results=[("What was written. Most of the bytes are the numbers in model.safetensors.", result)],
    )


def models(lesson: Lesson) -> Draft:
    result = list_models()
    return Draft(
        key="models",
        title="Where models come from",
        paragraphs=[
            "Most open models are on the Hugging Face Hub. Give a Hub name, such as openai-community/gpt2, with "
            "-m, and the model is fetched. Some are gated: their owner asks you to accept terms.",
            "The table lists the shelf: models that need no Hub and no account. Small ones of every kind of sequence "
            "are built in. Each of the others comes in a package of the Python package index, is checked by its "
            "SHA-256 sum, and is turned once into a folder that transformers can open. A folder of your own or a GGUF "
            "file works in the same place.",
            "Before you rely on a model, read its card: what it was trained on, what for, under which licence, and "
            "where it fails.",
        ],
        python='import cutaway\n\nprint(cutaway.model_card("minilm-l6"))',
        shell="cutaway models list && cutaway models card minilm-l6",
        results=[("The shelf. Which of these reads your kind of sequence?", result)],
    )


def _sample(model: Model) -> Result:
    return generate("The ", model, max_new_tokens=120, min_new_tokens=120, temperature=1.0, seed=1)[0]
