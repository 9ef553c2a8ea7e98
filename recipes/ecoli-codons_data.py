"""Write the long open reading frames of a genome as coding sequences, from the start codon to the stop codon.

    python recipes/ecoli-codons_data.py GENOME.fna.gz OUT.fa

The rule is that of `cutaway.sequences.open_reading_frames`: both strands, from the first ATG to the next stop, at least
300 bases, the longest first, and none that lies on a longer one by more than 30 bases.
"""

import sys
from pathlib import Path

from cutaway.sequences import open_reading_frames, read_records

(genome,) = read_records(sys.argv[1], "dna")
frames = open_reading_frames(genome.sequence, shortest=300, overlap=30)
written = "".join(f">{one.first}-{one.last}{one.strand}\n{one.sequence}\n" for one in frames)
Path(sys.argv[2]).write_text(written, encoding="ascii")
bases = sum(len(one.sequence) for one in frames)
print(f"{len(frames):,} open reading frames, {bases:,} of {len(genome.sequence):,} bases")
