#!/usr/bin/env bash
# antimicrobial: is a peptide antimicrobial, or a piece of another protein?
# Data: `peptides` (modlAMP: 2,600 antimicrobial peptides, 2,600 pieces of other proteins of UniProt).
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=${1:-runs/antimicrobial}
mkdir -p "$work"
data=$(cutaway data get peptides -q)
[ -f "$work/test.csv" ] || python "$here/split.py" "$data/peptides.csv" "$work" \
  --alphabet protein --column sequence --label-column label
cutaway train "$work/train.csv" --alphabet protein --column sequence --label-column label --objective classes \
  --arch bert --layers 3 --heads 4 --width 128 --context 192 --long cut --dropout 0.2 --batch-size 32 --epochs 10 \
  --optimizer adamw --learning-rate 1e-3 --held-out 0.05 --validate-every 50 --threads 1 --seed 0 -o "$work/run"
python - "$work" <<'PY'
import sys
from cutaway import calibrate
work = sys.argv[1]
calibrate(f"{work}/run", f"{work}/train.csv", f"{work}/validation.csv", column="sequence", label_column="label")
PY
cutaway evaluate "$work/run" "$work/test.csv" --train-data "$work/train.csv" --column sequence --label-column label \
  --json > "$work/evaluation.json"
python "$here/ship.py" "$work/run" antimicrobial --evaluation "$work/evaluation.json" --headline mcc \
  --sample "$(cd "$work" && cutaway predict GIGKFLHSAKKFGKAFVGEIMNS KKLLKKLLKKLL MKTAYIAKQRQISFVKSHFSRQ -m ./run)" \
  --cannot "It does not know how strong a peptide is, against which microbe, or whether it harms our own cells." \
  --cannot "Of the other peptides three in five begin with M, as whole proteins do: it may have learned that instead." \
  --cannot "It was trained on peptides of 7 to 174 residues."
