"""The tasks, in the order of the notebooks; each is one file."""

from __future__ import annotations

from cutaway.lessons.homework.task import Task
from cutaway.lessons.homework.tasks.beams import TASK as BEAMS
from cutaway.lessons.homework.tasks.label import TASK as LABEL
from cutaway.lessons.homework.tasks.one_head import TASK as ONE_HEAD
from cutaway.lessons.homework.tasks.own_model import TASK as OWN_MODEL
from cutaway.lessons.homework.tasks.pieces import TASK as PIECES
from cutaway.lessons.homework.tasks.ranks import TASK as RANKS
from cutaway.lessons.homework.tasks.surprise import TASK as SURPRISE
from cutaway.lessons.homework.tasks.temperature import TASK as TEMPERATURE
from cutaway.lessons.homework.tasks.two_sizes import TASK as TWO_SIZES
from cutaway.lessons.homework.tasks.without_a_head import TASK as WITHOUT_A_HEAD
from cutaway.lessons.homework.tasks.your_sequences import TASK as YOUR_SEQUENCES

TASKS: dict[str, Task] = {
    task.name: task
    for task in (
        *(SURPRISE, PIECES, ONE_HEAD, WITHOUT_A_HEAD, TWO_SIZES, BEAMS, TEMPERATURE),
        *(LABEL, OWN_MODEL, YOUR_SEQUENCES, RANKS),
    )
}
