"""The sections of the tour: for each its words, its run, and the lines that repeat it.

Whatever a sentence says of numbers is read off the results of the same run.
"""

from __future__ import annotations

import dataclasses
import json
import math
import shlex
import tempfile
from pathlib import Path
from typing import Any

from cutaway.errors import ModelError
from cutaway.generation import generate
from cutaway.inside import attention, embedding_map, neighbours
from cutaway.models import DEFAULT, DEFAULT_ENCODER, Model, architecture, list_models, load_tokenizer, save
from cutaway.models.prompt import has_chat_template
from cutaway.predict import classify, score
from cutaway.result import Result
from cutaway.tokens import characters, tokenize, vocabulary_sample, words
from cutaway.training import Run, Settings

__all__ = ["ALL", "Draft", "Lesson"]

LN2 = math.log(2)

COUNSELOR = "Counselor, please adjust your Zoom filter to appear as a human, rather than as a cat"
ANIMAL = "The animal didn't cross the street because it was too tired"
FATHER = "No, I am your father"
OCEAN = "The panoramic view of the ocean was breathtaking."
LABELS = ["negative", "positive"]
TEMPLATE = "{text} The sentiment of this text is"

QUERIES = [" ocean", " protein", " Monday", " seven"]
GROUPS = {
    "numbers": [" one", " two", " three", " four", " five", " six", " seven", " eight"],
    "weekdays": [" Monday", " Tuesday", " Wednesday", " Thursday", " Friday", " Saturday", " Sunday"],
    "animals": [" dog", " cat", " horse", " bird", " fish", " bear", " wolf"],
    "countries": [" France", " Germany", " Italy", " Japan", " China", " India", " Brazil"],
    "chemistry": [" protein", " molecule", " acid", " enzyme", " oxygen", " carbon"],
    "weather": [" rain", " snow", " wind", " storm", " cloud", " ice"],
}


@dataclasses.dataclass
class Lesson:
    """What the sections share: the model, the prompt, and what earlier sections made."""

    model: Model
    prompt: str
    seed: int
    settings: Settings  # of the training run
    trained: Model | None = None


@dataclasses.dataclass
class Draft:
    """A section before it is timed; `results` are pairs of caption and result."""

    key: str
    title: str
    paragraphs: list[str]
    python: str
    shell: str
    results: list[tuple[str, Result]]


def sequences(lesson: Lesson) -> Draft:
    result = score(lesson.prompt, lesson.model)
    hardest = max(result.tokens, key=lambda token: token.surprisal_bits)
    likeliest = result.next[0]
    sign = " (its sign for the end of a message)" if likeliest.id in lesson.model.end_ids else ""
    return Draft(
        key="sequences",
        title="A sequence and its probabilities",
        paragraphs=[
            "A sequence is a list whose items lean on the ones before them: words in a sentence, bases in a genome, "
            "residues in a protein, atoms in a SMILES string, hours of weather. Its items are called tokens: "
            "t₁, t₂, … t_N.",
            "A language model does one thing. Given the first tokens it says how probable every possible next token "
            "is: P(t_N | t_N−1, …, t₁). Writing, translating, labelling, spotting a mutation are all read off "
            "these numbers.",
            f"Below, the prompt as {lesson.model.name} sees it. A token that was certain costs 0 bits of surprise; "
            f"each further bit halves its probability. The most surprising here is {hardest.token.strip()!r} with "
            f"{hardest.surprisal_bits:.1f} bits. After the last token the model would put {likeliest.token.strip()!r} "
            f"first{sign}, with probability {likeliest.probability:.3f}.",
        ],
        python=f"import cutaway\n\ncutaway.score({lesson.prompt!r}, model={lesson.model.name!r})",
        shell=f"cutaway score {shlex.quote(lesson.prompt)}{_m(lesson)}",
        results=[("How surprised the model is by each token, and what it expects next", result)],
    )


def generation(lesson: Lesson) -> Draft:
    settings: dict[str, Any] = {"max_new_tokens": 48, "temperature": 0.8, "top_p": 0.95, "num_return_sequences": 2}
    chat = has_chat_template(lesson.model)
    results = generate(lesson.prompt, lesson.model, **settings, alternatives=6, seed=lesson.seed, chat=chat)
    arguments = "".join(f", {name}={value}" for name, value in settings.items())
    return Draft(
        key="generation",
        title="Text, one token at a time",
        paragraphs=[
            "To write, draw a token from those probabilities, append it, and ask again. That is the whole loop. Two "
            "runs draw differently, so the same prompt gives different responses; a seed makes each repeatable.",
            "Temperature 0.8 sharpens the distribution a little, and top-p 0.95 leaves out the unlikely tail. Choose a "
            "token to see what else the model might have said in its place.",
            *(
                [
                    f"{lesson.model.name} was tuned to answer, so the prompt is wrapped in its chat template: a few "
                    "special tokens that say who speaks. Without them it would merely continue the text."
                ]
                if chat
                else []
            ),
            "Read the responses with care. The model repeats the manner of the text it was trained on and knows "
            "nothing of truth: asked for something it has hardly met, it invents an answer in the same calm voice.",
        ],
        python=(
            f"import cutaway\n\ncutaway.generate({lesson.prompt!r}, model={lesson.model.name!r},\n"
            f"                 alternatives=6, seed={lesson.seed}, chat={chat}{arguments})"
        ),
        shell=(
            f"cutaway generate {shlex.quote(lesson.prompt)}{_m(lesson)}{' --chat' if chat else ''} -n 2 "
            f"--max-new-tokens 48 --temperature 0.8 --top-p 0.95 --alternatives 6 --seed {lesson.seed}"
        ),
        results=[(f"Response {r + 1} of 2, seed {result.seed}", result) for r, result in enumerate(results)],
    )


def tokens(lesson: Lesson) -> Draft:
    tokenizers, missing = [lesson.model.tokenizer], []
    for name in ("gpt2-vocab", DEFAULT_ENCODER):
        try:
            tokenizers.append(load_tokenizer(name))
        except ModelError as error:
            missing.append(f"{name} is left out: {error.message}.")
    tokenizers += [words([COUNSELOR]), characters([COUNSELOR])]
    results = [tokenize(COUNSELOR, tokenizer, add_special_tokens=False, steps=False) for tokenizer in tokenizers]
    counts = ", ".join(f"{len(result.ids)} ({result.model})" for result in results)
    lossy = [result.model for result in results if not result.round_trip]
    return Draft(
        key="tokens",
        title="Tokens: how text is cut up",
        paragraphs=[
            "A model computes with numbers, so text is cut into pieces from a fixed vocabulary and each piece becomes "
            "its number there, its id. Whole words make short sequences but meet words they do not know; single "
            "characters know every word but make long sequences. Sub-word methods lie between: byte-pair encoding "
            "(BPE) and WordPiece keep frequent words whole and cut rare ones into parts.",
            f"The same sentence takes this many tokens: {counts}. "
            + (
                f"Decoding gives the sentence back to the letter except with {', '.join(lossy)}: lower case and the "
                "spaces around punctuation were not kept, and cannot be brought back."
                if lossy
                else "Decoding gives the sentence back to the letter with each of them."
            ),
            *missing,
        ],
        python=f'import cutaway\n\ncutaway.tokenize({COUNSELOR!r},\n                 model="gpt2-vocab")',
        shell=f"cutaway tokenize {shlex.quote(COUNSELOR)} -m gpt2-vocab",
        results=[(f"{r.model}: {len(r.ids)} tokens from a vocabulary of {r.vocab_size:,}", r) for r in results],
    )


def embeddings(lesson: Lesson) -> Draft:
    queries, groups = _words(lesson.model)
    near = neighbours(queries, lesson.model)
    plane = embedding_map(groups, lesson.model)
    width = lesson.model.module.get_input_embeddings().weight.shape[1]
    shown = sum(plane.explained)
    return Draft(
        key="embeddings",
        title="Embeddings: ids become vectors",
        paragraphs=[
            f"The first layer is a table with a row for each token: {width} numbers, the token's embedding. Nobody "
            "wrote them. Training moved tokens that are used alike to places that lie near each other, because that "
            "makes the next token easier to predict.",
            "Near means a small angle: the lists rank all other tokens by cosine, 1 for the same direction, 0 for "
            "none in common.",
            f"The map lays {len(plane.points)} of these vectors flat. Two of {width} directions can show only so "
            f"much, here {shown:.0%} of the differences between them, so trust the clusters more than the distances.",
        ],
        python=(
            f"import cutaway\n\ncutaway.neighbours({queries!r}, model={lesson.model.name!r})\n"
            f"cutaway.embedding_map({ {name: group[:4] for name, group in list(groups.items())[:2]}!r},\n"
            f"                      model={lesson.model.name!r})"
        ),
        shell=_python(f"print(cutaway.neighbours([{_q(queries[0])}], model={_q(lesson.model.name)}).to_json())"),
        results=[
            ("Nearest tokens by cosine, among the whole vocabulary", near),
            (f"Embeddings laid flat: {plane.method}", plane),
        ],
    )


def architecture_(lesson: Lesson) -> Draft:
    result = architecture(lesson.model)
    return Draft(
        key="architecture",
        title="Architecture: what the vectors pass through",
        paragraphs=[
            f"{lesson.model.name} is a {result.class_name}: {result.parameters:,} numbers in {result.layers} equal "
            "blocks. A block first lets positions exchange information (self-attention), then works on each position "
            "by itself (the feed-forward network, or MLP). Around both runs a residual connection, which adds what "
            "was computed to what was there; a normalisation keeps the sizes in range.",
            "Positions are told apart by a signal added to the vectors or mixed into the attention. At the end the "
            f"vector of the last position is compared with {result.vocab_size:,} token vectors: one score, or logit, "
            "for each token that might come next.",
            "This is a decoder: each position sees only those before it. An encoder such as BERT looks both ways and "
            "fills gaps instead of continuing.",
        ],
        python=f"import cutaway\n\ncutaway.architecture({lesson.model.name!r})",
        shell=f"cutaway architecture {shlex.quote(lesson.model.name)}",
        results=[("Every block with its shapes and parameters; equal blocks are drawn once", result)],
    )


def heads(lesson: Lesson) -> Draft:
    results = [attention(ANIMAL, lesson.model), attention(FATHER, lesson.model)]
    stack = results[0].stacks[0]
    depth, width = len(stack.layers), len(stack.heads)
    return Draft(
        key="attention",
        title="Self-attention: where each token looks",
        paragraphs=[
            f"In “{ANIMAL}” a reader knows that “it” is the animal, since streets do not get tired. "
            "A model has to find such links too. In each attention head every position spreads a weight of 1 over the "
            "positions before it and takes up their vectors in that proportion.",
            f"Many heads work side by side so that one can watch the previous word while another seeks the subject of "
            f"the sentence. {lesson.model.name} has {depth} layers of {width} heads, {depth * width} "
            "small matrices. Choose one to see it large; a row is the token that looks, a column the token looked at.",
            "Many heads put nearly all their weight on the first token: that is how a head says it found nothing.",
        ],
        python=f"import cutaway\n\ncutaway.attention({FATHER!r}, model={lesson.model.name!r})",
        shell=f"cutaway attention {shlex.quote(FATHER)} -m {shlex.quote(lesson.model.name)} -o attention.html",
        results=[(f"Attention of all heads on “{result.text}”", result) for result in results],
    )


def classification(lesson: Lesson) -> Draft:
    result = classify(OCEAN, lesson.model, labels=LABELS, template=TEMPLATE)
    return Draft(
        key="classification",
        title="Classification, step by step",
        paragraphs=[
            "Five steps lead from a text to a label: set up the prompt, load the model, turn the text into ids, run "
            "the model to get a logit for each label, and turn the logits into probabilities with the softmax.",
            "A model made for the purpose has a small head with one output per label. "
            f"{lesson.model.name} has none, so it is asked in words. The logit of a label is the log-probability that "
            "the model writes that label after the text, less the same without the text, since some words are likely "
            f"anywhere. It chooses {result.label!r} with probability {result.score:.3f}.",
        ],
        python=(
            f"import cutaway\n\ncutaway.classify({OCEAN!r},\n"
            f"                 model={lesson.model.name!r}, labels={LABELS!r},\n"
            f"                 template={TEMPLATE!r})"
        ),
        shell=f"cutaway classify {shlex.quote(OCEAN)}{_m(lesson)} --labels {','.join(LABELS)} "
        f"--template {shlex.quote(TEMPLATE)}",
        results=[("From text to label", result)],
    )


def training(lesson: Lesson) -> Draft:
    settings = lesson.settings
    run = Run(settings)
    before = _sample(run.model)
    result = run.train()
    after = _sample(run.model)
    lesson.trained = run.model
    first, last = result.validation[0].loss / LN2, result.final_loss / LN2
    floor = (result.final_floor or 0.0) / LN2
    short = (
        f" (The machine was busy: in the {settings.seconds:.0f} s allowed {result.steps:,} of {settings.steps:,} steps "
        "were made. A longer run comes closer.)"
        if settings.seconds is not None and result.steps < settings.steps
        else ""
    )
    return Draft(
        key="training",
        title="A training loop, begun",
        paragraphs=[
            "Training is the same question asked over and over: how surprised was the model by the next token? The "
            "average surprise is the loss. Its gradient says how to move every number in the model a little so that "
            "the surprise shrinks; AdamW takes the step.",
            f"Here a {result.architecture} of {result.parameters:,} parameters learns characters from sentences of a "
            "small grammar. In them the reason at the end depends on the animal at the beginning, some forty "
            "characters before, so a model that can't look back can't do well.",
            "The grammar's entropy is known exactly, and no model of whatever size can have a lower loss: that is the "
            f"line below the curve. The loss on held-out rows was {first:.2f} bits a character before the first step, "
            f"{last:.3f} after the last; the floor on the same rows is {floor:.3f}.{short}",
        ],
        python=f'import cutaway\n\ncutaway.train(steps={result.steps}, seed={lesson.seed}, output="tiny-model")',
        shell=f"cutaway train --steps {result.steps} --seed {lesson.seed} -d tiny-model",
        results=[
            ("The loss falls towards the floor that the source sets", result),
            ("Before training: 120 characters by the model as it was made", before),
            ("After training: the same model, the same prompt, the same seed", after),
        ],
    )


def saving(lesson: Lesson) -> Draft:
    if lesson.trained is None:
        raise RuntimeError("saving comes after training")
    with tempfile.TemporaryDirectory() as scratch:
        result = save(lesson.trained, Path(scratch) / "tiny-model", card_text="# tiny-model\n\nTrained in a tour.\n")
    # The folder is gone with the tour: its name is what the lines below would give it.
    result = dataclasses.replace(result, directory="tiny-model")
    return Draft(
        key="saving",
        title="Save, load, check",
        paragraphs=[
            "A saved model is a folder: the configuration says how to build it, model.safetensors holds its numbers, "
            "the tokenizer's files say which piece of text is which id, and the card tells people what it is. A model "
            "without its tokenizer is of no use, so both are saved together.",
            f"The model trained above was saved, loaded again and asked the same: the largest difference between the "
            f"logits was {result.max_abs_difference:g}. Any program that knows transformers opens this folder; cutaway "
            "is not needed for it.",
        ],
        python=(
            'import cutaway\n\ncutaway.save("tiny-model", "tiny-copy")\n\n'
            'from transformers import AutoModelForCausalLM\nAutoModelForCausalLM.from_pretrained("tiny-copy")'
        ),
        shell="cutaway models save tiny-model tiny-copy",
        results=[("What was written, and the check", result)],
    )


def models(lesson: Lesson) -> Draft:
    result = list_models()
    return Draft(
        key="models",
        title="Where models come from",
        paragraphs=[
            "Most open models live on the Hugging Face Hub: give a Hub id such as openai-community/gpt2 with -m and it "
            "is fetched. Some are gated, which means that their owner asks you to accept terms and show a token first.",
            "The shelf below needs no hub and no account: each of these models comes inside a pinned package of the "
            "Python package index, is checked against its SHA-256, and is turned once into a folder that transformers "
            "loads. A folder of your own, or a GGUF file, works in the same place.",
            "Read a model's card before you rely on it: it says what the model was trained on, what for, under which "
            "licence, and where it fails.",
        ],
        python='import cutaway\n\nprint(cutaway.card("minilm-l6"))',
        shell="cutaway models list && cutaway models card minilm-l6",
        results=[("The shelf", result)],
    )


def _sample(model: Model) -> Result:
    return generate("The ", model, max_new_tokens=120, min_new_tokens=120, temperature=1.0, seed=1)[0]


def _words(model: Model) -> tuple[list[str], dict[str, list[str]]]:
    """Choose words that are single tokens of this model; one that knows none of ours shows some of its own."""
    queries = [word for word in QUERIES if _is_token(model, word)]
    groups = {name: [word for word in group if _is_token(model, word)] for name, group in GROUPS.items()}
    groups = {name: group for name, group in groups.items() if group}
    if queries and sum(map(len, groups.values())) >= 4:
        return queries, groups
    own = [entry.token for entry in vocabulary_sample(model.tokenizer) if _is_token(model, entry.token)]
    return own[:4], {"vocabulary": own}


def _is_token(model: Model, word: str) -> bool:
    return len(model.tokenizer.encode(word, add_special_tokens=False).ids) == 1


def _python(call: str) -> str:
    return f"python -c {shlex.quote(f'import cutaway; {call}')}"


def _q(text: str) -> str:
    # A Python string in double quotes: it then needs no escape inside the shell's single ones.
    return json.dumps(text, ensure_ascii=False)


def _m(lesson: Lesson) -> str:
    return "" if lesson.model.name == DEFAULT else f" -m {shlex.quote(lesson.model.name)}"


ALL = (
    sequences,
    generation,
    tokens,
    embeddings,
    architecture_,
    heads,
    classification,
    training,
    saving,
    models,
)
