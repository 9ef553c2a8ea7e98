#!/usr/bin/env bash
# molecules: a Llama of 1.8 million parameters that writes drug-like molecules as SMILES, atom by atom.
# Data: MOSES, 1,584,663 molecules to train on. Its test part of 176,074 is not trained on; 10,000 samples, written at
# temperature 1 from seed 0, are compared with 10,000 of it and with the published statistics of all of it.
# To compare, as published (30,000 samples): CharRNN valid .975, novel .842, FCD .073; an n-gram model .238, .969, 5.51.
# Took 151 minutes on one thread of a busy machine, about 80 on a quiet one (8,500 tokens a second). Of the 10,000:
# valid .966, unique .9999, novel .880, FCD .276 to 10,000 of the test part and .157 to the statistics of all of it.
# Usage: recipes/molecules.sh [FOLDER]; the same command goes on after an interruption.
set -euo pipefail
folder=${1:-runs/molecules}
recipes=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$folder"
data=$(cutaway data get -q moses)

# All of MOSES is drug-like, so near-duplicates are everywhere: single molecules are held out, not clusters of them.
cutaway train "$data/train.csv.gz" --column SMILES --alphabet smiles -o "$folder/run" \
  --held-out 0.01 --keep-near-duplicates --arch llama --size micro --context 96 \
  --batch-size 256 --micro-batch 64 --tokens 40000000 --learning-rate 5e-3 --seed 0 \
  --threads 1 --precision bfloat16 --attention plain --validate-every 250

[ -f "$folder/samples.json" ] || cutaway evaluate "$folder/run" "$data/test.csv.gz" --column SMILES \
  --train-data "$data/train.csv.gz" --samples 10000 --seed 0 --statistics "$data/test_stats.npz" \
  -o "$folder/samples.json"
[ -f "$folder/losses.json" ] || cutaway evaluate "$folder/run" -o "$folder/losses.json"
cutaway generate -m "$folder/run" --count 12 --seed 0 > "$folder/sample.txt"
python "$recipes/ship.py" "$folder/run" molecules \
  --evaluation "$folder/samples.json" --evaluation "$folder/losses.json" --sample "$folder/sample.txt" \
  --cannot "It knows molecules like those of MOSES only: neutral, without stereo, of C, N, O, S, F, Cl and Br, 250 to 350 g/mol." \
  --cannot "It does not aim at a property: it writes what is common in MOSES, not what binds, dissolves or is safe." \
  --cannot "Some of what it writes is not a molecule: check each with RDKit, as the page of cutaway generate does." \
  --cannot "That a molecule is new says that it is not in MOSES' train part, not that nobody has made it."
