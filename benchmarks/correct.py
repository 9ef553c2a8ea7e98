"""Measure `correct` on planted mistakes: how many it finds and mends, and how often it sees one where there is none.

    python benchmarks/correct.py sapiens                            # antibodies, built in
    python benchmarks/correct.py smollm2-135m --text                # sentences, built in
    python benchmarks/correct.py MODEL FILE [--alphabet protein]    # records of a file that the model did not see

Each sequence is read as it is, which gives the false alarms, and with one planted mistake of each kind at a random
place: an element replaced, lost, or put in, drawn evenly from all others (of words: a slip of the hand, a word lost, a
word twice). `found`: an edit is reported at most one element from the mistake; `mended`: the corrected sequence is the
true one; `elsewhere`: other edits for each 100 elements. Shares have 95 % intervals (Wilson). Prints JSON lines.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
from typing import Any

from cutaway.prediction import correct
from cutaway.prediction.elements import Elements, elements_of
from cutaway.prediction.language_model import masked_or_causal
from cutaway.prediction.noisy_channel import slips
from cutaway.sequences import read_records

# Variable domains of the heavy chains of trastuzumab, adalimumab, rituximab and bevacizumab.
ANTIBODIES = [
    "EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVARIYPTNGYTRYADSVKGRFTISADTSKNTAYLQMNSLRAEDTAVYYCSRWGGDGFYAMDYWGQGTLVTVSS",
    "EVQLVESGGGLVQPGRSLRLSCAASGFTFDDYAMHWVRQAPGKGLEWVSAITWNSGHIDYADSVEGRFTISRDNAKNSLYLQMNSLRAEDTAVYYCAKVSYLSTASSLDYWGQGTLVTVSS",
    "QVQLQQPGAELVKPGASVKMSCKASGYTFTSYNMHWVKQTPGRGLEWIGAIYPGNGDTSYNQKFKGKATLTADKSSSTAYMQLSSLTSEDSAVYYCARSTYYGGDWYFNVWGAGTTVTVSA",
    "EVQLVESGGGLVQPGGSLRLSCAASGYTFTNYGMNWVRQAPGKGLEWVGWINTYTGEPTYAADFKRRFTFSLDTSKSTAYLQMNSLRAEDTAVYYCAKYPHYYGSSHWYFDVWGQGTLVTVSS",
]
SENTENCES = [
    "The children played in the garden until it was time for dinner.",
    "She opened the window because the room was too warm.",
    "Water boils at a lower temperature on a high mountain.",
    "He has worked for the same company for more than twenty years.",
    "The train to the city leaves every hour in the morning.",
    "Many birds fly south in the winter to find food.",
    "The teacher asked the students to read the first chapter.",
    "We bought some bread and cheese at the market.",
]


def planted(elements: Elements, kind: str, chance: random.Random) -> tuple[str, int] | None:
    """Return the sequence with one mistake of a kind and the place of it, or None if it would be the same sequence."""
    units, choices = list(elements.units), elements.kind.choices
    words = elements.kind.name == "word"
    able = [at for at, unit in enumerate(units) if (unit.strip().isalpha() if words else unit in choices)]
    at = chance.choice(able[1:])
    others = sorted(choice for choice in choices if choice != units[at])
    if kind == "substitute":
        units[at] = chance.choice(sorted(slips(units[at]))) if words else chance.choice(others)
    elif kind == "lost":
        del units[at]
    else:
        units.insert(at, units[at] if words else chance.choice(others))
    text = elements.joined(units)
    return (text, at) if text != elements.text else None


def read(text: str, model: Any, rate: float) -> tuple[list[int], str, int]:
    found = correct(text, model, error_rate=rate)
    return [one.position - 1 for one in found.corrections], found.corrected, len(found.elements)


def share(hits: int, of: int) -> dict[str, float]:
    """Return a share with Wilson's interval."""
    if not of:
        return {"value": math.nan, "low": math.nan, "high": math.nan}
    z, p = 1.96, hits / of
    middle = (p + z * z / (2 * of)) / (1 + z * z / of)
    half = z * math.sqrt(p * (1 - p) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return {"value": round(p, 3), "low": round(max(0.0, middle - half), 3), "high": round(min(1.0, middle + half), 3)}


def windows(args: argparse.Namespace, chance: random.Random) -> list[str]:
    if args.file is None:
        return SENTENCES if args.text else ANTIBODIES
    texts = [str(record.sequence) for record in read_records(args.file, args.alphabet)]
    texts = [text for text in texts if len(text) >= min(20, args.length)]
    chosen = chance.sample(texts, min(args.count, len(texts)))
    if len(chosen) < args.count:  # a genome: several windows of one record
        chosen = [chance.choice(texts) for _ in range(args.count)]
    found = []
    for text in chosen:
        start = chance.randrange(max(1, len(text) - args.length + 1))
        start -= start % 3  # codons stay in frame
        found.append(text if args.whole else text[start : start + args.length])
    return found


def main() -> None:
    """Read the arguments, plant, correct, count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("file", nargs="?")
    parser.add_argument("--alphabet", default="text")
    parser.add_argument("--text", action="store_true", help="without a file: sentences instead of antibodies")
    parser.add_argument("--count", type=int, default=20, help="sequences")
    parser.add_argument("--length", type=int, default=100, help="letters of a window")
    parser.add_argument("--whole", action="store_true", help="whole records, not windows")
    parser.add_argument("--repeats", type=int, default=1, help="mistakes of each kind for each sequence")
    parser.add_argument("--error-rate", type=float, default=0.01)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    chance = random.Random(f"correct {args.seed}")  # noqa: S311 (chance, not secrets)
    model, _ = masked_or_causal(args.model, "sapiens")
    sequences = windows(args, chance)
    alarms = letters = 0
    for text in sequences:
        places, _, count = read(text, model, args.error_rate)
        alarms, letters = alarms + len(places), letters + count
    head = {"model": args.model, "data": args.file or ("sentences" if args.text else "antibodies")}
    head |= {"error_rate": args.error_rate, "sequences": len(sequences), "elements": letters}
    print(json.dumps(head | {"planted": "none", "alarms_per_100": round(100 * alarms / letters, 3)}), flush=True)
    for kind in ("substitute", "lost", "surplus"):
        found = mended = elsewhere = tried = letters = 0
        for text in sequences * args.repeats:
            elements = elements_of(model.tokenizer, text)
            if (made := planted(elements, kind, chance)) is None:
                continue
            places, corrected, count = read(made[0], model, args.error_rate)
            near = [place for place in places if abs(place - made[1]) <= 1]
            tried, letters, found = tried + 1, letters + count, found + bool(near)
            mended, elsewhere = mended + (corrected == elements.text), elsewhere + len(places) - len(near)
        told = {"planted": kind, "tried": tried, "found": share(found, tried), "mended": share(mended, tried)}
        print(json.dumps(head | told | {"elsewhere_per_100": round(100 * elsewhere / max(1, letters), 3)}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
