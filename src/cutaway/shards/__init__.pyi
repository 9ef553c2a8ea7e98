from .labels import Labels as Labels
from .opened import Shards as Shards, open_shards as open_shards
from .permutation import Permutation as Permutation
from .preparing import prepare_shards as prepare_shards
from .record_rows import RecordRows as RecordRows, Row as Row
