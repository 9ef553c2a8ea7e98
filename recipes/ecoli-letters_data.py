"""Write both strands of a chromosome as two records, each with the same regions at its end, which `train` holds out.

    python recipes/ecoli-letters_data.py GENOME.fna.gz OUT.fa

The chromosome is cut into 100 regions. Five of them (3, 23, 43, 63, 83) go to the end of both records, so that the last
twentieth of each record is the same stretch of the genome, read in both directions, and nothing of it is trained on.
"""

import itertools
import sys
from pathlib import Path

from cutaway.sequences import read_records, reverse_complement

REGIONS, FIRST, EVERY = 100, 3, 20

(genome,) = read_records(sys.argv[1], "dna")
letters = genome.sequence
borders = [len(letters) * i // REGIONS for i in range(REGIONS + 1)]
regions = [letters[a:b] for a, b in itertools.pairwise(borders)]
kept = [one for i, one in enumerate(regions) if i % EVERY != FIRST]
out = [one for i, one in enumerate(regions) if i % EVERY == FIRST]
strands = {
    "forward": "".join([*kept, *out]),
    "backward": "".join(reverse_complement(one) for one in [*reversed(kept), *reversed(out)]),
}
Path(sys.argv[2]).write_text("".join(f">{name}\n{sequence}\n" for name, sequence in strands.items()), encoding="ascii")
share = sum(map(len, out)) / len(letters)
print(f"{len(letters):,} bases, {sum(map(len, out)):,} of them ({share:.2%}) held out in {len(out)} regions")
