#!/usr/bin/env bash
# ecoli-codons: a Llama of 0.8 million parameters that writes genes of E. coli, codon by codon.
# Data: ecoli; the package has no annotation, so the 3,980 long open reading frames of both strands stand for its genes
# (the rule finds 45 of the 49 genes of phage lambda that are as long, and 46 of its 49 frames are genes). A twentieth
# of them is held out, by clusters of similar ones.
# Usage: recipes/ecoli-codons.sh [FOLDER]; the same command goes on after an interruption.
set -euo pipefail
folder=${1:-runs/ecoli-codons}
recipes=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$folder"
python "$recipes/ecoli-codons_data.py" "$(cutaway data get -q ecoli)/NC_008253.fna.gz" "$folder/frames.fa"

cutaway train "$folder/frames.fa" -o "$folder/run" \
  --alphabet codon --arch llama --layers 4 --heads 4 --width 128 --dropout 0.1 --context 1024 --long cut \
  --batch-size 4 --steps 1500 --patience 6 --validate-every 100 --seed 0 --threads 1 --precision bfloat16 \
  --attention sdpa

[ -f "$folder/evaluation.json" ] || cutaway evaluate "$folder/run" \
  --tokens 100000 --train-symbols 5000000 -o "$folder/evaluation.json"
[ -f "$folder/written.json" ] || cutaway evaluate "$folder/run" "$folder/frames.fa" \
  --train-data "$folder/frames.fa" --alphabet codon --samples 300 -o "$folder/written.json"
cutaway generate -m "$folder/run" --count 3 --seed 0 --force -o "$folder/sample.fasta"
python "$recipes/ship.py" "$folder/run" ecoli-codons --headline bits_per_token \
  --evaluation "$folder/evaluation.json" --evaluation "$folder/written.json" --sample "$folder/sample.fasta" \
  --cannot "What it writes has the frame, the codons and the length of a gene, but no protein that folds is known among it." \
  --cannot "It knows open reading frames, not annotated genes: genes that begin with GTG or TTG are missing or short." \
  --cannot "It knows one bacterium, reads the standard genetic code and at most 1,024 codons."
