#!/usr/bin/env bash
# weather-hours: a GPT-2 of 0.2 million parameters that forecasts temperature, dew point and wind, hour by hour.
# Data: weather-year, the typical years of Greensboro (North Carolina) and Sand Point (Alaska); the last 73 days of each
# are held out. Most windows that it learns from are made by a weather generator (weather_data.py says why and how).
# Usage: recipes/weather-hours.sh [FOLDER]; the same command goes on after an interruption.
set -euo pipefail
folder=${1:-runs/weather-hours}
recipes=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$folder"

data=$(cutaway data get -q weather-year)
[ -f "$folder/windows.jsonl" ] || python "$recipes/weather_data.py" hours "$folder"

cutaway train "$folder/windows.jsonl" -o "$folder/run" \
  --alphabet series --tokenizer "$folder/tokenizer" --arch gpt2 --context 226 \
  --steps 1500 --batch-size 32 --seed 0 --threads 1 --validate-every 100 --samples 0

[ -f "$folder/evaluation.json" ] || cutaway evaluate "$folder/run" "$data"/{greensboro,sand-point}.csv \
  --horizon 24 --held-out 0.2 --records 200 --samples 100 -o "$folder/evaluation.json"
(cd "$folder" && cutaway forecast "$data/greensboro.csv" -m ./run --horizon 6) > "$folder/sample.txt"
python "$recipes/ship.py" "$folder/run" weather-hours --evaluation "$folder/evaluation.json" \
  --sample "$folder/sample.txt" \
  --cannot "Of the 16,626 windows of 72 hours that it learned from, 12,000 were made by a weather generator, not measured." \
  --cannot "It knows two places. It reads 72 hours at most, the forecast among them, and goes on for at most 36." \
  --cannot "A typical year is put together from months of several years: real years are less regular." \
  --cannot "It saw no November and no December: what is held out is a season that it never learned." \
  --cannot "It draws nothing beyond the extremes of what it learned from."
