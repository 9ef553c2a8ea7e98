# %% [markdown]
# # 7 · Train, save, load, share
#
# So far you used models that others trained. Now you train one: 210,000 numbers that begin as noise and end as
# sentences. It takes about half a minute.
#
# After this notebook you can
#
# - read a loss curve, and say how good it could get at best;
# - save a model, load it without cutaway, and show that it is the same;
# - hand it to someone else in a way that is safe for them.
#
# Uses: no model; it makes one.

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
# ## Data with a known floor
#
# Real text hides how predictable it is. So we begin with sentences made by a small machine with known odds. For these
# one can *compute* the lowest loss that any model can reach: the *floor*, in nats for each letter.
#
# > **Guess first.** There are 30 tokens: 28 letters and signs, one for the start, one for the unknown. What is the loss
# > of a model that finds all 30 equally likely?

# %%
import math

import numpy as np

from cutaway.sequences import known_source

source = known_source("built-in")
print(source.sample(np.random.default_rng(0), 290))
print(f"\nknows nothing: ln 30 = {math.log(30):.3f} nats per letter")
print(f"knows everything:     {source.nats_per_character:.3f} nats per letter")

# %% [markdown]
# In each sentence the last word fits the animal or the place of long before: *too wide* says something about a street,
# *too tired* about an animal. A model must look back forty letters to get that right.
#
# > **Guess first.** After 150 steps, each on 8 rows of 128 letters: will the loss be nearer to 3.4 or to 0.12?

# %%
import shutil

work = Path("notebook-7")  # all files of this notebook
shutil.rmtree(work, ignore_errors=True)
work.mkdir()
run = cutaway.train(steps=150, validate_every=25, samples=1, seed=0, output=work / "my-model")
run

# %% [markdown]
# ## Read the curve
#
# Look at the picture above: the loss falls fast, then slowly, towards the floor. The picture is in bits, the lines
# above it are in nats; 1 nat is 1.443 bits.
#
# > **Guess first.** If you train ten times as long, can the loss on held-out sentences go below the floor?

# %%
rows = {"all 30 equally likely": run.baselines["uniform"], "how often each letter occurs": run.baselines["frequencies"]}
rows |= {"your model": run.final_loss, "the floor": run.final_floor}
for name, loss in rows.items():
    print(f"{name:30} {loss:6.3f} nats = {math.exp(loss):5.2f} equally likely letters")
assert run.final_floor < run.final_loss < run.baselines["frequencies"]

# %% [markdown]
# No. Even a model that knows the machine by heart can't know what the dice will show. If you ever see a loss *below* a
# floor, something is wrong: the model has seen what it should predict.
#
# ## What is learned first?
#
# > **Guess first.** Put in order: the right spelling of words · which letters are frequent · which reason fits which
# > animal.

# %%
for sample in run.samples:
    print(f"after {sample.step:>3} steps:", sample.texts[0].replace("\n", " "))

# %% [markdown]
# ## What was saved?
#
# > **Guess first.** Which of these files are needed to use the model? Which only tell how it was made?

# %%
for path in sorted((work / "my-model").iterdir()):
    size = f"{path.stat().st_size:>9,}" if path.is_file() else "   folder"
    print(size, "bytes" if path.is_file() else "     ", path.name)

# %% [markdown]
# Needed: `config.json` (the shape), `model.safetensors` (the weights), and `tokenizer.json` with
# `tokenizer_config.json` (the vocabulary). `run.json`, the `.jsonl` files, `page.html` and `checkpoints` tell how it
# was made, and let the same command go on with the training.
#
# ## Load it without cutaway
#
# It is an ordinary folder for `transformers`. But there are two ways to load it.
#
# > **Guess first.** `AutoModel` and `AutoModelForCausalLM` both load the folder without an error. Which one can predict
# > letters?

# %%
import torch
import transformers

transformers.utils.logging.disable_progress_bar()
sentence = "The fox didn't cross the road because it was too wide."
tokenizer = transformers.AutoTokenizer.from_pretrained(work / "my-model")
ids = tokenizer(sentence, return_tensors="pt")["input_ids"]
body = transformers.AutoModel.from_pretrained(work / "my-model").eval()
model = transformers.AutoModelForCausalLM.from_pretrained(work / "my-model").eval()
with torch.inference_mode():
    print("AutoModel:           ", list(body(ids).keys()))
    print("AutoModelForCausalLM:", list(model(ids).keys()))

# %% [markdown]
# `AutoModel` leaves the last matrix away: vectors come out, no `logits`. Load a model by the class that fits its task.
# And is it the very model that you trained? Its loss on a sentence must be the one that cutaway measures.

# %%
with torch.inference_mode():
    logits = model(ids).logits[0]
by_hand = torch.nn.functional.cross_entropy(logits[:-1], ids[0, 1:]).item()  # each letter from those before it
score = cutaway.score(sentence, work / "my-model")
print(f"transformers {by_hand:.6f}, cutaway {math.log(score.perplexity):.6f} nats per letter")
assert abs(by_hand - math.log(score.perplexity)) < 1e-4
score

# %% [markdown]
# ## What is in the file of weights?
#
# The name says it: *safe tensors*. The file is a list of names, types and shapes, then the numbers. Nothing in it can
# run. You can read it with eight lines of Python.
#
# > **Guess first.** 210,176 numbers of 4 bytes: how large must the file be, at least?

# %%
import json
import struct

with (work / "my-model" / "model.safetensors").open("rb") as file:
    [length] = struct.unpack("<Q", file.read(8))  # the first 8 bytes say how long the list is
    header = json.loads(file.read(length))
for name, entry in list(header.items())[1:6]:
    print(name, entry["dtype"], entry["shape"], "bytes", entry["data_offsets"])
print(f"… {run.parameters:,} numbers × 4 = {4 * run.parameters:,} bytes, and a list of {length:,} bytes")

# %% [markdown]
# ## Why not a pickle?
#
# Python's older way to save things is `pickle`, and many files of weights (`.bin`, `.pt`) still are pickles. A pickle
# is a small *program* that builds the object.
#
# > **Guess first.** The next cell makes a “model” as a pickle and opens it. It never calls it. What will happen?

# %%
import pickle


class Innocent:
    def __reduce__(self):
        return print, ("!!! This line ran when the file was opened. It could have deleted your files.",)


(work / "weights.bin").write_bytes(pickle.dumps(Innocent(), protocol=2))
pickle.loads((work / "weights.bin").read_bytes())
try:
    torch.load(work / "weights.bin", weights_only=True)
except pickle.UnpicklingError as error:
    why = next(line for line in str(error).splitlines() if "Unsupported" in line)
    print("torch.load(weights_only=True) does not open it:", why.strip().partition(". ")[0])

# %% [markdown]
# cutaway opens pickles only in that second way, and saves safetensors only.
#
# ## Did it arrive as it was sent?
#
# `cutaway.save` writes what another person needs and nothing else, loads it again, and compares. A *checksum* is a
# number computed from all bytes of a file: tell it to the receiver by another way.
#
# > **Guess first.** If one single bit of the weights changes on the way, will the model still load? Will you notice?

# %%
import hashlib

saved = cutaway.save(work / "my-model", work / "to-send")
print("largest difference of a logit after saving and loading:", saved.max_abs_difference)
weights = work / "to-send" / "model.safetensors"
sent = hashlib.sha256(weights.read_bytes()).hexdigest()

damaged = work / "damaged"
shutil.copytree(work / "to-send", damaged)
content = bytearray(weights.read_bytes())
content[-2] ^= 0b100  # one bit of the last number
(damaged / "model.safetensors").write_bytes(content)
transformers.AutoModelForCausalLM.from_pretrained(damaged)
arrived = hashlib.sha256((damaged / "model.safetensors").read_bytes()).hexdigest()
print(f"it loads without an error\nsent    {sent[:32]}…\narrived {arrived[:32]}…")
assert sent != arrived

# %% [markdown]
# ## The card
#
# Before someone uses your model, she wants to know what it learned from, how good it is beside something simple, and
# what it can't do. That is the *card*, the file `README.md` of the folder. The run has written the first half:

# %%
from IPython.display import Markdown

card = work / "to-send" / "README.md"
Markdown(card.read_text(encoding="utf-8").split("---", 2)[2])

# %% [markdown]
# The other half only you can write: what the model can't do. Then share the folder:
#
# - **by hand**: zip it, copy it, mount it. `cutaway generate -m ./to-send` runs it on the other side, and so does plain
#   `transformers`;
# - **in a group**: put it into a shared folder, and let everybody name its path;
# - **on a hub**: the folder has the layout of the Hugging Face Hub and can be uploaded there as it is.
#
# `cutaway models list` shows how others did it: each model of the package is such a folder, made by a recipe.
# [docs/TRAINING.md](../docs/TRAINING.md) has the three commands for every kind of record.
#
# ## Exercises
#
# 1. **Nearer to the floor.** Train with 300 steps, or with `size="micro"`. Which one is nearer? Compare both with
#    `cutaway.compare_runs(...)`.
#    <details><summary>Hint</summary>Give each run an <code>output</code> of its own. The larger model is slower a step:
#    compare <code>run.seconds</code>, too.</details>
# 2. **Another floor.** Train on `"built-in:markov-dna"`. How long is the way from the loss of letter frequencies to the
#    floor there? Why is there so little to learn?
#    <details><summary>Hint</summary><code>run.baselines["frequencies"] - run.final_floor</code>. In this DNA a letter
#    depends on two letters before it, and only loosely.</details>
# 3. **The wrong class.** Load `cutaway.get_model("minilm-l6").path`, a BERT, with `AutoModelForCausalLM`, and let it
#    continue a text. Then try `cutaway.load("minilm-l6")`.
#    <details><summary>Hint</summary>BERT reads in both directions and was never trained to predict the next word. One
#    of the two libraries says so.</details>
#
# ## What you know now
#
# The loss is the mean surprise at the next letter; its floor is what nobody can predict. A saved model is a shape,
# weights, a vocabulary and a card, and it is loaded by the class of its task. Safetensors hold numbers; a pickle is a
# program. A checksum shows that a file is the same; a card says what it is.
#
# The homework for this notebook: `cutaway homework start own-model --name "Your name"`.
