# %% [markdown]
# # 3 · A transformer from the inside
#
# We open a language model, take its own numbers, and compute one attention head with nothing but numpy, until it agrees
# with the model. After this notebook you can
#
# - name the parts of a transformer, and say where its parameters are;
# - compute attention: queries, keys, positions, mask, softmax, values;
# - say what a layer adds to what, and watch an answer form from layer to layer.
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
# ## The parts list
#
# This is GPT-2, as its classes print it. No weights are needed to build the drawing.
#
# > **Guess first.** GPT-2 has 124 million parameters: numbers that training has set. Which share of them lies in its
# > table of token vectors? And which in attention?

# %%
gpt2 = cutaway.architecture("gpt2")
print(gpt2.tree)

# %% [markdown]
# From top to bottom:
#
# - `wte`: the **token embeddings**, a vector for each of 50,257 tokens (notebook 2). `wpe`: the **positional
#   encoding**, a vector for each of 1,024 places, added to the token's own.
# - `h`: twelve equal **blocks**. Each has **self-attention** (`attn`), where a position fetches information from
#   others, and a **feed-forward network** (`mlp`), which works on each position alone.
# - `ln_1`, `ln_2`, `ln_f`: **layer normalization**, which brings the numbers to a common size before a part reads them.
#   Each part's result is *added* to what came in: a **residual connection**.
# - `lm_head`: compares the last vector with every token's vector. This gives the logits.
#
# GPT-2 is a *decoder*: a position sees only itself and what came before it, and learns to predict what comes next. That
# is what writing needs. An *encoder* such as BERT sees both sides; notebook 4 compares the two.

# %%
inside_a_block = {"attn": "attention", "mlp": "feed-forward networks"}
numbers = dict.fromkeys(["token embeddings", "attention", "feed-forward networks"], 0)
for module in gpt2.modules:
    if module.label in inside_a_block:
        numbers[inside_a_block[module.label]] += module.parameters * gpt2.layers
    if module.label == "wte":
        numbers["token embeddings"] = module.parameters
for part, count in numbers.items():
    print(f"{part:22} {count:12,}  {count / gpt2.parameters:4.0%}")
print(f"{'all':22} {gpt2.parameters:12,}  (the head uses the same table as the token embeddings)")

# %% [markdown]
# ## The model that we open
#
# SmolLM2 is a younger relative, with 30 blocks that are narrower. It differs in details: it turns vectors to mark their
# positions instead of adding a vector, and three heads share their keys and values. Choose parts of the drawing.
#
# > **Guess first.** GPT-2 has 12 blocks 768 numbers wide, SmolLM2 30 blocks 576 wide. Which has more parameters?

# %%
cutaway.architecture("smollm2-135m")

# %% [markdown]
# ## One head by hand
#
# We take layer 0, head 4, and the sentence “No, I am your father”. First: the ids, and the row of the table for each.
#
# > **Guess first.** Which shape has the array of these rows?

# %%
import numpy as np

LAYER, HEAD, K = 0, 4, 64  # a head's queries and keys have K = 64 numbers

model = cutaway.load("smollm2-135m")
weights = {name: w.detach().numpy() for name, w in model.module.named_parameters()}
tokens = cutaway.tokenize("No, I am your father", model)
x = weights["model.embed_tokens.weight"][tokens.ids]
print(tokens.pieces, x.shape)

# %% [markdown]
# **Normalize.** Divide each row by its root mean square, then multiply by a vector that training has found.

# %%
config = model.module.config


def normalized(x, gain):
    return x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + config.rms_norm_eps) * gain


n = normalized(x, weights[f"model.layers.{LAYER}.input_layernorm.weight"])
print("size of a row before:", np.sqrt((x**2).mean(-1)).round(2))
print("size of a row after: ", np.sqrt((n**2).mean(-1)).round(2))

# %% [markdown]
# **Ask, label, offer.** From each row the head makes three vectors: a *query* (what am I looking for?), a *key* (what
# am I?) and a *value* (what do I pass on?). Each is one matrix product. Nine heads have their queries in one matrix, so
# head 4 has rows 4 · 64 to 5 · 64 of it. Three heads share a key and a value.
#
# > **Guess first.** The matrix of this head's queries turns 576 numbers into 64. How many parameters does it have?


# %%
def rows_of(name, group):
    return weights[f"model.layers.{LAYER}.self_attn.{name}_proj.weight"][group * K : (group + 1) * K]


shared = HEAD // (config.num_attention_heads // config.num_key_value_heads)
q = n @ rows_of("q", HEAD).T
k = n @ rows_of("k", shared).T
v = n @ rows_of("v", shared).T
print("query matrix:", rows_of("q", HEAD).shape, "=", rows_of("q", HEAD).size, "parameters")
print("q, k, v:", q.shape, k.shape, v.shape)

# %% [markdown]
# **Mark the positions.** So far a token's query and key are the same wherever it stands. *Rotary positions* turn them:
# the numbers are taken in pairs, as points in a plane, and each pair is turned by an angle that grows with the
# position. The product of two turned vectors then depends on their distance.
#
# > **Guess first.** Does turning make a vector longer or shorter?


# %%
def turned(a):
    frequencies = config.rope_parameters["rope_theta"] ** (-np.arange(0, K, 2) / K)
    angles = np.arange(len(a))[:, None] * frequencies
    left, right = a[:, : K // 2], a[:, K // 2 :]
    return np.hstack([left * np.cos(angles) - right * np.sin(angles), right * np.cos(angles) + left * np.sin(angles)])


print("length of the queries before:", np.linalg.norm(q, axis=1).round(2))
print("length of the queries after: ", np.linalg.norm(turned(q), axis=1).round(2))

# %% [markdown]
# **Compare, hide the future, share out.** Multiply every query with every key, divided by √64 so that the numbers stay
# moderate. No token may look ahead: those places get −∞. Softmax turns each row into shares that sum to 1.
#
# > **Guess first.** What is the first row? It belongs to “No”, which has nothing before it.


# %%
def softmax(rows):
    e = np.exp(rows - rows.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def attention_weights(q, k):
    scores = q @ k.T / np.sqrt(K)
    ahead = np.triu(np.ones(scores.shape, bool), 1)
    return softmax(np.where(ahead, -np.inf, scores))


by_hand = attention_weights(turned(q), turned(k))
print(" " * 9, *(f"{piece:>8}" for piece in tokens.pieces))
for at, piece in enumerate(tokens.pieces):
    print(f"{piece:>9}", *(f"{share:8.2f}" for share in by_hand[at, : at + 1]))

# %% [markdown]
# ## Is it right?
#
# Compare with two others: cutaway, which watches the model while it runs, and transformers, whose “eager” attention
# returns its weights.
#
# > **Guess first.** How far apart will they be: 10⁻¹, 10⁻⁴, 10⁻⁷?

# %%
import torch
import transformers

transformers.utils.logging.disable_progress_bar()
maps = cutaway.attention("No, I am your father", model)
eager = transformers.AutoModelForCausalLM.from_pretrained(
    cutaway.model_info("smollm2-135m").path, attn_implementation="eager"
)
with torch.inference_mode():
    reference = eager(torch.tensor([tokens.ids]), output_attentions=True).attentions[LAYER][0, HEAD].numpy()

print(f"by hand and cutaway differ by at most      {abs(by_hand - maps.weights(LAYER, HEAD)).max():.1e}")
print(f"by hand and transformers differ by at most {abs(by_hand - reference).max():.1e}")
assert np.allclose(by_hand, maps.weights(LAYER, HEAD), atol=1e-5)
assert np.allclose(by_hand, reference, atol=1e-5)

# %% [markdown]
# The rest is rounding: a float32 has about seven digits.
#
# ## What the head fetches
#
# The weights say where to look. What comes back is the mean of the values, with these weights. The output matrix brings
# it back to 576 numbers. Nine heads do this at once (*multi-head attention*), and their results are added.
#
# > **Guess first.** We do the same for all nine heads. Does the sum agree with what the layer itself gives out?


# %%
def head_output(head):
    shared = head // (config.num_attention_heads // config.num_key_value_heads)
    q, k, v = n @ rows_of("q", head).T, n @ rows_of("k", shared).T, n @ rows_of("v", shared).T
    output = weights[f"model.layers.{LAYER}.self_attn.o_proj.weight"][:, head * K : (head + 1) * K]
    return attention_weights(turned(q), turned(k)) @ v @ output.T


given = []
hook = eager.model.layers[LAYER].self_attn.register_forward_hook(lambda module, args, out: given.append(out[0][0]))
with torch.inference_mode():
    eager(torch.tensor([tokens.ids]))
hook.remove()

total = sum(head_output(head) for head in range(config.num_attention_heads))
print(f"sum of nine heads and the layer's own output differ by at most {abs(total - given[0].numpy()).max():.1e}")
for head in range(config.num_attention_heads):
    share = np.linalg.norm(head_output(head)[-1]) / np.linalg.norm(total[-1])
    print(f"head {head} brings to “father”: {'█' * round(40 * share)} {share:.2f}")

# %% [markdown]
# ## Why positions matter
#
# > **Guess first.** “the dog bites the man.” and “the man bites the dog.”: does the full stop see a difference? And
# > without the turning of queries and keys?


# %%
def last_row(text, mark):
    ids = cutaway.tokenize(text, model).ids
    n = normalized(weights["model.embed_tokens.weight"][ids], weights[f"model.layers.{LAYER}.input_layernorm.weight"])
    q, k, v = n @ rows_of("q", HEAD).T, n @ rows_of("k", HEAD // 3).T, n @ rows_of("v", HEAD // 3).T
    return (attention_weights(mark(q), mark(k)) @ v)[-1]


for name, mark in (("with positions", turned), ("without", lambda a: a)):
    one, other = (last_row(text, mark) for text in ("the dog bites the man.", "the man bites the dog."))
    print(f"{name:15} the two sentences differ by {np.linalg.norm(one - other) / np.linalg.norm(one):.1%}")

# %% [markdown]
# Without positions attention sees a bag of words. Who bites whom would be lost.
#
# ## From layer to layer
#
# The layer's output is *added* to what came in. So is that of the feed-forward network, and so on, thirty times. The
# vector that runs through, the *residual stream*, changes little by little from “what this token is” to “what comes
# next”. The *logit lens* asks after every layer: what would the model say if it stopped here?
#
# > **Guess first.** “The capital of France is”. After which of the 30 layers does “Paris” come first?

# %%
lens = cutaway.lens("The capital of France is", model)
for layer in (0, 6, 12, 18, 24, 26, 28, 29, 30):
    cell = lens.grid[layer].cells[-1]
    best = cell.top[0]
    print(f"after layer {layer:2}: {best.token!r:10} {best.probability:4.0%}   Paris: {cell.answer_probability:.1e}")

# %% [markdown]
# Layer 0 is the table itself; the answer wins at the very end. The picture below has every layer and every position.
# Choose a cell to see its other candidates.

# %%
lens

# %% [markdown]
# ## Exercises
#
# 1. Compute head 0 of layer 0 in place of head 4. Where does it look?
#    <details><summary>Hint</summary>Change <code>HEAD</code> and run the cells again. Which third of the key matrix
#    does it use?</details>
# 2. Take away the mask. Which rows of the weights change, and which can't?
#    <details><summary>Hint</summary>The last row could see everything before, too.</details>
# 3. Compute a head of layer 1. Its input is not the table.
#    <details><summary>Hint</summary><code>eager(…, output_hidden_states=True).hidden_states[1][0]</code> is the
#    residual stream that enters layer 1. The norm's gain is another one, too.</details>
#
# ## What you know now
#
# A transformer is a table, a stack of equal blocks, and a comparison with the table at the end. In each block attention
# moves information between positions and the feed-forward network works on it; both add to the residual stream. A
# head's weights are the softmax of queries times keys.
#
# To read on: Jay Alammar, “The Illustrated Transformer” and “The Illustrated GPT-2” (jalammar.github.io); the paper,
# Vaswani et al. 2017, “Attention is all you need” (arXiv:1706.03762).
#
# The homework for this notebook: `cutaway homework start one-head --name "Your name"`.
