# %% [markdown]
# # 5 · Generation and its parameters
#
# A language model gives probabilities. Someone has to choose. After this notebook you can
#
# - write the loop that turns probabilities into text;
# - say what temperature, top-k, top-p, min-p, seeds, penalties and beams do to the probabilities, and compute it;
# - measure what a setting does to the legibility of a text, instead of looking at one sample.
#
# Where it says **Guess first**, write your guess down before you run the next cell.
#
# Uses: `smollm2-135m`. The first run downloads it once (93 MB).

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
# ## The loop
#
# Ask for the next token, append it, ask again.
#
# > **Guess first.** “The weather tomorrow will be”: write down how the model will go on for twelve tokens, if it always
# > takes the most likely one.

# %%
weather = "The weather tomorrow will be"
text = weather
for _ in range(12):
    text += cutaway.score(text).next[0].token
print(text)

# %% [markdown]
# This is *greedy* decoding. `generate` does the same, faster, because it keeps what it has computed of the text so far.

# %%
written = cutaway.generate(weather, max_new_tokens=12, temperature=0)[0]
print(weather + written.completion)
print("the same text:", weather + written.completion == text)

# %% [markdown]
# ## Two answers to one question
#
# The usual first prompt of a course, asked twice. `chat=True` puts it into the form in which this model was trained to
# answer.
#
# > **Guess first.** The ALCF is a supercomputing centre at Argonne. Will a small model know?

# %%
answers = cutaway.generate("What is the ALCF?", chat=True, num_return_sequences=2, max_new_tokens=40, alternatives=6)
answers

# %% [markdown]
# Two answers, since tokens are drawn at random, and both are made up in the same calm voice. A model continues; it does
# not look things up. Choose a token to see what might have stood in its place.
#
# `max_new_tokens` is exact. It counts what the model writes, and not the prompt:

# %%
for answer in answers:
    ended = "the model ended" if answer.finish_reason == "eos" else "cut off"
    print(f"{len(answer.token_ids)} tokens, {ended}, seed {answer.seed}")

# %% [markdown]
# ## Temperature
#
# Divide all logits by a number T before the softmax. T < 1 makes likely tokens likelier, T > 1 evens the choice out.
#
# > **Guess first.** After “The capital of France is”, “ Paris” has 77 %. What does it have at T = 0.5, and at T = 2?

# %%
import numpy as np

start = "The capital of France is"
following = cutaway.score(start, next_tokens=100_000).next
names = [token.token for token in following]
logits = np.log([token.probability for token in following])  # logits up to a constant, which softmax ignores


def softmax(logits):
    e = np.exp(logits - logits.max())
    return e / e.sum()


for temperature in (0.25, 0.5, 1, 1.5, 2, 4):
    p = softmax(logits / temperature)
    needed = np.searchsorted(np.cumsum(p), 0.9) + 1
    print(f"T = {temperature:4}  Paris {p[0]:5.1%}   the {p[1]:5.1%}   {needed:6,} tokens share 90 %")

# %% [markdown]
# > **Guess first.** From which temperature on will a text stop making sense?

# %%
for temperature in (0, 0.7, 1.2, 2):
    tale = cutaway.generate("Once upon a time, a fox", max_new_tokens=30, temperature=temperature, seed=1)[0]
    print(f"T = {temperature}: {tale.completion!r}\n")

# %% [markdown]
# ## Cut off the tail
#
# The unlikely tokens are many. Each is nearly impossible; together they come up often. So one cuts them off: *top-k*
# keeps the k likeliest, *top-p* the likeliest that share a probability of p, *min-p* those with at least p times the
# probability of the first.
#
# > **Guess first.** After “The capital of France is” and after “My favourite thing is”: how many tokens does top-p =
# > 0.9 keep?

# %%
for beginning in (start, "My favourite thing is"):
    p = np.array([token.probability for token in cutaway.score(beginning, next_tokens=100_000).next])
    top_p = np.searchsorted(np.cumsum(p), 0.9) + 1
    min_p = (p >= 0.05 * p[0]).sum()
    print(
        f"{beginning!r}: top-k 50 keeps 50 with {p[:50].sum():.0%}, top-p 0.9 keeps {top_p}, min-p 0.05 keeps {min_p}"
    )

# %% [markdown]
# Top-k is the same everywhere. Top-p and min-p keep few tokens if the model is sure, and many if it is not.
#
# All of it at once, step by step: what the model gave, what each sampler removed, what was drawn.
#
# > **Guess first.** At which tokens of the text was the choice wide open?

# %%
cutaway.generate("Once upon a time, a fox", max_new_tokens=16, temperature=0.8, top_k=50, top_p=0.9, seed=1, trace=True)

# %% [markdown]
# ## Seeds
#
# > **Guess first.** The same seed twice, another seed once: which of the three texts are equal? And does a text change
# > if other prompts run beside it?

# %%
settings = {"max_new_tokens": 8, "temperature": 1}
for seed in (7, 7, 8):
    print(f"seed {seed}:          ", repr(cutaway.generate("The sea is", seed=seed, **settings)[0].completion))
batch = cutaway.generate(["The sea is", "Water boils at", "DNA is"], seed=7, **settings)
print("seed 7, in a batch:", repr(batch[0].completion))

# %% [markdown]
# ## Going in circles
#
# > **Guess first.** The weather once more, always the most likely token, for 48 tokens. What happens?

# %%
for penalty in (1.0, 1.3):
    forecast = cutaway.generate(weather, max_new_tokens=48, temperature=0, repetition_penalty=penalty)[0]
    print(f"repetition penalty {penalty}: {forecast.completion!r}\n")

# %% [markdown]
# The most likely continuation of a phrase that came twice is to say it a third time. Induction heads (notebook 4) see
# to that. A penalty makes tokens that were there before less likely.
#
# ## Beams
#
# The likeliest token at each step does not give the likeliest text. *Beam search* keeps several unfinished texts and
# drops the worst.
#
# > **Guess first.** Four beams against greedy: which text is more probable? By how much?

# %%
greedy = cutaway.generate("Once upon a time", max_new_tokens=10, temperature=0)[0]
beam = cutaway.generate("Once upon a time", max_new_tokens=10, num_beams=4)[0]
for name, found in (("greedy", greedy), ("4 beams", beam)):
    print(f"{name:8} {sum(found.logprobs):6.2f} nats  {found.completion!r}")

# %% [markdown]
# ## Measure it
#
# One sample proves little. `sweep` runs every prompt with every combination of settings, several times, and measures
# legibility: how surprising the text is to a model, how often it repeats itself, how many of its words are words.
#
# > **Guess first.** Temperature 0, 0.7 or 1.5: which repeats most, and which surprises most?

# %%
cutaway.sweep(
    ["Once upon a time, a fox", "The ocean is"],
    settings={"temperature": [0, 0.7, 1.5]},
    samples=3,
    max_new_tokens=24,
)

# %% [markdown]
# ## Other models
#
# Courses often name models that are *gated*: they take an account, a form, a token and a network. Others are free, and
# lie in cutaway itself or on a package index.
#
# > **Guess first.** What happens if you ask for a gated one without all that?

# %%
try:
    cutaway.generate("What is the ALCF?", "meta-llama/Llama-3.2-1B", max_new_tokens=8)
except cutaway.CutawayError as problem:
    print(problem, end="\n\n")

for free in cutaway.list_models().models:
    print(f"{free.name:18} {free.description}")

# %% [markdown]
# ## Exercises
#
# 1. Find a temperature at which the fox's tale is neither dull nor mad. Is it the same for “The boiling point of water
#    is”?
#    <details><summary>Hint</summary>What should a text do for which only one answer is right?</details>
# 2. Write `generate` yourself: temperature and top-p, with `cutaway.score` and `numpy.random.default_rng`.
#    <details><summary>Hint</summary><code>rng.choice(len(p), p=p)</code> draws; set the cut tokens to 0 and divide by
#    the sum.</details>
# 3. Does beam search with eight beams give texts that you like better?
#    <details><summary>Hint</summary>Compare 30 tokens. Likely and good are two things.</details>
#
# ## What you know now
#
# Generation is a loop with a choice in it. Temperature reshapes the probabilities, top-k, top-p and min-p cut the tail,
# a seed makes chance repeatable, beams look for likely whole texts. What a setting does is measured over many samples.
#
# The homework for this notebook: `cutaway homework start beams --name "Your name"`; and the course's first task,
# `cutaway homework start temperature --name "Your name"`.
