"""Where sequences come from: files of records, text, and a small source whose entropy is known exactly.

`read_records` reads what files hold, record by record: readers (a function a format) say what a file says, alphabets (a
module a kind) what a sequence may be made of. This room knows letters, numbers and probabilities; ids and models are
for the floors above.
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
