# %% [markdown]
# # 8 · Your own sequences
#
# A language model does not know what its tokens mean. So the same machine reads genes, proteins, molecules, weather and
# moving proteins; only the tokens differ. This notebook has a short visit to each, and then it is your turn.
#
# After this notebook you can
#
# - use a model of another kind of sequence: write, fill, correct, predict, forecast, translate;
# - ask of each result: better than what?
# - train and measure a model on a file of your own.
#
# Uses: `ecoli-codons`, `proteins`, `sapiens`, `antimicrobial`, `molecules`, `melting-point`, `weather-days`,
# `three-wells`, `english-french`, and the data sets `weather-seattle` and `lambda`. The models lie in the package,
# except for one of 7 MB. They are small and were trained in minutes to hours on one processor: expect students, not
# experts.

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
# ## DNA: write a gene
#
# A gene is read in *codons*, three letters each. It begins with ATG and ends with a stop codon: TAA, TAG or TGA.
# `ecoli-codons` read the genes of a bacterium, codon by codon. It was told none of these rules.
#
# > **Guess first.** Three of the 64 codons are stops. In random letters, one comes after about 21 codons. How long will
# > the genes be that the model writes? Where will their stop codons be?

# %%
from cutaway.generation import sample_records

for record in sample_records(5, "ecoli-codons", seed=1):
    codons = [record.sequence[i : i + 3] for i in range(0, len(record.sequence), 3)]
    stops = [place for place, codon in enumerate(codons, 1) if codon in {"TAA", "TAG", "TGA"}]
    print(f"{len(codons):5} codons: {' '.join(codons[:6])} … {' '.join(codons[-3:])}; stop codons at {stops}")

# %% [markdown]
# Hundreds of codons, and a stop at the end alone: it learned the grammar of a gene by predicting the next codon.
#
# ## Proteins: fill a gap
#
# A *masked* model looks at both sides of a gap. `proteins` read 20,000 proteins and now says what stands at `?`.
#
# > **Guess first.** There are 20 amino acids. How sure will a small model be: 10, 50 or 90 %?

# %%
cutaway.fill("MKTAYIAKQR?ISFVKSHFSRQ", "proteins")

# %% [markdown]
# Not very: which residue stands where depends on the fold of the protein, and on its history. Antibodies are easier,
# because their frame is always the same. `sapiens` knows nothing else.
#
# > **Guess first.** One residue of this antibody was lost. Can you find the place? Can the model?

# %%
cutaway.correct("EVQLVESGGGLVQPGGSLRLSAASGFNIKDTYIHWVRQAPGKGLEWVA", "sapiens")

# %% [markdown]
# A cysteine. It is one half of the bridge that holds the fold together, so nearly every antibody has it there.
#
# > **Guess first.** `mutate` tries all 19 other residues at every place. At which kind of place does a change cost
# > much, and where next to nothing?

# %%
cutaway.mutate("EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIH", "sapiens")

# %% [markdown]
# Dark columns are places that antibodies keep. Near the end, from 28 on, the columns grow pale: there is one of the
# loops that bind, and it differs from antibody to antibody.
#
# A classifier reads a whole sequence and gives a label, as in notebook 6.
#
# > **Guess first.** The first peptide comes from a frog's skin and kills bacteria. The second begins a protein that all
# > our cells have. The third is just K and L, by turns. Which are “antimicrobial” to the model?

# %%
cutaway.predict(
    ["GIGKFLHSAKKFGKAFVGEIMNS", "MQIFVKTLTGKTITLEVEPSDTIENVKAKIQDKEG", "KKLLKKLLKKLL"],
    "antimicrobial",
)

# %% [markdown]
# ## Molecules: write new ones
#
# SMILES is a way to write a molecule as a line: atoms, bonds, brackets for branches, numbers for rings. A ring that is
# opened must be closed, often twenty tokens later.
#
# > **Guess first.** Of 12 lines that `molecules` writes, how many are molecules at all?

# %%
if importlib.util.find_spec("rdkit") is None:  # it reads and draws molecules
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "rdkit"], check=True)
    importlib.invalidate_caches()

from cutaway.evaluation import sample_sheet

sheet = sample_sheet(sample_records(12, "molecules", seed=0), "molecules", "smiles")
sheet

# %% [markdown]
# Next, a number instead of a label. With a prediction comes an interval, and how similar the nearest molecule is that
# the model learned from.
#
# > **Guess first.** Measured are 408 K for aspirin, 508 K for caffeine, 159 K for alcohol. For which of them will the
# > interval be wrong? And should one trust the prediction for table salt?

# %%
cutaway.predict(
    ["CC(=O)Oc1ccccc1C(=O)O", "Cn1c(=O)c2c(ncn2C)n(C)c1=O", "CCO", "[Na+].[Cl-]"],
    "melting-point",
)

# %% [markdown]
# ## Weather: go on with a series
#
# Numbers become tokens by *bins*. Then a forecast is a text that goes on: 100 of them make a fan.
#
# > **Guess first.** Two forecasts need no model: *as today*, and *as usual at this time of the year*. Which one is hard
# > to beat for tomorrow? Which one for the seventh day?

# %%
days = Path(cutaway.get_data("weather-seattle").path) / "seattle-weather.csv"
cutaway.forecast(days, "weather-days", horizon=7)

# %% [markdown]
# One forecast proves little. Over 359 of them, says the model's card, it beats both on the first day; by the seventh
# *as usual* is as good.
#
# ## Molecular dynamics: states
#
# A molecule that moves jumps between a few shapes. Write down which one at equal times, and you have a sequence:
# `AAABBBBC…`. In `three-wells` a particle jumps between three wells. For this one, theory knows how much of the time it
# spends in each: 31.7 %, 48.2 % and 20.1 %.
#
# > **Guess first.** The model learned only what comes next. Will 40 of its paths have the right shares in the long run?

# %%
paths = [record.sequence for record in sample_records(40, "three-wells", seed=0)]
written = "".join(paths)
print(paths[0][:120], "…\n")
for well, known in zip("ABC", (0.317, 0.482, 0.201), strict=True):
    print(f"well {well}: {written.count(well) / len(written):6.1%} of {len(written):,} steps; theory {known:.1%}")

# %% [markdown]
# Near, not exact: a tiny error at each step adds up over hundreds of them. The card of the model measures it.
#
# ## Text to text: translate
#
# An encoder reads the English sentence, a decoder writes a French one and looks back at it. `english-french` read the
# help of an office program, and nothing else.
#
# > **Guess first.** Which of the two sentences below will it translate better? What will become of the other?

# %%
foreign = cutaway.translate("My grandmother sings in the garden.")
print(foreign.text, "→", foreign.translation)
print(*foreign.warnings)
cutaway.translate("Select the cells that you want to format.")

# %% [markdown]
# The first one became fluent French without a grandmother in it. A model does not stop where its knowledge ends: it
# guesses. Only a count of the words that it met in training says so.
#
# ## Better than what?
#
# Every result above looks good. Whether it *is* good only a comparison can say: with a simple guess, on sequences that
# were held out. Each model has this on its card.
#
# > **Guess first.** For which of these models does a simple method come close, or win?

# %%
for listed in cutaway.list_models().models:
    if listed.built_in:
        print(f"{listed.name:18} {listed.task:10} {cutaway.model_info(listed.name).headline}")

# %% [markdown]
# First the model's own measure with its 95 % interval, then the best simple method. Read the section “What it can't do”
# of a card, too: `cutaway models card weather-days`.
#
# ## Your own file
#
# Put the name of your file in place of the one below: FASTA, GenBank, SMILES, CSV, a table of numbers, a trajectory.
# Here it is the genome of a virus. First look at what was read.

# %%
from cutaway.sequences import read_records, summarize_records

my_file = Path(cutaway.get_data("lambda").path) / "lambda_virus.fa.gz"
my_alphabet = "dna"  # text, dna, rna, codon, protein, smiles, series
print(summarize_records(read_records(my_file, my_alphabet)))

# %% [markdown]
# Then train, and measure on what was held out.
#
# > **Guess first.** There are four letters, so knowing nothing costs 2 bits each. After 60 steps on one small genome:
# > how many bits? Will it beat counting which letter follows which?

# %%
import shutil

work = Path("notebook-8")  # all files of this notebook
shutil.rmtree(work, ignore_errors=True)
work.mkdir()
cutaway.train(my_file, alphabet=my_alphabet, steps=60, samples=0, output=work / "my-model")
cutaway.evaluate(work / "my-model", tokens=4000)

# %%
from cutaway.generation import write_records

write_records(sample_records(3, work / "my-model", max_new_tokens=60), work / "new.fa")
print((work / "new.fa").read_text())

# %% [markdown]
# A genome looks almost random, letter by letter; that is no fault of the model. Longer training, codons instead of
# letters, or more genomes: now you can try it, and *measure* whether it helps.
#
# [docs/TRAINING.md](../docs/TRAINING.md) has these lines for every kind of record.
#
# ## Exercises
#
# 1. **Genes or noise?** Compare `cutaway.score(gene, "ecoli-letters").bits_per_token` for a gene that `ecoli-codons`
#    wrote, and for the same letters in a random order.
#    <details><summary>Hint</summary><code>import random</code>, then
#    <code>"".join(random.sample(gene, len(gene)))</code> shuffles. Two bits are chance.</details>
# 2. **A protein that opens.** `adenylate-kinase` writes the states of an enzyme as it opens its lids. Write five paths.
#    Does it ever go back? What does the card say about times?
#    <details><summary>Hint</summary><code>sample_records(5, "adenylate-kinase")</code>, and
#    <code>print(cutaway.model_card("adenylate-kinase"))</code>.</details>
# 3. **Your data.** Train on a file of your own twice: with single letters, and with another tokenizer
#    (`tokenizer="bpe:256"`, `"kmer:3"`, `"codon"`). Which one is better?
#    <details><summary>Hint</summary>Compare bits per <em>symbol</em>, which all tokenizers share; bits per token can't
#    be compared.</details>
#
# ## What you know now
#
# One machine reads any sequence; what differs is the tokens. Models write, fill, correct, predict, forecast and
# translate with the same probabilities. A result is worth something beside a simple method, on held-out sequences, with
# an interval. Your own file needs three lines: read, train, measure.
#
# The homework for this notebook: `cutaway homework start your-sequences --name "Your name"`.
