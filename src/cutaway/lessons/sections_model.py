"""Sections 5 to 7 of the tour: how a model is built, what its heads attend to, and classification.

All numbers in the sentences come from the results of the same run.
"""

from __future__ import annotations

import shlex

from cutaway.errors import InputError
from cutaway.inside import attention
from cutaway.lessons.draft import Draft, Lesson, model_option, shell_word
from cutaway.models import module_tree
from cutaway.prediction import classify

ANIMAL = "The animal didn't cross the street because it was too tired"
FATHER = "No, I am your father"
OCEAN = "The panoramic view of the ocean was breathtaking."
LINK = ("it", "animal")
LABELS = ["negative", "positive"]


def architecture(lesson: Lesson) -> Draft:
    result = module_tree.architecture(lesson.model)
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
            "This model is a decoder: a position sees only itself and the positions before it. Writing needs that. An "
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
            "How to read the map: a row is a token that looks, a column is a token that it looks at, and a strong "
            "colour is a large weight."
            + (" The hatched half is empty because no token may look ahead." if stack.causal else "")
            + " The lines next to the map show the same row.",
            "Below are small maps of all heads. Choose some. Three patterns are common: a strong diagonal (looks at "
            "itself), "
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
        shell=f"cutaway attention {shell_word(ANIMAL)} -m {shlex.quote(lesson.model.name)}"
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
        shell=f"cutaway classify {shell_word(OCEAN)}{model_option(lesson)} --labels {','.join(LABELS)}",
        results=[("From text to label, step by step. Which step would change if you gave other labels?", result)],
    )
