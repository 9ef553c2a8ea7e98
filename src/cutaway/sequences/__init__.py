"""Where sequences come from: files of records, plain text, and a synthetic source of known entropy.

`read_records` reads files one record at a time. Each format has a reader (a function in `readers`), and each kind of
sequence has rules (a module in `alphabets`). This room knows letters, numbers and probabilities, but no tokens and no
models.
"""

from cutaway.sequences.alignment import read_alignment
from cutaway.sequences.alphabets import CHECKS
from cutaway.sequences.collective_variables import dihedrals, distances
from cutaway.sequences.contacts import read_contacts
from cutaway.sequences.format_detection import read_plain_text
from cutaway.sequences.prompts import read_prompts
from cutaway.sequences.records import Record, Records, read_records
from cutaway.sequences.synthetic_text import SENTENCES, Slot, Source
from cutaway.sequences.text_files import read_text

__all__ = [
    "CHECKS",
    "SENTENCES",
    "Record",
    "Records",
    "Slot",
    "Source",
    "dihedrals",
    "distances",
    "read_alignment",
    "read_contacts",
    "read_plain_text",
    "read_prompts",
    "read_records",
    "read_text",
]
