#!/usr/bin/env bash
# ecoli-letters: a Llama of 1.2 million parameters that predicts the next base of E. coli's genome.
# Data: ecoli, one chromosome of 4.94 million bases, read in both directions. Held out: five regions of 49,389 bases,
# spread over the chromosome, in both directions, too.
# Usage: recipes/ecoli-letters.sh [FOLDER]; the same command goes on after an interruption.
set -euo pipefail
folder=${1:-runs/ecoli-letters}
recipes=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$folder"
python "$recipes/ecoli-letters_data.py" "$(cutaway data get -q ecoli)/NC_008253.fna.gz" "$folder/strands.fa"

cutaway train "$folder/strands.fa" -o "$folder/run" \
  --alphabet dna --tokenizer char --held-out 0.05 --arch llama --layers 4 --heads 5 --width 160 --context 512 \
  --batch-size 8 --steps 3400 --seed 0 --threads 1 --precision bfloat16 --attention sdpa --validate-every 200

[ -f "$folder/evaluation.json" ] || cutaway evaluate "$folder/run" \
  --tokens 100000 --train-symbols 10000000 -o "$folder/evaluation.json"
(printf ATG; cutaway generate -m "$folder/run" ATG --max-new-tokens 400 --temperature 1 --seed 0) \
  > "$folder/sample.txt"
python "$recipes/ship.py" "$folder/run" ecoli-letters --evaluation "$folder/evaluation.json" \
  --sample "$folder/sample.txt" \
  --cannot "It knows one chromosome of one bacterium: of other genomes it knows only what they share with it." \
  --cannot "What it writes looks like E. coli over a few dozen bases; it has no genes that a cell could use." \
  --cannot "It sees 512 bases; nothing that lies further apart can be learned."
