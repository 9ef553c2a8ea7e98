"""The question of a task as a Markdown file, and the names of the files in an answer's folder."""

from __future__ import annotations

from typing import Final

from cutaway.errors import counted
from cutaway.lessons.homework.task import Given, Task
from cutaway.lessons.homework.variants import PROOF

ANSWER: Final = "answer.json"
PROSE: Final = "explain.md"
QUESTION: Final = "task.md"
PLACEHOLDER: Final = "<!-- Write your explanation here, and delete this line. -->"


def question(task: Task, given: Given, learner: str) -> str:
    """Return the question for a learner: the work, the results to hand in, the questions, and how to hand in."""
    parts = [
        f"# {task.title}",
        f"For {' '.join(learner.split())}. About {task.minutes} minutes. It goes with notebook {task.notebook}.",
        task.text(given),
    ]
    if commands := task.files(given):
        said = "\n".join(commands.values())
        parts.append(f"## Results to hand in\n\nRun in this folder:\n\n```sh\n{said}\n```")
    if task.choices or task.numbers:
        asked = [f"- `{one.key}`: {one.question} One of: {', '.join(one.choices)}." for one in task.choices]
        asked += [f"- `{one.key}`: {one.question} ({one.unit or 'a number'})" for one in task.numbers]
        parts.append(f"## Questions\n\nWrite the answers into `{ANSWER}`, numbers without quotation marks:\n\n")
        parts[-1] += "\n".join(asked)
    directed = [one.direction for one in task.choices if one.direction is not None]
    quoting = f" and quote at least {counted(task.quotes, 'number')} of your results, with three digits or more"
    parts.append(
        f"## Explanation\n\nExplain in `{PROSE}`, in your own words, what you found and why. Write at least "
        f"{task.words} words"
        + (f"{quoting}." if task.quotes else ".")
        + (" Say of each effect in one plain sentence which way it goes." if directed else "")
        + " A teacher reads it."
    )
    parts.append(
        "## Check and hand in\n\n```sh\ncutaway homework check .\ncutaway homework submit . -o my-homework.html\n"
        "```\n\n"
        "The check computes your results again, and says of each requirement whether it is met. Hand in the page "
        "`my-homework.html`."
    )
    parts.append("## What the page proves\n\n" + "\n".join(f"- {sentence}" for sentence in PROOF))
    return "\n\n".join(parts) + "\n"
