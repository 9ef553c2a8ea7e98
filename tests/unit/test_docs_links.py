"""Links, anchors, figures and commands of README, docs, CONTRIBUTING and notebooks exist; every page is in the nav."""

import functools
import importlib
import importlib.util
import re
import tomllib
from collections import Counter
from pathlib import Path

import click
import pytest

import cutaway
from cutaway.cli import cli

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.py"))
FIGURES = {".png", ".svg", ".jpg", ".webp"}
HISTORY = {"LOG.md"}  # says what was done with the options of its time
# Where a shell would start the command: at the beginning, after another one, or by a launcher.
CALL = re.compile(r"(?:^\s*(?:\$ |! ?)?|[|&;(]\s*)(?:\w+=\S+ |(?:srun|timeout|mpiexec)(?: [-\w]+)*? )*cutaway (?=\S)")
FENCE = re.compile(r"^([ \t]*)```(\w*)\n(.*?)^[ \t]*```", re.DOTALL | re.MULTILINE)


@functools.cache
def text_of(page):
    """Return a page as Markdown; of a notebook its text cells and what it gives to the shell."""
    text = page.read_text(encoding="utf-8")
    if page.suffix == ".md":
        return text
    cells = re.split(r"^# %%(.*)\n", text, flags=re.MULTILINE)[1:]
    parts = []
    for head, body in zip(cells[::2], cells[1::2], strict=True):
        if "markdown" in head:
            parts.append(re.sub(r"^# ?", "", body, flags=re.MULTILINE))
        else:
            lines = re.findall(r"^(?:# )?!(.*)$", body, re.MULTILINE)
            parts.append("```sh\n" + "".join(f"{line}\n" for line in lines) + "```\n")
    return "\n".join(parts)


def ids(pages):
    return [str(page.relative_to(ROOT)) for page in pages]


@functools.cache
def prose(text):
    """Return a page without its code blocks and without comments."""
    return re.sub(r"<!--.*?-->", "", FENCE.sub("", text), flags=re.DOTALL)


@functools.cache
def anchors(text):
    """Return the anchors of a page's headings, as forges make them."""
    found, seen = set(), Counter()
    for heading in re.findall(r"^#{1,6} (.+?)\s*#*$", prose(text), re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def links(text):
    """Return the targets of links and images."""
    plain = re.sub(r"`[^`\n]*`", "", prose(text))
    markdown = re.findall(r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)", plain)
    return markdown + re.findall(r"<(?:img|a|source)\b[^>]*?(?:src|srcset|href)=\"([^\"\s]+)\"", plain)


def test_links_and_anchors_are_found_in_a_page_that_has_them():
    text = (
        '# A `b` (c)\n\n## A [b](x.md) c\n\n[d `e`](f.md#g)\n![h](i.png) <img alt="" src="j.png">\n```sh\n[k](l)\n```\n'
    )
    assert anchors(text) == {"a-b-c", "a-b-c-1"}
    assert links(text) == ["x.md", "f.md#g", "i.png", "j.png"]


@pytest.mark.parametrize("page", PAGES + NOTEBOOKS, ids=ids(PAGES + NOTEBOOKS))
def test_relative_links_and_their_anchors_exist(page):
    for link in links(text_of(page)):
        if re.match(r"[a-z]+:", link):
            assert re.match(r"(https?|mailto):", link), link
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists() and target.is_relative_to(ROOT), link
        if DOCS in page.parents:  # or the link is dead on the site
            assert DOCS in target.parents, f"{link} leaves docs/"
        if anchor:
            assert anchor in anchors(text_of(target)), link


def test_every_figure_is_used_and_small():
    used = {
        (page.parent / link).resolve()
        for page in PAGES
        for link in links(text_of(page))
        if Path(link).suffix in FIGURES
    }
    there = {path for path in DOCS.rglob("*") if path.suffix in FIGURES}
    assert there <= used, "not used: " + ", ".join(sorted(path.name for path in there - used))
    assert [path.name for path in there if path.stat().st_size > 150_000] == []


def test_every_page_is_in_the_nav_once():
    def pages_of(entries):
        for entry in entries:
            for value in entry.values() if isinstance(entry, dict) else [entry]:
                yield from [value] if isinstance(value, str) else pages_of(value)

    nav = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]["nav"]
    assert sorted(pages_of(nav)) == sorted(str(page.relative_to(DOCS)) for page in DOCS.rglob("*.md"))


def command_lines(text):
    """Return every command line of cutaway in a page's code: in blocks, and within a line of text."""
    blocks = [body for _, language, body in FENCE.findall(text) if language in ("sh", "console", "text", "bash", "")]
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    lines += [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", prose(text))]
    lines += [inner for line in lines for inner in re.findall(r"\$\((.*?)\)", line)]
    found = []
    for line in lines:
        plain = re.sub(r"\$\(.*?\)", "X", re.sub(r"(^|\s)#\s.*", "", line))
        for start in CALL.finditer(plain):
            words = re.split(r"\s[|&>;]|\)", plain[start.end() :])[0].split()
            if words and re.match(r"[a-z-]", words[0]):
                found.append(words)
    return found


def wrong_words(words):
    """Return what of a command line does not exist: its command, or options."""
    command, rest = cli, list(words)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        names = rest[0].strip("\"'.,:").split("/" if "/" in rest[0] else "|")
        inner = [command.get_command(None, name) for name in names if name.islower()]
        if None in inner:
            return [rest[0]]
        if len(inner) != 1:  # `cutaway models list|get`, or a word that stands for a command
            return []
        command, rest = inner[0], rest[1:]
    known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)} | {"-h", "--help"}
    options = [word.partition("=")[0].rstrip(".,:)]") for word in rest if re.match(r"(--[a-z]|-[a-zA-Z]$)", word)]
    return [option for option in options if option not in known]


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("train a.fa --alphabet dna -o x", []), ("trian a.fa", ["trian"]), ("train --alpabet dna", ["--alpabet"]),
        ("tokenizer train a --kind bpe", []), ("tokenizer train a --steps 5", ["--steps"]), ("models list|get", []),
        ("models list|gte", ["list|gte"]), ("--help", []), ("generate a -x", ["-x"]), ("data get lambda", []),
    ],
)  # fmt: skip
def test_what_does_not_exist_is_found(line, wrong):
    assert wrong_words(line.split()) == wrong


def test_command_lines_are_found_wherever_they_stand():
    text = """Say `cutaway doctor`, not `pip install cutaway it`.
```console
$ cutaway forecast "$(cutaway data get lambda)/a.csv" --horizon 3 -o a.html   # cutaway itself
$ A=b cutaway models get x && cutaway models list | head
$ pip install cutaway jupyterlab
mpiexec -n 8 --ppn 4 cutaway train a.fa -o run
```
"""
    assert [" ".join(words[:2]) for words in command_lines(text)] == [
        "forecast \"X/a.csv\"", "models get", "models list", "train a.fa", "doctor", "data get"
    ]  # fmt: skip


def _checked(pages):
    return [page for page in pages if page.name not in HISTORY and page.parent.name != "reference"]


@pytest.mark.parametrize("page", _checked(PAGES + NOTEBOOKS), ids=ids(_checked(PAGES + NOTEBOOKS)))
def test_commands_and_names_of_a_page_exist(page):
    text = text_of(page)
    wrong = {" ".join(words): found for words in command_lines(text) if (found := wrong_words(words))}
    assert wrong == {}
    named = re.findall(r"`cutaway\.(\w+)[^`/]*`", prose(text))
    modules = {name for name in named if importlib.util.find_spec(f"cutaway.{name}")}
    assert set(named) - modules - set(cutaway.__all__) - {"json"} == set()


def test_options_that_stand_alone_exist():
    """`--tier exact` in a sentence names no command: some command must have the option."""
    every, groups = {"--help", "--version"}, [cli]
    for group in groups:
        for command in group.commands.values():
            every |= {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
            groups += [command] if isinstance(command, click.Group) else []
    for page in [*_checked(PAGES), *NOTEBOOKS]:
        named = [code.split()[0].partition("=")[0] for code in re.findall(r"`(--[^`]+)`", prose(text_of(page)))]
        assert [name for name in named if name not in every] == [], page


def test_the_gallery_shows_the_lines_that_made_its_pictures(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    shots = importlib.import_module("gallery").SHOTS
    page = (DOCS / "gallery.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\$ (.+)\n```\n\n!\[.+\]\(gallery/(\w+)\.png\)$", page, re.MULTILINE)
    assert {name: line for line, name in shown} == {name: shot[0] for name, shot in shots.items()}
    assert len(shown) >= 6 and {path.stem for path in (DOCS / "gallery").glob("*.png")} == set(shots)
