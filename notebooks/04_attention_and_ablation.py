# %% [markdown]
# # 4 · Attention views, and what ablating shows
#
# A model of 30 layers has 270 attention heads. Each draws a picture for every sentence. After this notebook you can
#
# - read the picture of a head, and find heads that do one thing;
# - say why a decoder can't use a word that comes later, and why some attention views stay blank;
# - test by ablation whether a head matters, which no picture can tell.
#
# Where it says **Guess first**, write your guess down before you run the next cell.
#
# Uses: `smollm2-135m`, `minilm-l6`, `shakespeare-nano`, `shakespeare-micro`. The first run downloads the first two once
# (176 MB).

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
# ## What does “it” look at?
#
# “The animal didn't cross the street because it was too tired.” You know what “it” is. Does the model? We ask for the
# head that gives the most weight from “it” to “animal”.
#
# > **Guess first.** How much of its attention does “it” give to “animal” in that head: 5 %, 30 %, 80 %?

# %%
model = cutaway.load("smollm2-135m")
TIRED = "The animal didn't cross the street because it was too tired"
tired = cutaway.attention(TIRED, model, link=("it", "animal"))
tired

# %% [markdown]
# A row is a token that looks; a column is a token that it looks at. The weights of a row sum to 1. Choose other heads
# in the small maps. Three patterns come again and again: the diagonal (a token looks at itself), the line beside it
# (one token back), and the first column (a place for attention that has no use, a *sink*).
#
# > **Guess first.** In how many of the 270 heads does “it” give “animal” more than 10 %? More than 30 %?

# %%
pieces = cutaway.tokenize(TIRED, model).pieces
it, animal, street = (pieces.index(word) for word in (" it", " animal", " street"))
heads = [(layer, head) for layer in range(30) for head in range(9)]
to_animal = {place: tired.row(*place, it)[animal] for place in heads}
for least in (0.1, 0.3, 0.5):
    print(f"more than {least:.0%}: {sum(weight > least for weight in to_animal.values())} heads")
best = max(to_animal, key=to_animal.get)
print("the strongest:", *(f"{place[0]}.{place[1]}" for place in sorted(to_animal, key=to_animal.get)[:-4:-1]))

# %% [markdown]
# ## Did it understand?
#
# Change the last word: “… because it was too **wide**”. Now “it” is the street.
#
# > **Guess first.** How does the row of “it” change in that head?

# %%
wide = cutaway.attention(TIRED.replace("tired", "wide"), model)
for name, maps in (("tired", tired), ("wide", wide)):
    row = maps.row(*best, it)
    print(f"too {name:6} it → animal {row[animal]:.4f}   it → street {row[street]:.4f}")

# %% [markdown]
# Not at all. A decoder reads from left to right: at “it” the last word has not been read yet. The head follows a habit
# (“it” is often the subject), not the meaning. An encoder such as BERT reads both sides:
#
# > **Guess first.** Will “it” in an encoder look at the last word?

# %%
row, last = cutaway.tokenize(TIRED, "minilm-l6").tokens.index("it"), -2  # after the last word comes a sign of BERT's
encoder = {maps.text.split()[-1]: cutaway.attention(maps.text, "minilm-l6") for maps in (tired, wide)}
places = [(layer, head) for layer in range(6) for head in range(12)]
for word, maps in encoder.items():
    to_last = {place: maps.row(*place, row)[last] for place in places}
    layer, head = max(to_last, key=to_last.get)
    print(f"too {word:6} it → {word} up to {to_last[layer, head]:.0%} (head {layer}.{head})")
moved = max(abs(encoder["tired"].row(*place, row) - encoder["wide"].row(*place, row)).sum() / 2 for place in places)
print(f"between the sentences up to {moved:.0%} of what “it” attends to has moved")

# %% [markdown]
# ## The picture that stays blank
#
# Many lessons draw such views with transformers and bertviz: run the model with `output_attentions=True`, take
# `outputs[-1]`. Today this shows an empty frame, also because the view loads its scripts from the network. We do the
# same with a GPT-2 that is small and random, since only the shape matters.
#
# > **Guess first.** What is in `outputs[-1]`?

# %%
import torch
import transformers

transformers.utils.logging.set_verbosity_error()  # as those lessons do; it hides the line that would explain
small = transformers.AutoModelForCausalLM.from_config(transformers.GPT2Config(n_layer=2, n_head=2, n_embd=32))
ids = torch.tensor([cutaway.tokenize("No, I am your father", "smollm2-135m").ids])
with torch.inference_mode():
    outputs = small(ids, output_attentions=True)
    eager = transformers.AutoModelForCausalLM.from_config(small.config, attn_implementation="eager")
    more = eager(ids, output_attentions=True)
print("outputs[-1]         ", outputs[-1])
print("outputs.attentions  ", outputs.attentions)
print("eager: outputs[-1]  ", more[-1])
print("eager: .attentions  ", [tuple(layer.shape) for layer in more.attentions])

# %% [markdown]
# The fast attention (“sdpa”) never holds the weights, so it returns nothing; and the last output of GPT-2 is that of
# *cross-attention*, which it does not have. cutaway watches the fast attention itself. The view is part of the
# notebook, and loads nothing:

# %%
cutaway.attention("No, I am your father", model)

# %% [markdown]
# ## What each head does
#
# Pictures of 270 heads are too many. Numbers are easier to sort: how much of a head's weight goes to the first token,
# to the token itself, to the one before.
#
# > **Guess first.** Which habit is the most common among the 270 heads?

# %%
from collections import Counter

STORY = "The cat sat on the mat. The dog sat on the rug. Then the cat looked at the dog, and the dog looked at the cat."
atlas = cutaway.heads(STORY, model)
for role, count in Counter(head.role for head in atlas.heads).most_common():
    print(f"{role:15} {count:4} heads")

# %% [markdown]
# ## Heads that copy
#
# Now a text that no one has ever read: 32 random tokens, and then the same 32 again. The second half can be predicted
# only by looking back: where was this token before, and what came after it? A head that does this is an *induction
# head*.
#
# > **Guess first.** How many induction heads do you expect: none, a handful, a hundred?

# %%
random_tokens = cutaway.heads(model=model, random=32)
copying = random_tokens.named("induction")
for head in copying[:5]:
    print(f"{head.layer}.{head.head}: {head.induction:.0%} of its weight on the token after the earlier copy")
print(f"{len(copying)} heads in all")

# %% [markdown]
# ## A weight is not a cause
#
# To look is not to use. *Ablation* tests it: set a head's output to zero, and measure how much worse the text is
# predicted. The loss is in nats per token (1 nat = 1.44 bits).
#
# > **Guess first.** On the repeated random tokens: what costs more, the three best induction heads, or three heads of
# > the same layers that are not?

# %%
top = [(head.layer, head.head) for head in copying[:3]]
copies = {(head.layer, head.head) for head in copying}
others = []
for layer, _ in top:
    others.append(next((layer, h) for h in range(9) if (layer, h) not in copies | set(others)))
for name, chosen in (("induction heads", top), ("other heads", others)):
    found = cutaway.ablate(model=model, random=32, heads=chosen, together=True)
    print(f"without the {name:16} {found.loss:.2f} → {found.heads[0].loss:.2f} nats per token")

# %% [markdown]
# > **Guess first.** And the head with the beautiful link from “it” to “animal”: what does the sentence lose without it?

# %%
chosen = [best, (0, 0), (0, 4), (1, 0), (15, 3), (29, 0)]
without = cutaway.ablate(TIRED, model, heads=chosen)
print(f"with all heads: {without.loss:.3f} nats per token")
for head in sorted(without.heads, key=lambda head: -abs(head.change)):
    name = " ← the beautiful one" if (head.layer, head.head) == best else ""
    print(f"without {head.layer:2}.{head.head}: {head.change:+.3f}{name}")

# %% [markdown]
# The link does matter here. But head 0.0, whose map shows no link at all, matters more, and without some heads the
# sentence is predicted *better*. A picture suggests a story; ablation tests it. A small change does not prove that a
# head is useless, either: others may do the same work, or it may matter in other sentences.
#
# > **Guess first.** All 27 heads of the first three layers: in which layer is the most important one?

# %%
cutaway.ablate(TIRED, model, heads=[(layer, head) for layer in (0, 1, 2) for head in range(9)])

# %% [markdown]
# ## Two sizes of one family
#
# `shakespeare-nano` and `shakespeare-micro` read the same plays with the same tokens in the same order. One has 0.27
# million parameters, the other 2 million; the smaller one has more heads, each much narrower.
#
# > **Guess first.** Which one needs fewer bits for Hamlet's words? Whose heads spread their attention more widely?

# %%
HAMLET = "To be, or not to be, that is the question: whether 'tis nobler in the mind to suffer"
for name in ("shakespeare-nano", "shakespeare-micro"):
    heads = cutaway.heads(HAMLET, name).heads
    spread = sum(head.entropy_bits for head in heads) / len(heads)
    bits = cutaway.score(HAMLET, name).bits_per_byte
    roles = dict(Counter(head.role for head in heads).most_common(3))
    print(f"{name:18} {bits:.2f} bits per byte; {len(heads)} heads, entropy {spread:.2f} bits, {roles}")

# %% [markdown]
# The entropy says over how many tokens a head spreads: 1 bit is two equal ones, 2 bits four. The larger model's heads
# are sharper. But on this one sentence it is not the better one! On three whole plays that neither has read the small
# one needs 2.02 bits per byte, the large one 1.84. One sentence proves little. The homework `two-sizes` compares them
# on a line of your own.
#
# ## Exercises
#
# 1. Find a head in which most tokens look one place back. What does the sentence lose without it?
#    <details><summary>Hint</summary><code>atlas.named("previous token")</code> has them, the clearest first.</details>
# 2. Put the decisive word first: “Because it was so tired/wide, the animal didn't cross the street.” Can the decoder
#    use it now? Where would you look for the difference?
#    <details><summary>Hint</summary>At a token after both words: compare the rows of “street” or the full
#    stop.</details>
# 3. Ablate with <code>method="mean"</code> in place of zeros. Which changes become smaller? Why?
#    <details><summary>Hint</summary>A head that always gives the same is not silent, but its mean says it
#    all.</details>
#
# ## What you know now
#
# A map shows where a head looks, and a decoder's looks only back. Roles are measured, not seen. Whether a head matters
# is a question for ablation.
#
# The homework for this notebook: `cutaway homework start without-a-head --name "Your name"`; and, with two sizes of one
# model, `cutaway homework start two-sizes --name "Your name"`.
