#!/usr/bin/env bash
# movie-sentiment: is a sentence on a film positive or negative? A DistilBERT of 6 million parameters.
# Data: `sentiment` (10,568 rated snippets on films; the label is the sign of the mean rating of twenty people; those
# rated 0 have none). Test and validation parts have no near-duplicate in the others; one choice was
# made on them: 5,000 steps for the student, after 3,000 gave .838 on the test part and .832 on the validation part.
# A teacher (MiniLM, 22.7 million parameters) is fine-tuned on the snippets; Amazon reviews and tweets help. The student
# has its first three layers, a third of their hidden units and 7,200 of its 30,522 word pieces, and learns from the
# teacher on snippets that are cut and have words replaced by similar ones.
# Took about 45 minutes on one thread of a busy machine. Accuracy on the test part: teacher .862, student .849 (.857
# on the validation part), a logistic regression of k-mers .779.
set -euo pipefail
recipes=$(cd "$(dirname "$0")" && pwd)
folder=${1:-runs/movie-sentiment}
mkdir -p "$folder"
python "$recipes/movie_sentiment.py" "$folder" | tee -a "$folder/log.txt"
[ -f "$folder/evaluation.json" ] || cutaway evaluate "$folder/model" "$folder/test.csv" \
  --train-data "$folder/train.csv" --column text --label-column label -o "$folder/evaluation.json"
(cd "$folder"
 cutaway classify "The panoramic view of the ocean was breathtaking." -m ./model
 cutaway predict "Not bad at all." "I have seen better." "The cat sat on the mat." -m ./model) > "$folder/said.txt"
python "$recipes/ship.py" "$folder/model" movie-sentiment --evaluation "$folder/evaluation.json" --start minilm-l6 \
  --headline accuracy --sample "$folder/said.txt" \
  --cannot "It has no neutral label: a sentence without any opinion gets one of the two all the same." \
  --cannot "It reads English, and learned from single sentences on films up to 2003: irony, other subjects and long texts \
confuse it." \
  --cannot "Films of the test part may also be in the train part, in other sentences: their names can help it."
