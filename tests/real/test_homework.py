"""Homework with the models that ship: a right answer passes, and the page of it collects."""

from __future__ import annotations

import pytest

from cutaway.lessons import check_answer, collect_submissions, read_answer, start_task, submission
from cutaway.lessons.homework.tasks import TASKS
from cutaway.models.shipped_models import shipped
from tests.unit.homework_class import fill_in, run_commands


@pytest.mark.parametrize("task", [name for name, one in TASKS.items() if one.models])
def test_a_right_answer_passes_and_collects(tmp_path, task):
    if absent := [model for model in TASKS[task].models if shipped(model) is None]:
        pytest.skip(f"{', '.join(absent)} is not in the package yet")
    folder = start_task(task, "Ada Lovelace", tmp_path / task)
    run_commands(folder, read_answer(folder))
    fill_in(folder)
    found = check_answer(read_answer(folder))
    assert [f"{one.name}: {one.said}" for one in found.requirements if not one.passed] == []
    submission(read_answer(folder)).save(tmp_path / "ada.html")
    assert collect_submissions(tmp_path).passed == 1
