"""How long a class takes to check: make the pages of so many learners, then time `collect` and each `check`.

    python benchmarks/homework.py                        40 pages of the hands-on's two tasks
    python benchmarks/homework.py -n 40 all              40 pages, the tasks in turn
    python benchmarks/homework.py -n 8 temperature

The pages are made with the commands of each task. Only the collecting is timed, in a process of its own, as a teacher
runs it; limit the processors with `taskset -c 0,1`. Tasks whose models are not there are left out.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from cutaway.cli import main
from cutaway.lessons import read_answer, start_task, submission
from cutaway.lessons.homework.tasks import TASKS
from cutaway.models.shipped_models import shipped

HANDS_ON = ("temperature", "two-sizes")
COLLECT = """
import sys, time
from cutaway.lessons import collect_submissions
began = time.perf_counter()
found = collect_submissions(sys.argv[1])
same = [page for page in found.pages if not any("computed again it is" in one for one in page.missing)]
print(time.perf_counter() - began, len(found.pages), len(same))
"""


def hand_in(task: str, learner: str, folder: Path, pages: Path) -> Path:
    """Do a task as its text says, without the explanation, and return its page."""
    made = start_task(task, learner, folder / f"{learner}-{task}")
    answer = read_answer(made)
    with contextlib.chdir(made):
        for command in answer.task.files(answer.given).values():
            for part in command.split(" && "):
                with contextlib.suppress(SystemExit):
                    main([*shlex.split(part)[1:], "-q"])
    return submission(read_answer(made)).save(pages / f"{learner}-{task}.html")


def timed(pages: Path) -> tuple[float, int, int]:
    """Return the seconds that collecting takes in a process of its own, the pages, and those with the same numbers."""
    done = subprocess.run([sys.executable, "-c", COLLECT, str(pages)], capture_output=True, text=True, check=True)
    seconds, count, same = done.stdout.split()
    return float(seconds), int(count), int(same)


def run() -> None:
    """Make the pages, time the collecting, and print what was found as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="*", default=list(HANDS_ON))
    parser.add_argument("-n", "--learners", type=int, default=40)
    asked = parser.parse_args()
    names = list(TASKS) if asked.tasks == ["all"] else asked.tasks
    absent = {name for name in names if any(shipped(model) is None for model in TASKS[name].models)}
    print(f"left out, because their models are not there: {', '.join(sorted(absent)) or 'none'}", file=sys.stderr)
    tasks = [name for name in names if name not in absent]
    with tempfile.TemporaryDirectory() as place:
        pages, checks = Path(place, "pages"), dict[str, float]()
        pages.mkdir()
        for number, task in zip(range(asked.learners), itertools.cycle(tasks), strict=False):
            page = hand_in(task, f"learner{number}", Path(place), pages)
            if task not in checks:
                alone = Path(place, f"alone-{task}")
                alone.mkdir()
                (alone / page.name).write_bytes(page.read_bytes())
                checks[task] = timed(alone)[0]
        seconds, count, same = timed(pages)
    found = {"pages": count, "with the same numbers": same, "seconds": round(seconds, 1),
             "seconds of a check alone": {task: round(value, 1) for task, value in checks.items()}}  # fmt: skip
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    run()
