#!/usr/bin/env bash
# proteins: a ModernBERT of 1.8 million parameters that fills in hidden residues.
# Data: uniprot-sample, 20,000 proteins, 9.05 million residues; a twentieth is held out by clusters of similar proteins.
# It reads 12.3 million residues, 1.4 times the whole, in windows of 256; a fifth of them are hidden.
# Usage: recipes/proteins.sh [FOLDER]; the same command goes on after an interruption.
set -euo pipefail
folder=${1:-runs/proteins}
recipes=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$folder/shape"
data=$(cutaway data get -q uniprot-sample)/DB.fasta.gz

# Rotary positions, and every layer sees the whole window.
cat > "$folder/shape/config.json" <<'JSON'
{"model_type": "modernbert", "hidden_size": 192, "intermediate_size": 512, "num_hidden_layers": 4,
 "num_attention_heads": 6, "global_attn_every_n_layers": 1, "local_attention": 512, "max_position_embeddings": 256,
 "rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 10000.0},
                     "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}},
 "attention_bias": false, "initializer_range": 0.04, "tie_word_embeddings": true}
JSON

cutaway train "$data" -o "$folder/run" \
  --alphabet protein --objective masked --mask-share 0.2 --config "$folder/shape" --context 256 \
  --batch-size 24 --steps 2000 --seed 0 --threads 1 --precision bfloat16 --attention sdpa --validate-every 100

[ -f "$folder/evaluation.json" ] || cutaway evaluate "$folder/run" \
  --tokens 10000 --train-symbols 9000000 -o "$folder/evaluation.json"
python "$recipes/ship.py" "$folder/run" proteins --evaluation "$folder/evaluation.json" \
  --cannot "It has read 20,000 proteins; those that fold proteins or design them have read tens of millions. Most of what
it knows is which residues are frequent, together and near each other." \
  --cannot "Its attention does not show which residues touch, and what it says of a mutation is a weak hint." \
  --cannot "It reads at most 256 residues at once, and it does not write proteins."
