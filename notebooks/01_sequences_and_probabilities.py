# %% [markdown]
# # 1 · Sequences and probabilities
#
# A language model does one thing: it reads the start of a sequence, and says how probable each possible next piece is.
# After this notebook you can
#
# - read these probabilities, and turn them into bits of surprise;
# - compute how probable a whole sentence is;
# - build a small language model yourself, by counting;
# - say how the same numbers write texts, find mistakes, fill gaps, sort texts and translate.
#
# Run the cells from top to bottom: choose a cell and press Shift+Enter. Where it says **Guess first**, write your guess
# down before you run the next cell.
#
# Uses: `smollm2-135m`, which the first run downloads once (93 MB), and `english-french`, which lies in cutaway. After
# that you need no network.

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
# ## A sequence
#
# A sequence is a list in which order matters. Its items are called *tokens*. Written as a formula, a sequence of $N$
# tokens is $T = [t_1, t_2, \dots, t_N]$. Much of science comes as sequences:

# %%
sequences = {
    "a sentence": ["No", ",", "I", "am", "your", "father"],
    "a gene, in codons": ["ATG", "GCT", "AGC", "AAA", "GGA"],
    "the protein it encodes": ["M", "A", "S", "K", "G"],
    "acetic acid, in atoms": ["C", "C", "(", "=", "O", ")", "O"],
    "a day's weather, in °C": ["4.1", "3.8", "5.2", "9.6", "12.0", "8.3"],
}
for name, tokens in sequences.items():
    print(f"{name:24} N = {len(tokens)}   {tokens}")

# %% [markdown]
# ## What comes next?
#
# A language model computes $P(t_N \mid t_1, t_2, \dots, t_{N-1})$: the probability of each possible token $t_N$, given
# all the tokens before it.
#
# > **Guess first.** A text begins “The capital of France is”. Name three tokens that may come next. How much
# > probability does the first one get?

# %%
start = "The capital of France is"
for token in cutaway.score(start).next[:5]:
    print(f"{token.probability:6.1%}  {token.token!r}")

# %% [markdown]
# The quotation marks show that most tokens begin with a space: the space belongs to the word after it. Notebook 2 says
# why. Note the second place: “the” is a good guess, too, as in “the largest city of Europe”.
#
# > **Guess first.** The model knows about 49,000 tokens. How many of them get a probability? What is the sum?

# %%
every = cutaway.score(start, next_tokens=100_000).next
print(f"{len(every):,} tokens, {sum(token.probability > 0 for token in every):,} of them with a probability above 0")
print(f"sum of all: {sum(token.probability for token in every):.3f}")
print(f"the last one: {every[-1].token!r}, {every[-1].probability:.1e}")

# %% [markdown]
# Nothing is impossible for the model, and all probabilities add up to 1. What one token gains, others lose.
#
# ## A language model by counting
#
# Where do such probabilities come from? The oldest answer: count. Take a text, and count for each letter which letter
# follows it. That is a language model with a memory of one letter.
#
# > **Guess first.** In the text below, which letter most often follows `h`? And which follows `s`?

# %%
from collections import Counter, defaultdict
from itertools import pairwise

text = (
    "she sells sea shells by the sea shore. the shells she sells are sea shells, i am sure. "
    "if she sells sea shells by the sea shore, then i am sure she sells sea shore shells. "
)
after = defaultdict(Counter)
for letter, following in pairwise(text):
    after[letter][following] += 1

for letter in "hs":
    total = after[letter].total()
    print(letter, "→", {following: f"{n / total:.0%}" for following, n in after[letter].most_common()})

# %% [markdown]
# To write with it: draw the next letter by these probabilities, append it, repeat. Every language model writes like
# this, also the largest ones.
#
# > **Guess first.** What will the text look like: words, almost words, or noise?

# %%
import random

dice = random.Random(0)
written = "s"
for _ in range(120):
    counts = after[written[-1]]
    written += dice.choices(list(counts), weights=list(counts.values()))[0]
print(written)

# %% [markdown]
# Almost words, and no sense. One letter of memory is too little. The model of this course reads thousands of tokens
# back. It can't count them all, since almost every long text occurs only once. It *computes* the probabilities with
# 135 million numbers that were found by training. Notebook 3 opens it up.
#
# ## Surprise, in bits
#
# How well did a model predict a token? Its *surprisal* is $-\log_2 P$, in bits: 0 bits if it was certain, 1 bit for a
# probability of ½, and one bit more each time the probability is halved.
#
# > **Guess first.** “The capital of France is cheese.” How many bits does “cheese” cost? And “Paris” in its place?

# %%
cutaway.score("The capital of France is cheese.")

# %% [markdown]
# Choose tokens in the picture above to see their numbers. The first token has none, because nothing comes before it.
# By hand, for one token:

# %%
import math

paris, cheese = (cutaway.score(f"{start} {word}.").tokens[-2] for word in ("Paris", "cheese"))
for token in (paris, cheese):
    probability = math.exp(token.logprob)
    print(f"{token.token!r}: P = {probability:.8f}, −log₂ P = {-math.log2(probability):.1f} bits, rank {token.rank:,}")

# %% [markdown]
# ## A whole sentence
#
# The probability of a sentence is the product of the probabilities of its tokens, each given those before it. A product
# of many small numbers is too small to read. In bits the product becomes a sum.
#
# > **Guess first.** One of these sentences is true to grammar and to life, one only to grammar, one to neither. By how
# > many bits do they differ?

# %%
for sentence in ("The dog chased the cat.", "The cat chased the dog.", "The the cat dog chased."):
    scored = cutaway.score(sentence)
    product = math.prod(math.exp(token.logprob) for token in scored.tokens)
    print(f"{sentence:26} P = {product:.1e}   {scored.total_bits:5.1f} bits   perplexity {scored.perplexity:,.0f}")

# %% [markdown]
# Perplexity is the same figure per token: the number of equally likely tokens that would have surprised the model as
# much. Training a language model means to make this number small on texts that it has not seen.
#
# ## Five uses of the same numbers
#
# **Write.** As the counting model did: draw a token, append it, ask again. Notebook 5 does little else.
#
# **Find mistakes.** A mistake is a token that surprises.
#
# > **Guess first.** The two sentences below differ in one word. At which later word does the model still feel it?

# %%
right = cutaway.score("The chef put the cake in the oven and baked it for an hour.")
wrong = cutaway.score("The chef put the cake in the river and baked it for an hour.")
for one, other in zip(right.tokens, wrong.tokens, strict=True):
    difference = other.surprisal_bits - one.surprisal_bits
    print(f"{one.token:>8} {other.token:>8}  {difference:+6.1f} bits  {'█' * round(max(difference, 0))}")

# %% [markdown]
# **Fill gaps.** Put each candidate into the gap and compare the whole sentences. What comes after the gap counts, too:
#
# > **Guess first.** “The capital of _ is Paris.” How sure is the model?

# %%
cutaway.fill("The capital of _ is Paris.")

# %% [markdown]
# **Predict a property.** Ask which label is the more probable next word. Notebook 6 takes this apart.

# %%
found = cutaway.classify("The panoramic view of the ocean was breathtaking.", labels=["negative", "positive"])
print(found.label, f"{found.score:.2f}")

# %% [markdown]
# **Translate.** Write in French, with the English sentence as the start. This small model has read nothing but the help
# pages of an office program.
#
# > **Guess first.** How will it translate a sentence of an office program? And one of a film?

# %%
for sentence in ("Click the button to save the document.", "No, I am your father."):
    print(sentence, "→", cutaway.translate(sentence, "english-french").translation)

# %% [markdown]
# ## A model repeats what it read
#
# Probabilities come from the training texts, with all their habits. A model has no judgement of its own.
#
# > **Guess first.** “The nurse went home because”: is “he” or “she” more likely? And for a mechanic?

# %%
for person in ("nurse", "mechanic"):
    likely = {t.token: t.probability for t in cutaway.score(f"The {person} went home because", next_tokens=1000).next}
    print(f"{person:9} she {likely[' she']:.0%}   he {likely[' he']:.0%}")

# %% [markdown]
# The sentence says nothing about the person. The model prefers one anyway. Whoever lets a language model decide
# about people lets these habits decide, too.
#
# ## Exercises
#
# 1. Find a start of a sentence for which the most likely token has more than 99 %, and one for which it has less than
#    2 %.
#    <details><summary>Hint</summary>Begin a proverb or an alphabet; then begin a sentence about a person's
#    name.</details>
# 2. Give the counting model a memory of two letters instead of one. Does it write more real words? Can it still write
#    something that is not in its text?
#    <details><summary>Hint</summary>Use <code>text[i:i+2]</code> as the key, and start with two letters.</details>
# 3. “The the cat dog chased.” has a high perplexity. Find a sentence of real words that has a higher one, and one of
#    more than ten tokens with a perplexity below 3.
#    <details><summary>Hint</summary>Perplexity is per token. What is easy to predict? Repeat something.</details>
#
# ## What you know now
#
# A language model gives every possible next token a probability, given all before it. Surprisal in bits measures how
# well it did. Writing, finding mistakes, filling gaps, labelling and translating are uses of the same numbers.
# Sequences of science are treated in the same way; see notebook 8.
#
# The homework for this notebook: `cutaway homework start surprise --name "Your name"`.
