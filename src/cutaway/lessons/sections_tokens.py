"""Sections 1 to 4 of the tour: probabilities, generated text, tokens and their vectors.

All numbers in the sentences come from the results of the same run.
"""

from __future__ import annotations

from typing import Any

from cutaway.errors import ModelError
from cutaway.generation import generate
from cutaway.inside import embedding_map, neighbours
from cutaway.lessons.draft import Draft, Lesson, bare, listed, model_option, python_line, python_text, shell_word
from cutaway.models import DEFAULT_ENCODER, Model, load_tokenizer
from cutaway.models.prompt import has_chat_template
from cutaway.prediction import score
from cutaway.tokens import characters, tokenize, vocabulary_sample, words

COUNSELOR = "Counselor, please adjust your Zoom filter to appear as a human, rather than as a cat"
QUERIES = [" ocean", " protein", " Monday", " seven"]
GROUPS = {
    "numbers": [" one", " two", " three", " four", " five", " six", " seven", " eight"],
    "weekdays": [" Monday", " Tuesday", " Wednesday", " Thursday", " Friday", " Saturday", " Sunday"],
    "animals": [" dog", " cat", " horse", " bird", " fish", " bear", " wolf"],
    "countries": [" France", " Germany", " Italy", " Japan", " China", " India", " Brazil"],
    "chemistry": [" protein", " molecule", " acid", " enzyme", " oxygen", " carbon"],
    "weather": [" rain", " snow", " wind", " storm", " cloud", " ice"],
}


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
            "probability. As a formula: $P(t_N | t_1, …, t_{N−1})$, the probability of token $t_N$ given all tokens "
            "before it. These probabilities add up to 1.",
            "That is enough for many tasks. To write, take a likely next token, again and again. To find an error or a "
            "mutation, look for a token that the model thinks unlikely. To label a text, ask which label is likelier.",
            f"The figure shows your prompt as {lesson.model.name} reads it. The stronger a token's "
            "colour, the more it surprised the model. "
            f"Surprise is measured in bits: 0 bits if the token was certain, 1 bit if it had a chance of one half, and "
            f"one bit more each time the chance is halved. `{bare(hardest.token)}` surprised it most: "
            f"{hardest.surprisal_bits:.1f} bits.",
            f"The lower bars show what the model expects after the last token. First comes `{bare(likeliest.token)}`"
            f"{sign or ','} with probability {likeliest.probability:.2f}.",
        ],
        python=f"import cutaway\n\ncutaway.score({lesson.prompt!r}, model={lesson.model.name!r})",
        shell=f"cutaway score {shell_word(lesson.prompt)}{model_option(lesson)}",
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
            f"cutaway generate {shell_word(lesson.prompt)}{model_option(lesson)}{' --chat' if chat else ''} -n 2 "
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
                f"A tokenizer can also turn ids back into text. Here {listed(lossy)} did not give back the same text: "
                "capital letters or spaces were lost."
                if lossy
                else "A tokenizer can also turn ids back into text. Here each one gave back the same text."
            ),
            *missing,
        ],
        python=f'import cutaway\n\ncutaway.tokenize({COUNSELOR!r},\n                 model="gpt2-vocab")',
        shell=f"cutaway tokenize {shell_word(COUNSELOR)} -m gpt2-vocab",
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
            f"have {width}, so the map can show only {shown:.0%} of their differences. Trust which words lie together "
            "more than the distances between groups.",
        ],
        python=(
            f"import cutaway\n\ncutaway.neighbours({queries!r}, model={lesson.model.name!r})\n"
            f"cutaway.embedding_map({ {name: group[:4] for name, group in list(groups.items())[:2]}!r},\n"
            f"                      model={lesson.model.name!r})"
        ),
        shell=python_line(
            f"print(cutaway.neighbours([{python_text(queries[0])}], model={python_text(lesson.model.name)}).to_json())"
        ),
        results=[
            ("The nearest of all tokens. A dot in front of a word stands for the space before it.", near),
            ("Look for the groups: which lie apart, and which run into each other?", plane),
        ],
    )


def _words(model: Model) -> tuple[list[str], dict[str, list[str]]]:
    """Choose words that are single tokens of this model; if too few of ours are, take some of its own tokens."""
    queries = [word for word in QUERIES if _is_token(model, word)]
    groups = {name: [word for word in group if _is_token(model, word)] for name, group in GROUPS.items()}
    groups = {name: group for name, group in groups.items() if group}
    if queries and sum(map(len, groups.values())) >= 4:
        return queries, groups
    own = [entry.token for entry in vocabulary_sample(model.tokenizer) if _is_token(model, entry.token)]
    return own[:4], {"vocabulary": own}


def _is_token(model: Model, word: str) -> bool:
    return len(model.tokenizer.encode(word, add_special_tokens=False).ids) == 1
