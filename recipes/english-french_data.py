"""Pairs of LibreOffice's help → pairs of sentences to train on: `python english-french_data.py PAIRS.tsv OUT.tsv`.

A pair of paragraphs stays whole if both are short. A longer one is cut into its sentences if both languages have as
many. What is left out: pairs that are equal, formulas and lists of names (few small letters or few words), pairs whose
lengths say that one isn't the translation of the other, and what is still too long.
"""

import re
import sys
from pathlib import Path

LONGEST = 160  # characters of either side
END = re.compile(r"(?<=[.!?])\s+(?=[A-ZÀÂÇÉÈÊÎÔÙ\"'«=(])")
MAC = re.compile(
    r"LibreOffice - (?:Preferences|Préférences)(?=Tools|Outils)|\b(?:Command|Commande|Cmd) ?(?=Ctrl)|\bOption ?(?=Alt)"
)
SHORTENED = re.compile(r"\b(?:e\.g|i\.e|etc|p\. ex|par ex|No|Mr|vs|cf)\.$")


def sentences(text: str) -> list[str]:
    """Return the sentences of a paragraph; an abbreviation does not end one."""
    found: list[str] = []
    for part in END.split(text):
        if found and SHORTENED.search(found[-1]):
            found[-1] += " " + part
        else:
            found.append(part)
    return found


def readable(text: str) -> str:
    """Return a paragraph without what is said for macOS beside the others: "Command Ctrl+A" becomes "Ctrl+A"."""
    return MAC.sub("", text)


def is_language(text: str) -> bool:
    """Return whether a text has at least two words and is mostly small letters, as sentences and titles are."""
    small = sum(letter.islower() for letter in text)
    return len(re.findall(r"[^\W\d_]{2,}", text)) >= 2 and small >= 0.6 * len(text.replace(" ", ""))


def pairs_of(english: str, french: str) -> list[tuple[str, str]]:
    """Return a pair of paragraphs whole if both are short, else sentence by sentence."""
    if max(len(english), len(french)) <= LONGEST:
        return [(english, french)]
    ours, theirs = sentences(english), sentences(french)
    return list(zip(ours, theirs, strict=True)) if len(ours) == len(theirs) else []


def main(source: Path, target: Path) -> None:
    """Write the pairs, each English text once."""
    lines = [line.split("\t") for line in source.read_text(encoding="utf-8").splitlines()[1:]]
    kept: dict[str, str] = {}
    left_out = {"equal": 0, "too long or not alignable": 0, "not language": 0, "lengths differ": 0, "again": 0}
    for english, french in lines:
        parts = pairs_of(readable(english), readable(french))
        left_out["too long or not alignable"] += not parts
        for one, other in parts:
            if one == other:
                left_out["equal"] += 1
            elif max(len(one), len(other)) > LONGEST:
                left_out["too long or not alignable"] += 1
            elif not (is_language(one) and is_language(other)):
                left_out["not language"] += 1
            elif not 0.6 <= len(other) / len(one) <= 2.2:
                left_out["lengths differ"] += 1
            elif one in kept:
                left_out["again"] += 1
            else:
                kept[one] = other
    target.write_text("en\tfr\n" + "".join(f"{one}\t{other}\n" for one, other in kept.items()), encoding="utf-8")
    sys.stderr.write(f"{len(kept):,} pairs of {len(lines):,}; left out: {left_out}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
