"""Homework: a right answer to each task passes; wrong ones fail with a message that helps; pages and classes."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import pytest

from cutaway.errors import InputError
from cutaway.lessons import check_answer, collect_submissions, list_tasks, read_answer, start_task, submission
from cutaway.lessons.homework.checking import sharing
from cutaway.lessons.homework.submission import hash_of, read_submission
from cutaway.lessons.homework.tasks import TASKS, temperature
from cutaway.saved_results import load_result
from tests.unit.commands import run
from tests.unit.homework_class import (
    edit,
    fill_in,
    random_gpt2,
    run_commands,
    sentence,
    ship,
    true_choices,
)

ADA, BEN = "Ada Lovelace", "Ben"
EVERY = list(TASKS)
WITH_FILES = [name for name, task in TASKS.items() if task.files(task.given(0))]


NUMBER = re.compile(r"(?<=[\[ ])-?\d+(?:\.\d+)?(?=[,\]}])")  # in JSON


def result_file(folder: Path, name: str) -> Path:
    """Return the file with the numbers; a model's folder has its score."""
    return folder / name / "score.json" if (folder / name).is_dir() else folder / name


@pytest.fixture(scope="session")
def shipped(tmp_path_factory, tiny_bert_classifier):
    folder = tmp_path_factory.mktemp("package") / "shipped"
    folder.mkdir()
    made = tmp_path_factory.mktemp("made")
    ship(folder, "shakespeare-nano", random_gpt2(made / "nano", 2, 2, 0))
    ship(folder, "shakespeare-micro", random_gpt2(made / "micro", 3, 4, 1))
    ship(folder, "movie-sentiment", tiny_bert_classifier, "classifier")
    return folder


@pytest.fixture(autouse=True)
def _models(shipped, monkeypatch):
    monkeypatch.setattr("cutaway.models.shipped_models.FOLDER", shipped)


_DONE: dict[tuple[str, str], Path] = {}


def done(task: str, name: str, tmp_path_factory, about: str = "sea") -> Path:
    """Return a copy of the folder of a right answer; each is made once."""
    if (task, name) not in _DONE:
        folder = start_task(task, name, tmp_path_factory.mktemp("right") / task)
        run_commands(folder, read_answer(folder))
        fill_in(folder, about)
        _DONE[task, name] = folder
    return Path(shutil.copytree(_DONE[task, name], tmp_path_factory.mktemp("answer") / task))


@pytest.fixture
def answered(tmp_path_factory):
    return lambda task, name=ADA, about="sea": done(task, name, tmp_path_factory, about)


ONCE = sharing()  # as in a class: what many tests compute again is computed once


def failures(folder: Path, **options) -> dict[str, str]:
    """Return what is not met yet, by requirement, and what is said of it."""
    found = check_answer(read_answer(folder), once=ONCE, **options)
    missing = {one.name: one.said for one in found.requirements if not one.passed}
    assert found.passed is not bool(missing)
    return missing


@pytest.mark.parametrize("task", EVERY)
def test_a_right_answer_passes(answered, task):
    assert failures(answered(task)) == {}


@pytest.mark.parametrize("task", EVERY)
def test_an_empty_answer_fails_and_is_told_what_to_do(tmp_path, task):
    missing = failures(start_task(task, ADA, tmp_path / "new"))
    for name, command in TASKS[task].files(read_answer(tmp_path / "new").given).items():
        assert missing[name] == f"it is missing. Run: {command}"
    assert missing["explanation"].startswith("it is empty. Explain in explain.md")
    told = " ".join(missing)
    assert all(one.key in told for one in (*TASKS[task].choices, *TASKS[task].numbers))


@pytest.mark.parametrize("task", EVERY)
def test_an_answer_copied_from_another_learner_fails(answered, task):
    """All of Ada's folder under Ben's name; and Ada's files in Ben's own folder."""
    folder = answered(task)
    edit(folder, name=BEN)
    missing = failures(folder)
    assert missing == {"your own variant": missing["your own variant"]}
    assert (
        "was not made for Ben" in missing["your own variant"] and "under your own name" in missing["your own variant"]
    )

    theirs = start_task(task, BEN, folder.parent / "bens")
    for path in folder.iterdir():
        if path.is_dir():
            shutil.copytree(path, theirs / path.name)
        elif path.name not in ("answer.json", "task.md"):
            shutil.copy(path, theirs / path.name)
    ours = json.loads((folder / "answer.json").read_text(encoding="utf-8"))
    edit(theirs, choices=ours["choices"], numbers=ours["numbers"])
    missing = failures(theirs)
    files = TASKS[task].files(read_answer(theirs).given)
    assert set(missing) & {*files, *ours["numbers"]}, missing


@pytest.mark.parametrize("task", [name for name, one in TASKS.items() if one.numbers])
def test_made_up_numbers_fail(answered, task):
    folder = answered(task)
    numbers = json.loads((folder / "answer.json").read_text(encoding="utf-8"))["numbers"]
    for key, value in numbers.items():
        edit(folder, numbers=numbers | {key: 1.1 * value + 0.1})
        missing = failures(folder)
        assert re.match(r"[-\d.e+]+ is not right\. .+", missing[key]), missing


@pytest.mark.parametrize("value", ["text", float("nan"), float("inf"), True, [1], 10**400])
def test_what_is_not_a_number_is_told_so(answered, value):
    folder = answered("one-head")
    numbers = json.loads((folder / "answer.json").read_text(encoding="utf-8"))["numbers"]
    for key in numbers:
        edit(folder, numbers=numbers | {key: str(numbers[key]) if value == "text" else value})
        said = failures(folder)[key]
        assert said.startswith("there is no number yet. ") and "without quotation marks" in said


@pytest.mark.parametrize("task", WITH_FILES)
def test_results_that_were_made_up_fail(answered, task):
    """Each number of each record, one after the other, a tenth off: none is taken on trust."""
    folder = answered(task)
    for name in read_answer(folder).records:
        path = result_file(folder, name)
        text = path.read_text(encoding="utf-8")
        numbers = [one for one in NUMBER.finditer(text) if not text[: one.start()].endswith('"self_bleu": ')]
        assert len(numbers) > 3
        for match in numbers[:: len(numbers) // 3]:
            changed = f"{1.1 * float(match[0]) + 0.1}"
            path.write_text(f"{text[: match.start()]}{changed}{text[match.end() :]}", encoding="utf-8")
            assert failures(folder)[name]
        path.write_text(text, encoding="utf-8")
    assert failures(folder) == {}


@pytest.mark.parametrize("task", EVERY)
def test_an_answer_that_is_not_explained_fails(answered, task):
    folder = answered(task)
    for prose in ("", "It is what it is."):
        (folder / "explain.md").write_text(prose, encoding="utf-8")
        assert "Explain in explain.md what you found and why" in failures(folder)["explanation"]
    (folder / "explain.md").write_text("I looked at it for a long time and then wrote words. " * 20, encoding="utf-8")
    missing = failures(folder)
    if TASKS[task].quotes:
        assert missing["your own numbers"].startswith(f"quote at least {TASKS[task].quotes} numbers of your results")
    for one in TASKS[task].choices:
        if one.direction is not None and f"{one.key}, explained" in missing:
            assert "say in one plain sentence which way it goes, for example: “" in missing[f"{one.key}, explained"]


@pytest.mark.parametrize("task", EVERY)
def test_numbers_of_the_question_do_not_count_as_quoted(answered, task):
    folder = answered(task)
    prose = (folder / "explain.md").read_text(encoding="utf-8")
    (folder / "explain.md").write_text(re.sub(r"\d+\.?\d*", "9876.54321", prose), encoding="utf-8")
    if TASKS[task].quotes:
        assert "It quotes none" in failures(folder)["your own numbers"]


@pytest.mark.parametrize("task", EVERY)
def test_the_wrong_sign_fails_in_the_choice_and_in_the_explanation(answered, task):
    folder = answered(task)
    answer = read_answer(folder)
    records = {name: found for name, found in answer.records.items() if found is not None}
    right = true_choices(answer)
    prose = (folder / "explain.md").read_text(encoding="utf-8")
    for one in answer.task.choices:
        allowed = one.truth(answer.given, records)
        wrong = next((choice for choice in one.choices if choice not in allowed), None)
        if wrong is None:
            continue
        edit(folder, choices=right | {one.key: wrong})
        assert f"{wrong} is not what your own results show" in failures(folder)[one.key]
        edit(folder, choices=right | {one.key: "maybe"})
        assert "'maybe' is none of the choices" in failures(folder)[one.key]
        edit(folder, choices=right)
        if one.direction is None or 0 in {one.direction.says[choice] for choice in allowed}:
            continue
        opposite = next(c for c, sign in one.direction.says.items() if sign == -one.direction.says[allowed[0]])
        turned = prose.replace(sentence(one, right[one.key]), sentence(one, opposite))
        assert turned != prose
        (folder / "explain.md").write_text(turned, encoding="utf-8")
        said = failures(folder)[f"{one.key}, explained"]
        assert said.startswith("this says the opposite of what your results show: “"), said
        (folder / "explain.md").write_text(prose, encoding="utf-8")


@pytest.mark.parametrize("task", WITH_FILES)
def test_files_that_are_not_what_the_command_writes(answered, task):
    folder = answered(task)
    for name, command in TASKS[task].files(read_answer(folder).given).items():
        path = result_file(folder, name)
        right = path.read_text(encoding="utf-8")
        for text in ("", "{", "nonsense", "[1, 2]", "{}", '{"schema": "cutaway.tokens/1"}', "[" * 100_000,
                     right[: len(right) // 2]):  # fmt: skip
            path.write_text(text, encoding="utf-8")
            assert command in failures(folder)[name], text[:40]
        strange = {"model": [3], "heads": None, "tokens": 3, "text": [], "prompt": {}, "settings": 1, "metrics": "x"}
        schema = json.loads(right.splitlines()[0])["schema"]
        for text in (NUMBER.sub("NaN", right), json.dumps({"schema": schema} | strange)):
            path.write_text(text, encoding="utf-8")
            assert failures(folder)[name]
        path.write_bytes(b"\xff\xfe\x00")
        assert failures(folder)[name]
        path.write_text(right, encoding="utf-8")


def test_the_files_of_another_task(answered):
    folder = answered("two-sizes")
    shutil.copy(answered("temperature") / "runs.jsonl", folder / "small.json")
    assert "cutaway heads" in failures(folder)["small.json"]


def test_the_answer_of_another_task(answered):
    folder = answered("two-sizes")
    edit(folder, task="temperature")
    assert "was not made for Ada Lovelace" in failures(folder)["your own variant"]


def test_too_few_combinations(answered):
    folder = answered("temperature")
    runs = [json.loads(line) for line in (folder / "runs.jsonl").read_text(encoding="utf-8").splitlines()]
    few = [run for run in runs if run["model"] == "shakespeare-nano" and run["settings"]["temperature"] in (0, 0.7, 1)]
    (folder / "runs.jsonl").write_text("".join(f"{json.dumps(run)}\n" for run in few), encoding="utf-8")
    said = failures(folder)["runs.jsonl"]
    assert said.startswith("it has 3 of at least 4 combinations of settings and models. Give more values")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"prompt": "Mine"}, "'Mine' is not one of your prompts. Sweep your own prompts.txt"),
        ({"model": "my-model"}, "nobody else has the model 'my-model'. Use shakespeare-nano"),
        ({"tier": "near"}, "the runs are of tier 'near'. Give --tier exact"),
        ({"sample": 9}, "the runs are too many or too long to be checked. Give --max-new-tokens"),
        ({"metrics": {}}, "a measure of a run is missing or is not a number. Don't edit the file"),
        ({"settings": None}, "it is not a result of this command (TypeError)"),
    ],
)
def test_runs_that_do_not_fit_the_task(answered, change, said):
    folder = answered("temperature")
    runs = [json.loads(line) for line in (folder / "runs.jsonl").read_text(encoding="utf-8").splitlines()]
    runs[-1] |= change
    (folder / "runs.jsonl").write_text("".join(f"{json.dumps(run)}\n" for run in runs), encoding="utf-8")
    assert failures(folder)["runs.jsonl"].startswith(said)


def test_a_run_that_a_processor_rounded_otherwise_is_no_mistake_but_two_of_them_are(answered):
    folder = answered("temperature")
    runs = [json.loads(line) for line in (folder / "runs.jsonl").read_text(encoding="utf-8").splitlines()]
    hot = [run for run in runs if run["settings"]["temperature"] == 1.5]
    for number, stray in enumerate(hot[:6], 1):
        stray["token_ids"] = [*stray["token_ids"][:4], 5, *stray["token_ids"][5:]]
        stray["completion"] = f"{stray['completion'][:4]}{number}{stray['completion'][5:]}"
        stray["metrics"] |= temperature._of_the_text(stray)
        (folder / "runs.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in runs), encoding="utf-8")
        missing = failures(folder)
        assert bool(missing) == (number > len(runs) // 16), (number, len(runs), missing)


def test_the_measures_of_every_run_are_those_of_its_text(answered):
    """Of a run that went another way, too, and of one that is not written again."""
    folder = answered("temperature")
    lines = (folder / "runs.jsonl").read_text(encoding="utf-8").splitlines()
    runs = [json.loads(line) for line in lines]
    stray = next(run for run in runs if run["settings"]["temperature"] == 1.5)
    stray["token_ids"] = [*stray["token_ids"][:4], 5, *stray["token_ids"][5:]]
    stray["completion"] = f"{stray['completion'][:4]}y{stray['completion'][5:]}"
    stray["metrics"] |= temperature._of_the_text(stray) | {"dictionary_words": 0.123}
    (folder / "runs.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in runs), encoding="utf-8")
    assert failures(folder)["runs.jsonl"].startswith("dictionary_words is 0.123, computed again it is")


def test_the_variant_is_one_a_learner_one_a_task_and_one_a_key(tmp_path):
    def made(name: str, number: int, **options) -> dict:
        return read_answer(start_task("two-sizes", name, tmp_path / str(number), **options)).given

    assert made(ADA, 1) == made("  ada   LOVELACE ", 2)
    others = [made(name, 3 + i)["text"] for i, name in enumerate(("Ben", "Cy", "Dee", "Eve", "Flo", "Gus", "Hal"))]
    assert len(set(others)) > 4
    assert made(ADA, 20, course="k3y-of-us") != made(ADA, 1 + 20)


def test_a_course_with_a_key(tmp_path, answered):
    folder = start_task("two-sizes", ADA, tmp_path / "keyed", course="k3y-of-us")
    assert "k3y-of-us" not in "".join(path.read_text(encoding="utf-8") for path in folder.iterdir())
    run_commands(folder, read_answer(folder))
    fill_in(folder)
    assert failures(folder) == {} and failures(folder, course="k3y-of-us") == {}
    found = check_answer(read_answer(folder))
    assert "the teacher checks this" in found.requirements[0].said
    assert "another course's key" in failures(folder, course="other")["your own variant"]
    edit(folder, name=BEN)
    assert "was not made for Ben" in failures(folder, course="k3y-of-us")["your own variant"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "there is no answer.json"),
        ("", "is not JSON"),
        ("[]", "is not the answer of a homework"),
        ('{"schema": "cutaway.answer/1", "task": "none"}', "there is no task 'none'"),
        ('{"schema": "cutaway.answer/1", "task": "two-sizes", "variant": 3}', "the variant in"),
        ("[" * 100_000, "is not JSON"),
    ],
)
def test_a_damaged_answer_file(tmp_path, content, said):
    if content is not None:
        (tmp_path / "answer.json").write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_answer(tmp_path)
    assert said in caught.value.message and caught.value.hint


@pytest.mark.parametrize("name", ["", "  ", "\n", "a\x00b", "\ud800"])
def test_a_name_that_is_none(tmp_path, name):
    with pytest.raises(InputError, match="the learner's name is"):
        start_task("two-sizes", name, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_the_page_gives_the_answer_back_and_shows_an_edit(answered, tmp_path):
    folder = answered("two-sizes")
    whole = submission(read_answer(folder))
    assert whole.passed and whole.hash == hash_of(whole.to_dict()) and set(whole.models) == {*TASKS["two-sizes"].models}
    page = whole.save(tmp_path / "ada.html")
    received = read_submission(page)
    assert received.untouched and check_answer(received.answer).passed
    assert received.answer == read_answer(folder)
    page.write_text(page.read_text(encoding="utf-8").replace("sea", "sun"), encoding="utf-8")
    assert not read_submission(page).untouched


def test_what_a_page_proves_is_said_in_the_task_the_page_and_by_submit(answered, tmp_path, capsys):
    folder = answered("two-sizes")
    code, out, err = run(capsys, "homework", "submit", folder, "-o", tmp_path / "ada.html")
    assert code == 0 and out == ""
    said = "It does not show who did the work: the page comes from the learner's machine"
    page = (tmp_path / "ada.html").read_text(encoding="utf-8").replace("\\u0027", "'")
    for text in (err, (folder / "task.md").read_text(encoding="utf-8"), page):
        assert said in text


def spoil(page: Path, content: str | bytes) -> None:
    page.write_bytes(content if isinstance(content, bytes) else content.encode())


def test_a_class_is_collected(answered, tmp_path, capsys):
    pages = tmp_path / "pages"
    pages.mkdir()

    def hand_in(folder: Path, name: str) -> Path:
        return submission(read_answer(folder)).save(pages / f"{name}.html")

    ada = hand_in(answered("two-sizes"), "ada")
    hand_in(answered("temperature", BEN, "moon"), "ben")
    shutil.copy(ada, pages / "ada-again.html")
    empty = start_task("two-sizes", "Cy", tmp_path / "cy")
    hand_in(empty, "cy")
    thief = answered("two-sizes")
    edit(thief, name="Dee")
    hand_in(thief, "dee")
    text = ada.read_text(encoding="utf-8")
    spoil(pages / "edited.html", text.replace('"passed":true', '"passed":false', 1).replace("I believe", "I know"))
    spoil(pages / "cut.html", text[: text.index('"prose":')])
    spoil(pages / "other.html", "<h1>hello</h1><script>alert(1)</script>")
    spoil(pages / "binary.html", b"\xff\x00")
    spoil(pages / "none.html", "")

    found = {page.file: page for page in collect_submissions(pages).pages}
    assert list(found) == sorted(found) and len(found) == 10
    assert [name for name, page in found.items() if page.passed] == [
        "ada-again.html",
        "ada.html",
        "ben.html",
        "edited.html",
    ]
    assert found["ada.html"].remarks == ["the same name and task are in ada-again.html, edited.html"]
    assert found["ben.html"].remarks == [] and found["ben.html"].alike == []
    assert "the page was changed after it was made" in found["edited.html"].remarks[0]
    assert "the page itself says not passed" in found["edited.html"].remarks
    assert "was not made for Dee" in found["dee.html"].missing[0]
    assert any("Ada Lovelace (ada.html): 100%" in other for other in found["dee.html"].alike)
    assert any(said.startswith("small.json: it is missing") for said in found["cy.html"].missing)
    for name in ("cut.html", "other.html", "binary.html", "none.html"):
        assert not found[name].passed and name in found[name].missing[0]

    code, out, _ = run(capsys, "homework", "collect", pages, "-o", tmp_path / "class.csv", "-q")
    rows = list(csv.DictReader((tmp_path / "class.csv").open(encoding="utf-8")))
    assert code == 0 and [row["file"] for row in rows] == sorted(found)
    code, out, _ = run(capsys, "homework", "collect", pages, "--course", "other", "--json")
    assert code == 0 and json.loads(out)["passed"] == 0


def test_a_table_runs_no_formula_of_a_learner(answered, tmp_path):
    folder = start_task("two-sizes", '=HYPERLINK("x")', tmp_path / "formula")
    (tmp_path / "pages").mkdir()
    submission(read_answer(folder)).save(tmp_path / "pages" / "a.html")
    [row] = collect_submissions(tmp_path / "pages").rows()
    assert row["name"] == '\'=HYPERLINK("x")'


def test_no_page_to_collect(tmp_path, capsys):
    for folder, said in ((tmp_path, "there is no page (.html) in"), (tmp_path / "nowhere", "there is no folder")):
        code, _, err = run(capsys, "homework", "collect", folder)
        assert code == 2 and said in err


def test_equal_computations_of_a_class_are_done_once(answered, tmp_path, monkeypatch):
    from cutaway.inside import head_roles

    calls, original = [], head_roles.heads

    def counting(*arguments, **named):
        calls.append(arguments)
        return original(*arguments, **named)

    counting.__module__, counting.__qualname__ = original.__module__, original.__qualname__
    monkeypatch.setattr(head_roles, "heads", counting)
    page = submission(read_answer(answered("two-sizes"))).save(tmp_path / "0.html")
    for number in range(1, 5):
        shutil.copy(page, tmp_path / f"{number}.html")
    calls.clear()
    assert collect_submissions(tmp_path).passed == 5 and len(calls) == 2


def test_the_commands(tmp_path, capsys, monkeypatch, answered):
    monkeypatch.chdir(tmp_path)
    code, out, _ = run(capsys, "homework", "list", "--json")
    assert code == 0 and [one["name"] for one in json.loads(out)["tasks"]] == EVERY
    assert [one.name for one in list_tasks().tasks] == EVERY
    code, out, err = run(capsys, "homework", "start", "two-sizes", "--name", ADA)
    assert (code, out.strip()) == (0, "two-sizes") and "cutaway homework check two-sizes" in err
    assert run(capsys, "homework", "start", "two-sizes", "--name", ADA)[0] == 2  # it is there
    code, out, _ = run(capsys, "homework", "check", "two-sizes")
    assert code == 1 and "not yet  small.json: it is missing" in out and "passed   your own variant" in out
    code, _, err = run(capsys, "homework", "submit", "two-sizes")
    assert code == 1 and Path("two-sizes-ada-lovelace.html").is_file() and "not met: 4 of 5" in err
    code, _, err = run(capsys, "homework", "submit", "two-sizes")
    assert code == 2 and "is there already" in err
    code, out, err = run(capsys, "homework", "start", "three-sizes", "--name", ADA)
    assert code == 2 and "there is no task 'three-sizes'" in err and "two-sizes" in err
    folder = answered("two-sizes")
    code, out, _ = run(capsys, "homework", "check", folder)
    assert code == 0 and "not yet" not in out and "A teacher reads the explanation." in out
    for suffix in ("html", "json", "csv"):
        assert run(capsys, "homework", "check", folder, "-o", f"x.{suffix}", "-q")[0] == 0
    code, _, err = run(capsys, "homework", "submit", folder, "-o", "x.pdf")
    assert code == 2 and "end it in .html" in err


def test_prose_of_a_learner_is_never_markup(answered, tmp_path):
    folder = answered("two-sizes")
    evil = "</script><img src=x onerror=alert(1)><b>bold</b> \u202e "
    with (folder / "explain.md").open("a", encoding="utf-8") as file:
        file.write(evil)
    page = submission(read_answer(folder)).save(tmp_path / "a.html").read_text(encoding="utf-8")
    assert "<img" not in page and "</script><" not in page and "<b>bold" not in page


def test_the_results_come_back_from_their_files(answered, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = read_answer(answered("two-sizes"))
    handed_in = submission(answer)
    (tmp_path / "pages").mkdir()
    handed_in.save(tmp_path / "pages" / "ada.html")
    for result in (list_tasks(), check_answer(answer), handed_in, collect_submissions(tmp_path / "pages")):
        assert load_result(result.save("x.json")) == result


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"config.json": '{"model_type": "gpt2", "n_layer": 900}'}, "the configuration is not that of a small model"),
        ({"config.json": '{"model_type": "gpt2", "vocab_size": 1e12}'}, "the configuration is not that of a small"),
        ({"config.json": '{"auto_map": {"AutoModel": "x.Y"}}'}, "the configuration is not that of a small model"),
        ({"config.json": "{"}, "the model has no configuration"),
        ({"model.safetensors": "no weights"}, ""),
        ({"model.safetensors": "x" * 1_100_000}, "the model is larger than 1 MB; train a smaller one"),
    ],
)
def test_a_folder_that_is_not_a_small_model(answered, change, said):
    folder = answered("own-model")
    for name, text in change.items():
        (folder / "late" / name).write_text(text, encoding="utf-8")
    assert failures(folder)["late"].startswith(said)


def test_code_in_a_folder_is_left_behind(answered):
    folder = answered("own-model")
    (folder / "late" / "evil.py").write_text("raise SystemExit", encoding="utf-8")
    [record] = read_answer(folder).records["late"]
    assert {*record["files"]} <= {"config.json", "generation_config.json", "model.safetensors", "tokenizer.json",
                                  "tokenizer_config.json"}  # fmt: skip


def test_a_model_that_has_not_learned_is_told_so(answered):
    folder = answered("own-model")
    shutil.rmtree(folder / "late")
    shutil.copytree(folder / "early", folder / "late")
    assert "bits per character, and 2.5 or less are asked for. Train it longer" in failures(folder)["late"]
