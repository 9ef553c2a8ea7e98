from .alignment import read_alignment as read_alignment
from .alphabets import CHECKS as CHECKS
from .collective_variables import dihedrals as dihedrals, distances as distances
from .contacts import read_contacts as read_contacts
from .format_detection import read_plain_text as read_plain_text
from .hidden_markov import EntropyRate as EntropyRate, HiddenMarkovSource as HiddenMarkovSource
from .known_sources import (
    KNOWN_SOURCES as KNOWN_SOURCES,
    KnownSource as KnownSource,
    known_source as known_source,
)
from .prompts import read_prompts as read_prompts
from .reading_frames import (
    ReadingFrame as ReadingFrame,
    open_reading_frames as open_reading_frames,
    reverse_complement as reverse_complement,
)
from .record_summary import RecordSummary as RecordSummary, summarize_records as summarize_records
from .records import Record as Record, Records as Records, read_records as read_records
from .synthetic_text import SENTENCES as SENTENCES, Slot as Slot, Source as Source
from .text_files import read_text as read_text
