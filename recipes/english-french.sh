#!/usr/bin/env bash
# english-french: a T5 of 5.8 million parameters that translates LibreOffice's help from English to French.
# Data: help-en-fr, 27,933 pairs of paragraphs; 30,793 pairs of sentences and short paragraphs are left to learn from.
# Usage: recipes/english-french.sh [FOLDER]; the same command goes on after an interruption.
set -euo pipefail
folder=${1:-runs/english-french}
recipes=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$folder"

data=$(cutaway data get -q help-en-fr)
[ -f "$folder/pairs.tsv" ] || python "$recipes/english-french_data.py" "$data/pairs.tsv" "$folder/pairs.tsv"

cutaway train "$folder/pairs.tsv" -o "$folder/model" \
  --alphabet text --column en --target-column fr --objective seq2seq --tokenizer bpe:4096 --held-out 0.05 \
  --layers 3 --heads 6 --width 240 --context 96 --dropout 0.1 \
  --epochs 8 --batch-size 64 --micro-batch 32 --learning-rate 0.006 --seed 0 \
  --threads 1 --precision bfloat16 --attention plain --validate-every 200 --save-every 100 --samples 4

[ -f "$folder/evaluation.json" ] || cutaway evaluate "$folder/model" --tokens 40000 -o "$folder/evaluation.json"
