# %% [markdown]
# # 2 · Tokens and embeddings
#
# A model does not read letters or words. It reads numbers. After this notebook you can
#
# - say how a text becomes a list of ids, and why the pieces look as they do;
# - learn a tokenizer's merges yourself, in ten lines;
# - find an id's vector, and measure how similar two vectors are;
# - explain why one word can have one vector at the start of a model and many at its end.
#
# Where it says **Guess first**, write your guess down before you run the next cell.
#
# Uses: `gpt2-vocab`, `minilm-l6`, `smollm2-135m`. The first run downloads them once (177 MB).

# %%
# Install cutaway if this Python lacks it: from the clone that this notebook lies in, or from a wheel beside it.
import importlib.util
import subprocess
import sys
from pathlib import Path

if importlib.util.find_spec("cutaway") is None:
    here = Path.cwd()
    clones = [folder for folder in (here, here.parent) if (folder / "src" / "cutaway").is_dir()]
    found = [*clones, *sorted(here.glob("cutaway-*.whl"), reverse=True)]
    if not found:
        raise SystemExit(f"Put the file cutaway-….whl into {here} (in Colab: upload it), then run this cell again.")
    torch_first = [] if importlib.util.find_spec("torch") else ["torch==2.13.0"]
    for package in [*torch_first, str(found[0])]:
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", package], check=True)
    importlib.invalidate_caches()

import cutaway

print("cutaway", cutaway.__version__)

# %% [markdown]
# ## From text to ids
#
# A *tokenizer* cuts a text into pieces of a fixed list, its *vocabulary*. Each piece has a number, its *id*. This is
# GPT-2's tokenizer.
#
# > **Guess first.** “No, I am your father”: how many tokens? Does the comma get one of its own?

# %%
father = cutaway.tokenize("No, I am your father", "gpt2-vocab")
for token, number in zip(father.tokens, father.ids, strict=True):
    print(f"{token!r:10} {number:6}")

# %% [markdown]
# The sign `Ġ` is how GPT-2's vocabulary writes a space. A space belongs to the word after it, so ` father` in a
# sentence and `father` at the start of a text are two tokens.
#
# > **Guess first.** A longer sentence: “Counselor, please adjust your Zoom filter to appear as a human, rather than as
# > a cat”. Which of its words are cut into parts?

# %%
cutaway.tokenize("Counselor, please adjust your Zoom filter to appear as a human, rather than as a cat", "gpt2-vocab")

# %% [markdown]
# Choose a word in the picture above to see how it was put together. “Counselor” came apart, because the texts from
# which this vocabulary was learned have it rarely, and rarely at the start.
#
# ## The vocabulary
#
# > **Guess first.** How many pieces does GPT-2 know? Is “Honolulu” one of them? “Cerberus”? “Counselor”?

# %%
vocabulary = cutaway.models.load_tokenizer("gpt2-vocab").vocabulary
print(f"{len(vocabulary):,} pieces")
for piece in ("iates", "Ġcalcium", "ĠRipple", "Pi", "ĠHonolulu", "ĠCerberus", "Counselor", "ĠCounselor"):
    print(f"{piece:12} {vocabulary.get(piece, 'not a piece')}")

# %% [markdown]
# ## Letters, words, or pieces?
#
# One could also give each letter an id, or each word. Letters need few ids, but make long sequences. Words make short
# ones, but there is no end of words, and a new one has no id. Pieces are between them: frequent words stay whole, rare
# ones are spelled from parts, and nothing is impossible.
#
# > **Guess first.** The sentence about the lawyer has 84 characters. How many tokens does each way need?

# %%
sentence = "Counselor, please adjust your Zoom filter to appear as a human, rather than as a cat"
ways = {
    "letters": cutaway.tokens.characters([sentence]),
    "words": cutaway.tokens.words([sentence]),
    "GPT-2 (BPE)": "gpt2-vocab",
    "SmolLM2 (BPE)": "smollm2-135m",
    "BERT (WordPiece)": "minilm-l6",
}
for name, tokenizer in ways.items():
    cut = cutaway.tokenize(sentence, tokenizer, add_special_tokens=False)
    print(f"{name:17} {len(cut.ids):3} tokens of {cut.vocab_size:6,}:", *cut.tokens[:9], "…")

# %% [markdown]
# ## How pieces are learned
#
# Byte-pair encoding (BPE) begins with letters. It finds the most frequent pair of neighbours, makes it one piece, and
# repeats. The list of these merges *is* the tokenizer.
#
# > **Guess first.** Which two letters of this text will be joined first?

# %%
from collections import Counter
from itertools import pairwise

text = "she sells sea shells by the sea shore and the shells she sells are sea shells"
words = [list(word) for word in text.split()]
for step in range(1, 8):
    pairs = Counter(pair for word in words for pair in pairwise(word))
    (left, right), times = pairs.most_common(1)[0]
    print(f"merge {step}: {left} + {right} → {left + right}   ({times} times)")
    for word in words:
        for at in range(len(word) - 2, -1, -1):
            if word[at : at + 2] == [left, right]:
                word[at : at + 2] = [left + right]
print(" | ".join(" ".join(word) for word in words))

# %% [markdown]
# GPT-2 made 50,000 such merges on text from the web, and begins with bytes, so that it can spell every language.
# WordPiece (BERT) and SentencePiece's unigram (T5) choose their pieces by probability; the idea is the same.
#
# ## There and back
#
# > **Guess first.** Which of the three models gives the sentence back exactly as it was?

# %%
for name in ("gpt2-vocab", "smollm2-135m", "minilm-l6"):
    cut = cutaway.tokenize("No, I am   your Father", name)
    print(f"{name:13} {'exactly' if cut.round_trip else 'changed'}: {cut.decoded!r}")

# %% [markdown]
# This BERT was made to compare texts; its tokenizer drops capital letters and extra spaces on purpose, and adds two
# signs of its own. Such a loss is fine for a search engine. It would ruin a chemical formula.
#
# ## What a model can't see
#
# > **Guess first.** How many tokens is “strawberry”, and how many at the start of a text? Can the model count its `r`s?

# %%
for text in ("I ate a strawberry", "strawberry", "STRAWBERRY", "2 + 12345"):
    print(f"{text!r:22}", *cutaway.tokenize(text, "smollm2-135m").pieces, sep=" | ")
answer = cutaway.generate("How often is the letter r in the word strawberry?", chat=True, max_new_tokens=24)[0]
print(answer.completion)

# %% [markdown]
# The model gets an id for a whole word or a large part. Its letters are not in the id. What it knows about spelling it
# picked up from texts that talk about spelling.
#
# ## An id becomes a vector
#
# The first part of every language model is a table: a row of numbers for each id. The row is the token's *embedding*.
#
# > **Guess first.** How many numbers may a row have: 10, 500, or 50,000?

# %%
model = cutaway.load("smollm2-135m")
table = model.module.get_input_embeddings().weight.detach().numpy()
print(f"the table has {table.shape[0]:,} rows of {table.shape[1]} numbers")
row = cutaway.tokenize(" father", model).ids[0]
print(f"row {row}, ' father':", table[row, :6].round(3), "…")

# %% [markdown]
# Nobody chose these numbers. Training moved the rows until the next token was easy to predict. Tokens that are used
# alike ended up side by side, because the model can then treat them alike.
#
# > **Guess first.** Which tokens are nearest to ` Monday`? To ` seven`? To ` ocean`?

# %%
cutaway.neighbours([" Monday", " seven", " ocean"], model, k=6)

# %% [markdown]
# “Nearest” here means the smallest angle. The cosine of the angle is 1 for the same direction and 0 for a right angle.
# It takes three lines:
#
# > **Guess first.** Which pair is more similar: Monday and Tuesday, or Monday and cheese?

# %%
import numpy as np


def vector(word):
    return table[cutaway.tokenize(word, model).ids[0]]


def cosine(a, b):
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


for other in (" Tuesday", " Sunday", " week", " cheese"):
    print(f"Monday and{other:8}: {cosine(vector(' Monday'), vector(other)):.2f}")

# %% [markdown]
# ## A map of words
#
# A screen has two directions, a vector has 576. The map shows the two in which these words differ most.
#
# > **Guess first.** Numbers, weekdays, animals and chemistry: which two groups will be hardest to tell apart?

# %%
cutaway.embedding_map(
    {
        "numbers": [" one", " two", " three", " four", " five", " six"],
        "weekdays": [" Monday", " Tuesday", " Wednesday", " Friday", " Sunday"],
        "animals": [" dog", " cat", " horse", " bird", " fish", " wolf"],
        "chemistry": [" protein", " molecule", " acid", " enzyme", " oxygen"],
    },
    model,
)

# %% [markdown]
# The figures above the map say how far to trust it: what share of the differences it shows, and whether neighbours on
# the map are neighbours among the vectors.
#
# ## One word, many meanings
#
# The table has one row for “bank”, whether there is a river or money nearby. Every layer of the model then mixes in
# what stands around it. At the end each “bank” has a vector of its own.
#
# > **Guess first.** We look for the “bank” that is most like the one in “He sat on the river bank.” Which sentence
# > wins?

# %%
cutaway.neighbours(
    ["He sat on the river bank.", "She owes the bank a large sum."],
    "minilm-l6",
    word="bank",
    among=[
        "We fished from the bank of the river.",
        "The bank lends money to farmers.",
        "She paid the money into a bank.",
        "The river rose over its bank.",
    ],
    k=4,
)

# %% [markdown]
# How does a vector get to know its neighbours? By attention. That is the next notebook.
#
# ## Exercises
#
# 1. Find an English word that GPT-2 cuts into four or more pieces, and a German or French one of the same length. Who
#    pays more tokens for the same text?
#    <details><summary>Hint</summary>Try <code>len(cutaway.tokenize("…", "gpt2-vocab").ids)</code> with one sentence in
#    several languages.</details>
# 2. Let the BPE loop run until every word is one piece. How many merges did it take? What would it do with “shell”?
#    <details><summary>Hint</summary>Stop when there is no pair left: <code>if not pairs: break</code>.</details>
# 3. Is `king − man + woman` near `queen` in this table?
#    <details><summary>Hint</summary>Compute the vector, then the cosine with every row:
#    <code>(table @ v) / np.linalg.norm(table, axis=1)</code>. Leave out the three words that you put in.</details>
#
# ## What you know now
#
# A tokenizer cuts text into pieces, learned by merging frequent pairs. Each piece has an id, each id a row in a table.
# Training puts rows of similar use side by side. The layers above turn the row of a word into the meaning it has here.
#
# The homework for this notebook: `cutaway homework start pieces --name "Your name"`.
