from .tour import Section as Section, Tour as Tour, tour as tour
from .homework.answers import Answer as Answer, read_answer as read_answer, start_task as start_task
from .homework.checking import Checked as Checked, check_answer as check_answer
from .homework.collecting import (
    Collected as Collected,
    Collection as Collection,
    collect_submissions as collect_submissions,
)
from .homework.listing import Homework as Homework, TaskEntry as TaskEntry, list_tasks as list_tasks
from .homework.submission import Submission as Submission, submission as submission
from .homework.task import Requirement as Requirement
