"""An empty response says why it is empty; a question to a model that answers messages says how to ask it."""

import io
import json

import pytest
import torch
from rich.console import Console
from transformers import AutoModelForCausalLM, AutoTokenizer

from cutaway.generation import generate
from cutaway.models import save
from cutaway.views.terminal import generations, visible
from tests.unit.commands import run
from tests.unit.lively import lively
from tests.unit.test_progress import on_a_terminal

TEMPLATE = "{% for m in messages %}{{ m['content'] }}{% endfor %}"


@pytest.fixture
def ends_at_once(tiny_gpt2, tmp_path):
    """Return a function that makes a model for which the likeliest token after "The sea" ends a text."""

    def make(*, template=False):
        model, tokenizer = (cls.from_pretrained(tiny_gpt2) for cls in (AutoModelForCausalLM, AutoTokenizer))
        ids = tokenizer("The sea", return_tensors="pt").input_ids
        with torch.no_grad():
            hidden = model.transformer(ids).last_hidden_state[0, -1]
            model.lm_head.weight[model.config.eos_token_id] = 50 * hidden / hidden.norm()
        folder = tmp_path / "ends"
        for part in (model, tokenizer):
            part.save_pretrained(folder)
        if template:
            (folder / "chat_template.jinja").write_text(TEMPLATE)
        return folder

    return make


def test_an_empty_response_is_explained(capsys, ends_at_once):
    folder = ends_at_once()
    code, out, err = run(capsys, "generate", "The sea", "-m", folder, "--json")
    record = json.loads(out)
    assert code == 0 and record["finish_reason"] == "eos" and len(record["token_ids"]) == 1
    assert "the response is empty: the first token was" in err and record["tokens"][0] in err
    assert "--min-new-tokens" in err and "--chat" not in err
    code, out, err = run(capsys, "generate", "The sea", "-m", folder, "--json", "--min-new-tokens", 3)
    assert code == 0 and len(json.loads(out)["token_ids"]) >= 3 and "empty" not in err
    assert "empty" not in run(capsys, "generate", "The sea", "-m", folder, "-q")[2]


def test_a_model_with_a_chat_template_gets_the_advice_to_use_chat(capsys, ends_at_once):
    folder = ends_at_once(template=True)
    code, _, err = run(capsys, "generate", "The sea", "-m", folder, "--json")
    assert code == 0 and err.count("--chat") == 1 and "is empty" in err
    code, _, err = run(capsys, "generate", "The sea", "-m", folder, "--json", "--chat")
    assert code == 0 and "--chat" not in err and "--min-new-tokens" in err


def test_a_question_that_is_continued(capsys, ends_at_once, tiny_gpt2, tmp_path):
    (tmp_path / "two.txt").write_text("What is a codon?\nA codon is\n")
    folder = ends_at_once(template=True)
    code, _, err = run(capsys, "generate", "-f", tmp_path / "two.txt", "-m", folder, "--max-new-tokens", 4, "--json",
                       "--min-new-tokens", 4)  # fmt: skip
    assert code == 0 and err.count("--chat") == 1 and "a question was continued" in err
    for arguments in (["A codon is", "-m", folder, "--min-new-tokens", 4], ["What is a codon?", "-m", tiny_gpt2]):
        code, _, err = run(capsys, "generate", *arguments, "--max-new-tokens", 4, "--json")
        assert code == 0 and "--chat" not in err


def test_an_answer_in_a_chat_is_printed_apart_from_its_prompt(capsys, ends_at_once, monkeypatch):
    folder = ends_at_once(template=True)
    args = ["generate", "The sea", "-m", folder, "--min-new-tokens", 4, "--max-new-tokens", 4]
    [answer] = [json.loads(run(capsys, *args, "--json", "--chat")[1])["completion"]]
    several = run(capsys, *args, "--chat", "-n", 2)[1]
    assert several.splitlines().count("The sea") == 2
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    shown = run(capsys, *args, "--chat")[1]
    assert "The sea" not in shown and visible(answer).strip("\n") == shown.strip("\n")
    assert "The sea" in run(capsys, *args)[1]  # a text that is continued stands behind its beginning


def test_the_answer_of_an_encoder_decoder_stands_alone(tmp_path):
    model = lively("t5")
    letters = "".join(chr(0x100 + i) for i in (7, 9, 11))
    two = generate([letters, letters[::-1]], model, max_new_tokens=4)
    assert not any(result.continues for result in two) and all(result.completion for result in two)
    drawn = io.StringIO()
    Console(file=drawn).print(generations(two))
    assert f"{visible(letters)}\n{visible(two[0].completion)}" in drawn.getvalue()
    save(model, tmp_path / "t5")
    arguments = ["generate", letters, "-m", str(tmp_path / "t5"), "--max-new-tokens", "4"]
    seen = on_a_terminal(f"from cutaway.cli import main; main({arguments!r})")
    assert visible(two[0].completion) in seen and letters not in seen
