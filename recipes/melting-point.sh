#!/usr/bin/env bash
# melting-point: the melting point (kelvin) of an organic molecule from its SMILES, with intervals.
# Data: `melting-points` (11,381 molecules that RDKit accepts); test and validation have no near-duplicate in train.
# The train part is read in up to seven spellings of each molecule.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=${1:-runs/melting-point}
mkdir -p "$work"
data=$(cutaway data get melting-points -q)
if [ ! -f "$work/spelled.csv" ]; then
  python "$here/melting_point_data.py" clean "$data/melting-points.csv" "$work/all.csv"
  python "$here/split.py" "$work/all.csv" "$work" --alphabet smiles --column smiles --label-column kelvin
  python "$here/melting_point_data.py" spell "$work/train.csv" "$work/spelled.part"
  mv "$work/spelled.part" "$work/spelled.csv"
fi
cutaway train "$work/spelled.csv" --alphabet smiles --column smiles --label-column kelvin --objective numbers \
  --arch bert --layers 4 --heads 6 --width 192 --context 160 --long cut --dropout 0.1 --keep-duplicates \
  --batch-size 64 --tokens 9000000 --learning-rate 2e-3 --held-out 0.01 --validate-every 200 --threads 1 \
  --seed 0 -o "$work/run"
python - "$work" <<'PY'
import sys
from cutaway import calibrate
work = sys.argv[1]
calibrate(f"{work}/run", f"{work}/train.csv", f"{work}/validation.csv", column="smiles", label_column="kelvin",
          quantity="melting point", unit="K")
PY
cutaway evaluate "$work/run" "$work/test.csv" --train-data "$work/train.csv" --column smiles --label-column kelvin \
  --json > "$work/evaluation.json"
python "$here/ship.py" "$work/run" melting-point --evaluation "$work/evaluation.json" \
  --sample "$(cd "$work" && cutaway predict 'CC(=O)Oc1ccccc1C(=O)O' 'c1ccccc1' 'CCO' '[Na+].[Cl-]' -m ./run)" \
  --cannot "It knows no polymorphs, no decomposition and no pressure: it says one number for a molecule." \
  --cannot "Salts, metals and very small molecules are rare in its data; its warnings say when a molecule is unlike them." \
  --cannot "It was not made for decisions in a laboratory: look the melting point up, or measure it."
