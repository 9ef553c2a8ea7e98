#!/usr/bin/env bash
# three-wells: a causal language model of the well in which a particle is found, at equal times (Langevin dynamics).
# Data: built-in:three-wells, which never ends and whose populations, first-passage times and entropy are known exactly.
# A context of 512 letters is enough: the slowest first passage takes 125 on average, and 2 in 100 take more than 511.
# Paths that are cut there still count (Kaplan-Meier). Populations to 2 % need about 4 million letters of the model,
# because neighbouring letters are alike for 30 steps: 400,000 letters of the source itself are off by up to 5 %.
# Usage: recipes/three-wells.sh [FOLDER]; the same command goes on after an interruption.
set -euo pipefail
folder=${1:-runs/three-wells}
recipes=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$folder"

cutaway train built-in:three-wells --context 512 --batch-size 8 --steps 5000 --learning-rate 3e-3 --schedule cosine \
  --precision float32 --threads 1 --validate-every 500 --samples 0 --seed 0 -o "$folder/run"

[ -f "$folder/loss.json" ] || cutaway evaluate "$folder/run" --tokens 100000 -o "$folder/loss.json" -q
[ -f "$folder/states.json" ] || cutaway evaluate "$folder/run" built-in:three-wells --samples 8000 \
  -o "$folder/states.json" -q
cutaway generate -m "$folder/run" --count 3 --seed 0 -o "$folder/sample.txt" -q --force
python "$recipes/ship.py" "$folder/run" three-wells --evaluation "$folder/states.json" \
  --evaluation "$folder/loss.json" --sample "$folder/sample.txt" \
  --cannot "It knows one particle in one potential at one temperature, and only the well at each time, not the place in it." \
  --cannot "It writes at most 511 letters at once; a path that is to be longer has to be written on from its last letters."
