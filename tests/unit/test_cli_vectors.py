"""embed, neighbours and map on the command line: what they print, what they refuse, what they never import."""

import json
import subprocess
import sys

import pytest

import cutaway
from cutaway.inside.corpus_maps import corpus_maps
from tests.unit.test_cli import imported_by, run

LINES = [
    "The river rose.\twater",
    "",
    "Rain fell all night.\twater",
    "The bank lends money.\tmoney",
    "Prices fell.\tmoney",
]
TEXTS = [line.split("\t")[0] for line in LINES if line]


@pytest.fixture
def records(tmp_path):
    path = tmp_path / "records.txt"
    path.write_text("\n".join(LINES) + "\n")
    return str(path)


@pytest.mark.parametrize("command", ["embed", "neighbours", "map"])
def test_help_imports_nothing_heavy(command):
    code, modules = imported_by(command, "--help")
    assert code == 0
    assert not modules & {"torch", "transformers", "numpy", "sklearn", "scipy", "rich"}


def test_importing_the_room_does_not_import_scikit_learn():
    code = "import sys, cutaway.inside; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "cutaway.inside" in done.stdout
    assert "sklearn.manifold" not in done.stdout.split()


def test_embed_json_is_the_function_and_blank_lines_are_skipped(capsys, tiny_gpt2, records):
    args = ["--layer", "1", "--pooling", "max", "--normalize", "--json", "-m", str(tiny_gpt2)]
    code, out, _ = run(capsys, "embed", "-f", records, *args)
    expected = cutaway.embed(TEXTS, str(tiny_gpt2), layer=1, pooling="max", normalize=True)
    assert code == 0
    assert json.loads(out) == expected.to_dict()
    code, out, _ = run(capsys, "embed", *TEXTS, *args)
    assert json.loads(out) == expected.to_dict()
    code, out, _ = run(capsys, "embed", "ab", "--pooling", "none", "--json", "-m", str(tiny_gpt2))
    assert json.loads(out)["tokens"] == [["a", "b"]]
    code, out, _ = run(capsys, "embed", *TEXTS, "-m", str(tiny_gpt2))
    vectors = cutaway.embed(TEXTS, str(tiny_gpt2), normalize=True).vectors
    assert f"{float(vectors[0] @ vectors[1]):.3f}" in out
    assert "layer 2 of 2, mean of the tokens" in out


def test_neighbours_json_is_the_function(capsys, tiny_gpt2, records):
    model = str(tiny_gpt2)
    _, out, _ = run(capsys, "neighbours", "a", "b", "-k", "3", "-m", model, "--json")
    assert json.loads(out) == cutaway.neighbours(["a", "b"], model, k=3).to_dict()
    _, out, _ = run(capsys, "neighbours", "A dog", "--among", records, "--layer", "1", "-m", model, "--json")
    assert json.loads(out) == cutaway.neighbours("A dog", model, among=TEXTS, layer=1).to_dict()
    asked = ["neighbours", "It fell.", "--word", "fell", "--among", records, "-m", model]
    _, out, _ = run(capsys, *asked, "--json")
    assert json.loads(out) == cutaway.neighbours("It fell.", model, among=TEXTS, word="fell").to_dict()
    _, out, _ = run(capsys, *asked)
    assert "Rain fell all night." in out


def test_a_corpus_gives_static_vectors_beside_the_models_own(capsys, tiny_gpt2, tmp_path):
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("the cat sat here\nthe dog sat there\nthe cat and the dog\n")
    asked = ["neighbours", "cat", "--corpus", str(corpus), "-m", str(tiny_gpt2)]
    code, out, _ = run(capsys, *asked, "--json")
    static, learned = map(json.loads, out.splitlines())
    assert code == 0
    assert (static["model"], learned["model"]) == ("corpus.txt", str(tiny_gpt2))
    assert [record["queries"][0]["token"] for record in (static, learned)] == ["cat", "cat"]
    assert {n["token"] for n in static["queries"][0]["neighbours"]} == {"the", "sat", "dog"}
    _, out, _ = run(capsys, *asked)
    assert "corpus.txt" in out
    assert "mean over a word's occurrences" in out
    _, out, _ = run(capsys, "map", "the cat dog sat", "--corpus", str(corpus), "-m", str(tiny_gpt2), "--json")
    assert [[p["token"] for p in json.loads(line)["points"]] for line in out.splitlines()] == [
        ["the", "cat", "dog", "sat"]
    ] * 2
    maps = corpus_maps({"": ["the", "cat", "dog", "sat"]}, corpus.read_text(), str(tiny_gpt2), name="corpus.txt")
    assert [json.loads(line) for line in out.splitlines()] == [found.to_dict() for found in maps]


def test_map_takes_groups_of_words_or_a_file_of_records(capsys, tiny_gpt2, records, tmp_path):
    model = str(tiny_gpt2)
    _, out, _ = run(capsys, "map", "low: a b c", "high: X Y", "-m", model, "--json")
    assert json.loads(out) == cutaway.embedding_map({"low": ["a", "b", "c"], "high": ["X", "Y"]}, model).to_dict()
    _, out, _ = run(capsys, "map", "-f", records, "--method", "tsne", "-m", model, "--json")
    expected = cutaway.embedding_map({"water": TEXTS[:2], "money": TEXTS[2:]}, model, kind="texts", method="tsne")
    assert json.loads(out) == expected.to_dict()
    words = tmp_path / "words.txt"
    words.write_text("low: a b c\nhigh: X Y\n")
    _, out, _ = run(capsys, "map", "-f", str(words), "--words", "-m", model)
    assert "● low   ■ high" in out
    assert "the 2 nearest on the sheet" in out


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["embed", "a", "-f", "x.txt"], "a text and a file"),
        (["embed", "a", "--layer", "9"], "no layer 9"),
        (["embed", "a", "--pooling", "cls"], "needs a classification token"),
        (["embed", "a" * 99], "99 tokens"),
        (["neighbours"], "no query"),
        (["neighbours", "abc"], "'abc' is not one token"),
        (["neighbours", "a", "--word", "a"], "no records to search"),
        (["neighbours", "a", "--among", "x", "--corpus", "y"], "--among and --corpus"),
        (["neighbours", "a", "--among", "nowhere.txt"], "there is no file 'nowhere.txt'"),
        (["neighbours", "zebra", "--corpus", "RECORDS"], "'zebra' is not one of the"),
        (["neighbours", "a", "--corpus", "RECORDS", "--pooling", "mean"], "--pooling has no effect with --corpus"),
        (["neighbours", "a", "--corpus", "RECORDS", "--truncate", "left"], "--truncate has no effect with --corpus"),
        (["neighbours", "a", "--among", "RECORDS", "--word", "a", "--pooling", "max"], "--pooling has no effect with"),
        (["neighbours", "a", "--among", "RECORDS", "--window", "2"], "--window has no effect without --corpus"),
        (["neighbours", "a", "--layer", "1"], "--layer has no effect without --among"),
        (["map", "a b c", "--corpus", "RECORDS", "--pooling", "mean"], "--pooling has no effect without records"),
        (["map", "a b c", "--truncate", "left"], "--truncate has no effect without records"),
        (["map", "-f", "RECORDS", "--min-count", "3"], "--min-count has no effect without --corpus"),
        (["map", "a b c", "--perplexity", "2"], "--perplexity has no effect without --method tsne"),
        (["map", "a b"], "a map needs at least 3 points; got 2"),
        (["map", "a b c", "-f", "x.txt"], "groups and a file"),
        (["map", "-f", "RECORDS", "--method", "tsne", "--perplexity", "4"], "perplexity is 4 for 4 points"),
    ],
)
def test_what_can_not_be_done_is_said_in_a_line(capsys, tiny_gpt2, records, args, said):
    args = [records if arg == "RECORDS" else arg for arg in args]
    code, out, err = run(capsys, *args, "-m", str(tiny_gpt2))
    assert (code, out) == (2, "")
    assert said in err
    assert "Traceback" not in err


@pytest.mark.parametrize("args", [["embed"], ["map"]])
def test_an_empty_pipe_is_no_text(tiny_gpt2, args):
    command = [sys.executable, "-m", "cutaway", *args, "-m", str(tiny_gpt2)]
    done = subprocess.run(command, input="\n\n", capture_output=True, text=True)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
