#!/usr/bin/env bash
# adenylate-kinase: a causal language model of the states that adenylate kinase goes through when it opens.
# Data: two simulated pathways of 98 and 102 frames (data set mdanalysis-tests), as three distances and four states.
# Each pathway is predicted by a model of the other one; what ships has learned from both. Two pathways hold no more than
# a Markov chain: with six states a model of 0.2 million parameters learns them by heart and needs 2.3 bits for a frame of
# the other pathway, one of 3,500 parameters 0.37, counts of the last frame 0.35. The number of steps was chosen on the
# same two pathways.
# Usage: recipes/adenylate-kinase.sh [FOLDER]; some minutes.
set -euo pipefail
folder=${1:-runs/adenylate-kinase}
recipes=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$folder"
data=$(cutaway data get -q mdanalysis-tests)
python "$recipes/adenylate-kinase_data.py" "$data" "$folder"

learn() {  # learn NAME: states and a model of the windows in NAME.jsonl
  [ -d "$folder/states-$1" ] || cutaway tokenizer train "$folder/$1.jsonl" --alphabet series --kind states \
    --vocab-size 9 -o "$folder/states-$1" -q
  cutaway train "$folder/$1.jsonl" --alphabet series --tokenizer "$folder/states-$1" --arch llama --layers 1 --heads 2 \
    --width 16 --context 65 --rows single --batch-size 8 --steps 50 --learning-rate 0.01 --validate-every 50 \
    --precision float32 --threads 1 --samples 0 --seed 0 -o "$folder/$2"
}
test_on() {  # test_on NAME OTHER: the model of one pathway on the other
  local about=("$folder/of-$1" "$folder/$2.jsonl" --train-data "$folder/$1.jsonl" -q --force)
  cutaway evaluate "${about[@]}" -o "$folder/loss-$2.json"
  cutaway evaluate "${about[@]}" --samples 2000 -o "$folder/states-$2.json"
}
learn one of-one
learn two of-two
test_on one two
test_on two one
learn both run
cutaway generate -m "$folder/run" --count 3 --seed 0 -q --force -o "$folder/sample.jsonl"
python "$recipes/ship.py" "$folder/run" adenylate-kinase \
  --evaluation "$folder/loss-two.json" --evaluation "$folder/loss-one.json" \
  --evaluation "$folder/states-two.json" --evaluation "$folder/states-one.json" \
  --cannot "Its two pathways were driven from closed to open (dynamic importance sampling): they are no equilibrium. The shares of its states are those of frames of a pathway, not free energies; its times are counted in frames, not in nanoseconds; it does not close again." \
  --cannot "The measures are those of two models of one pathway each on the other one, and an interval can't say how a third pathway would differ. The model that lies here has learned from both." \
  --cannot "It knows three distances (I52-K145, A55-V169, A127-A194) as four states, and no more than a Markov chain knows: a frame of the other pathway costs 0.24 and 0.25 bits, by counts of the frame before it 0.25 and 0.26. The measures above also count where a window ends, which means nothing and costs this model more." \
  --cannot "Its times from state to state differ from those of the other pathway by a factor of up to 2.1; the two pathways differ from each other by up to 1.8."
