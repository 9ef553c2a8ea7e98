# %% [markdown]
# # 6 · A pipeline by hand
#
# A pipeline is the way from a sentence to a label. In most libraries it is one line, and everything happens behind it.
# Here you walk it step by step: **prompt → ids → logits → softmax → label**.
#
# After this notebook you can
#
# - say what each step takes and what it returns;
# - compute each step yourself with plain `transformers` and `torch`;
# - tell what a score of “96 %” means, and what it does not.
#
# Uses: `minilm-l6` and `movie-sentiment`. The first one is downloaded once (83 MB); the second lies in the package.

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
# ## Step 1: prompt → ids
#
# A model reads numbers, so a tokenizer first cuts the sentence into *tokens* and looks up the number of each, its *id*.
# We use the tokenizer of BERT, which many models share.
#
# > **Guess first.** The sentence has eight words and a full stop. How many ids will there be? Which words are cut?

# %%
sentence = "The panoramic view of the ocean was breathtaking."
bert = cutaway.tokenize(sentence, "minilm-l6")
for token, number in zip(bert.tokens, bert.ids, strict=True):
    print(f"{number:>6}  {token}")
assert bert.ids == [101, 1996, 6090, 6525, 7712, 3193, 1997, 1996, 4153, 2001, 3052, 17904, 1012, 102]

# %% [markdown]
# Fourteen. *panoramic* came apart into three pieces and *breathtaking* into two; `##` means “goes on without a space”.
# Two tokens are not in the sentence: `[CLS]` opens a text and `[SEP]` ends it.
#
# ## An id belongs to its tokenizer
#
# Our classifier is `movie-sentiment`. It learned from people's ratings of sentences on films, and it lies in the
# package: nothing is downloaded. To stay small it has a vocabulary of its own, with 7,200 of BERT's 30,522 pieces.
#
# > **Guess first.** Will it cut the sentence into the same pieces? Will the ids be the same?

# %%
import transformers

folder = cutaway.get_model("movie-sentiment").path
tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
inputs = tokenizer(sentence, return_tensors="pt")
ids = inputs["input_ids"]
for token, ours, berts in zip(tokenizer.convert_ids_to_tokens(ids[0]), ids[0].tolist(), bert.ids, strict=True):
    print(f"{token:<10} {ours:>6} {berts:>8}")

# %% [markdown]
# The same pieces, other numbers. An id is a row of a table, and each vocabulary is a table of its own. So a model and a
# tokenizer always travel together. Now load the model.
#
# > **Guess first.** What happens if the model gets BERT's ids?

# %%
import torch

transformers.utils.logging.disable_progress_bar()
model = transformers.AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
try:
    model(torch.tensor([bert.ids]))
except IndexError as error:
    print("IndexError:", error)
print(f"{model.num_parameters():,} parameters; its table has {model.config.vocab_size:,} rows")

# %% [markdown]
# That was luck: 17,904 lies outside of the table. Ids that are small enough give no error, only nonsense.
#
# ## Step 2: ids → logits
#
# The encoder turns the 14 ids into 14 vectors of 384 numbers. Two more matrices turn vectors into one number for each
# label. These last numbers are the *logits*.
#
# > **Guess first.** There are 14 vectors and one answer. Which vector do you think is used?

# %%
with torch.inference_mode():
    vectors = model.distilbert(**inputs).last_hidden_state
    first = vectors[:, 0]  # the vector of [CLS]
    hidden = torch.relu(model.pre_classifier(first))
    logits = model.classifier(hidden)
    whole = model(**inputs).logits
print("ids    ", tuple(ids.shape), "\nvectors", tuple(vectors.shape), "\nhidden ", tuple(hidden.shape))
print("logits by hand:      ", logits)
print("logits of the model: ", whole)
assert torch.allclose(whole, logits)

# %% [markdown]
# The first one. `[CLS]` is not a word, so training could make it the place where the sentence's meaning is gathered:
# attention brings the other 13 tokens there.
#
# ## Step 3: logits → probabilities
#
# A logit can be any number. *Softmax* makes shares of them: take *e* to the power of each, then divide by the sum.
#
# > **Guess first.** One logit is about −1.7, the other about 1.4. Is the second label 60, 80 or 95 % likely?

# %%
shares = logits.exp() / logits.exp().sum()
assert torch.allclose(shares, torch.softmax(logits, dim=-1))
print(model.config.id2label, shares)

# %% [markdown]
# Only the *difference* of the logits counts. Below, 100 is added to both. The last line has the two logits that a
# larger model, DistilBERT with 67 million parameters, gives for this sentence.
#
# > **Guess first.** What does adding 100 do to the shares? And a difference of 8.8 instead of 3.1?

# %%
print("plus 100:  ", torch.softmax(logits + 100, dim=-1))
print("DistilBERT:", torch.softmax(torch.tensor([[-4.2767, 4.5486]]), dim=-1))

# %% [markdown]
# ## Step 4: probabilities → label
#
# The label is the name of the largest share. That is the whole pipeline; `transformers` has it in one line.

# %%
best = int(shares.argmax())
by_hand = {"label": model.config.id2label[best], "score": shares[0, best].item()}
pipe = transformers.pipeline("text-classification", model=model, tokenizer=tokenizer)
[in_one_line] = pipe(sentence)
print(by_hand, in_one_line, sep="\n")
assert by_hand["label"] == in_one_line["label"] == "POSITIVE"
assert abs(by_hand["score"] - in_one_line["score"]) < 1e-6

# %% [markdown]
# And `cutaway.classify` shows every step at once. Compare its numbers with yours.

# %%
found = cutaway.classify(sentence, "movie-sentiment")
assert found.ids == ids[0].tolist() and torch.allclose(torch.tensor([found.logits]), logits, atol=1e-4)
found

# %% [markdown]
# ## Two sentences at once
#
# A batch is a rectangle of numbers, so the shorter sentence is filled up with a *padding* token. The *attention mask*
# has a 0 there.
#
# > **Guess first.** The short sentence is computed alone, then beside the long one, then the same without the mask.
# > Which two of the three agree?

# %%
short = "It was dull."
both = tokenizer([short, sentence], padding=True, return_tensors="pt")
print(both["attention_mask"])
with torch.inference_mode():
    print("alone:           ", model(**tokenizer(short, return_tensors="pt")).logits[0])
    print("in the batch:    ", model(**both).logits[0])
    print("without the mask:", model(both["input_ids"]).logits[0])

# %% [markdown]
# ## How sure is “sure”?
#
# > **Guess first.** One of these sentences has no opinion at all. What will the model say about it?

# %%
cutaway.predict(
    ["Not bad at all.", "I could have slept through it.", "The cat sat on the mat.", "An absolute delight."],
    "movie-sentiment",
)

# %% [markdown]
# The model has two labels, so everything gets one of them: a score is a share of two, not a share of all that could be
# true. Whether “90 %” is right in 90 of 100 sentences has to be measured, on sentences that were held out of the
# training. This was done, and the model's card says what came out, beside guesses without a model:

# %%
from IPython.display import Markdown

card = cutaway.model_card("movie-sentiment")
Markdown(card[card.index("## Held-out") : card.index("## What it writes")])

# %% [markdown]
# ## Exercises
#
# 1. **Mislead it.** Find a sentence that you find clearly positive and the model finds negative.
#    <details><summary>Hint</summary>Irony, a double negation, or praise in words that usually blame (“I cried all the
#    way through”). Use <code>cutaway.predict([...], "movie-sentiment")</code>.</details>
# 2. **Which word decides?** Leave out one word at a time, and print by how much the difference of the logits changes.
#    <details><summary>Hint</summary><code>words = sentence.split()</code>, then
#    <code>" ".join(words[:i] + words[i + 1 :])</code> for each <code>i</code>, and
#    <code>found.logits[1] - found.logits[0]</code> of each.</details>
# 3. **Cooler, hotter.** Divide the logits by 2, by 10, by 0.5, then take the softmax. What changes, and what can't?
#    <details><summary>Hint</summary>This is the <em>temperature</em> of notebook 5. Look at the label and at the score
#    separately.</details>
#
# ## What you know now
#
# A pipeline is prompt → ids → logits → softmax → label. Ids are rows of one table, so a tokenizer and its model stay
# together. A classifier ends in one vector, a matrix and one logit a label; softmax looks at their differences only. A
# score says how sure the model is; only held-out data say how sure you may be.
#
# The homework for this notebook: `cutaway homework start label --name "Your name"`.
