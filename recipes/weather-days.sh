#!/usr/bin/env bash
# weather-days: a GPT-2 of 0.2 million parameters that forecasts the weather in Seattle, day by day.
# Data: weather-seattle, 2012 to 2014; 2015 is held out. Most windows that it learns from are made by a weather
# generator that is fitted to these three years (weather_data.py says why and how).
# Usage: recipes/weather-days.sh [FOLDER]; the same command goes on after an interruption.
set -euo pipefail
folder=${1:-runs/weather-days}
recipes=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$folder"

data=$(cutaway data get -q weather-seattle)
[ -f "$folder/windows.jsonl" ] || python "$recipes/weather_data.py" days "$folder"

cutaway train "$folder/windows.jsonl" -o "$folder/run" \
  --alphabet series --tokenizer "$folder/tokenizer" --arch gpt2 --context 173 \
  --steps 1500 --batch-size 32 --seed 0 --threads 1 --validate-every 100 --samples 0

[ -f "$folder/evaluation.json" ] || cutaway evaluate "$folder/run" "$data/seattle-weather.csv" \
  --horizon 7 --held-out 0.25 --records 359 --samples 100 -o "$folder/evaluation.json"
(cd "$folder" && cutaway forecast "$data/seattle-weather.csv" -m ./run) > "$folder/sample.txt"
python "$recipes/ship.py" "$folder/run" weather-days --evaluation "$folder/evaluation.json" \
  --sample "$folder/sample.txt" \
  --cannot "Of the 13,057 windows of 40 days that it learned from, 12,000 were made by a weather generator, not measured." \
  --cannot "It knows one place. It reads 40 days at most, the forecast among them, and goes on for at most 20." \
  --cannot "It sees no date: it tells the season from the temperatures and how they changed in the last weeks." \
  --cannot "Four numbers a day know little of the next week: after a few days it hardly beats the usual weather." \
  --cannot "It draws nothing beyond the extremes of what it learned from."
