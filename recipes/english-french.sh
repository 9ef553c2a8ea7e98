#!/usr/bin/env bash
# english-french: a T5 of 5.1 million parameters that translates LibreOffice's help from English to French.
# Data: help-en-fr, 27,933 pairs of paragraphs; english-french_data.py makes 30,793 pairs of sentences and short
# paragraphs of them. Whole clusters of similar pairs are held out, a twentieth of all.
# Took 87 minutes on one thread of a busy machine, about 65 on a quiet one. chrF 70.4 and BLEU 49.6 on held-out pairs;
# looking phrases up: 63.9 and 31.9.
# Usage: recipes/english-french.sh [FOLDER]; the same command goes on after an interruption.
set -euo pipefail
folder=${1:-runs/english-french}
recipes=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$folder"
data=$(cutaway data get -q help-en-fr)
[ -f "$folder/pairs.tsv" ] || python "$recipes/english-french_data.py" "$data/pairs.tsv" "$folder/pairs.tsv"

cutaway train "$folder/pairs.tsv" -o "$folder/run" \
  --alphabet text --column en --target-column fr --objective seq2seq --tokenizer bpe:4096 --held-out 0.05 \
  --layers 3 --heads 7 --width 224 --context 96 --dropout 0.1 \
  --epochs 9 --batch-size 64 --micro-batch 32 --learning-rate 0.005 --seed 0 \
  --threads 1 --precision bfloat16 --attention plain --validate-every 200 --samples 4

[ -f "$folder/evaluation.json" ] || cutaway evaluate "$folder/run" --tokens 40000 --train-symbols 3000000 \
  -o "$folder/evaluation.json"
# The card shows 20 held-out texts, chosen by a hash, as the command translates them.
python -c 'import json, sys; [print(" ".join(one["source"].split())) for one in json.load(sys.stdin)["texts"]]' \
  < "$folder/evaluation.json" > "$folder/held-out.txt"
cutaway translate -f "$folder/held-out.txt" -m "$folder/run" -q > "$folder/sample.txt"
python "$recipes/ship.py" "$folder/run" english-french --evaluation "$folder/evaluation.json" \
  --sample "$folder/sample.txt" --licence MPL-2.0 \
  --cannot "It knows the words of an office program's help. Of other English it guesses, and it sounds sure of it." \
  --cannot "It reads one sentence or short paragraph at a time, at most 96 tokens, and nothing around it." \
  --cannot "It translates from English to French alone. Other languages come out as French words without a meaning." \
  --cannot "Names of menus and functions can come out wrong: check them in the program."
