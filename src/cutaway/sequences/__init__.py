"""Where text comes from: files, and a small source of sentences whose entropy is known exactly.

This room knows characters and probabilities. Ids and models are for the floors above.
"""

from cutaway.sequences.alignment import read_alignment
from cutaway.sequences.contacts import read_contacts
from cutaway.sequences.prompts import read_prompts
from cutaway.sequences.source import SENTENCES, Slot, Source
from cutaway.sequences.text import read_text

__all__ = ["SENTENCES", "Slot", "Source", "read_alignment", "read_contacts", "read_prompts", "read_text"]
