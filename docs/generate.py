"""Writes docs/reference/ from the code: commands, Python, JSON. A test fails if the pages are stale.

python docs/generate.py
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import click
from json_reference import json_page
from markdown_parts import MADE, anchor, prose, table
from source_reading import PACKAGE, Origin, origin, parsed, result_classes, signature

from cutaway.cli import cli

FOLDER = Path(__file__).parent / "reference"
COMMON = 12  # commands that share an option before it is listed once for all
OWN = ("-f", "-o")  # listed with each command: what it reads and what it saves

PYTHON_INTRO = """\
The names of `import cutaway`, each with its signature. Every function returns a frozen result, which prints, turns into
JSON (`to_json`), is saved by the suffix (`save`) and shows itself in a notebook. `model` is a name from the shelf, a
folder, a GGUF file, a Hugging Face Hub id, or what `cutaway.load` returned. Importing `cutaway` is fast: torch is
imported by the first function that needs it.
"""

ERRORS_INTRO = """\
All in `cutaway.errors`. An error has a `message` and a `hint`, the next thing to do. A dot stands for a level: what
catches the error above catches this one too.
"""

# Commands


class Tables:
    """Takes the place of Click's formatter, and keeps the rows of each section."""

    def __init__(self) -> None:
        self.sections: dict[str, list[tuple[str, str]]] = {}
        self._title = ""

    @contextlib.contextmanager
    def section(self, title: str) -> Iterator[None]:
        self._title = title
        yield

    def write_dl(self, rows: Iterable[tuple[str, str]], *_: object, **__: object) -> None:
        self.sections.setdefault(self._title, []).extend(rows)

    def write_text(self, text: str) -> None:
        """Leave out what stands between the sections."""


def tree(group: click.Group, context: click.Context, words: str) -> Iterator[tuple[str, click.Command, click.Context]]:
    """Yield every command below a group with the words that call it, groups included."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        inner = click.Context(command, parent=context, info_name=name, **command.context_settings)
        yield f"{words} {name}", command, inner
        if isinstance(command, click.Group):
            yield from tree(command, inner, f"{words} {name}")


def help_parts(text: str | None) -> tuple[str, list[str]]:
    """Return the paragraphs of a help text, and its examples."""
    said, _, shown = re.sub(
        r"^\s*Examples?:\s*$", "\0", (text or "").replace("\b\n", ""), flags=re.MULTILINE
    ).partition("\0")
    paragraphs = [" ".join(part.split()) for part in inspect.cleandoc(said).split("\n\n")]
    return "\n\n".join(paragraphs).strip(), [line.strip() for line in shown.splitlines() if line.strip()]


def options(command: click.Command, context: click.Context) -> dict[str, list[tuple[str, str]]]:
    """Return the options of each section, as --help shows them."""
    formatter = Tables()
    if not isinstance(command, click.Group):
        command.format_options(context, formatter)
    return formatter.sections


def _code(option: str) -> str:
    """Return an option as code; choices with commas, because a bar within code would end the cell on the site."""
    return f"`{option.replace('|', ', ')}`"


def commands_page() -> str:
    """Return the page of all commands and their options."""
    top = click.Context(cli, info_name="cutaway", **cli.context_settings)
    found = list(tree(cli, top, "cutaway"))
    verbs = [(words, command, options(command, context)) for words, command, context in found]
    count = Counter(row for _, _, sections in verbs for rows in sections.values() for row in rows)
    common = [row for row, times in count.items() if times >= COMMON and not row[0].startswith(OWN)]
    out = [MADE, "# Commands\n", "Every command with its options, as `cutaway COMMAND --help` shows them.\n"]
    listed = Tables()
    cli.format_commands(top, listed)
    for title, rows in listed.sections.items():
        out.append(f"## {title}\n" if len(listed.sections) > 1 else "")
        links = [(f"[`{name}`](#{anchor(f'cutaway {name}')})", said) for name, said in rows]
        out.append(table(("command", "what it does"), links))
    out.append("## Options that commands share\n")
    out.append("A command that takes these options names them below; the others have a meaning of their own.\n")
    out.append(table(("option", "meaning"), [(_code(name), said) for name, said in common]))
    for (words, command, sections), (_, _, context) in zip(verbs, found, strict=True):
        said, examples = help_parts(command.help)
        out.append(f"## {words}\n")
        out.append(f"```text\n{' '.join([words, *command.collect_usage_pieces(context)])}\n```\n")
        out.append(said + "\n")
        if isinstance(command, click.Group):
            inner = [f"{words} {name}" for name in command.list_commands(context)]
            out.append("Commands: " + ", ".join(f"[`{name}`](#{anchor(name)})" for name in inner) + ".\n")
            continue
        if examples:
            out.append("```console\n" + "".join(f"$ {line}\n" for line in examples) + "```\n")
        for title, rows in sections.items():
            if own := [(_code(name), text) for name, text in rows if (name, text) not in common]:
                out.append(table(("option" if title == "Options" else f"option: {title.lower()}", "meaning"), own))
        shared = [
            re.findall(r"--[\w-]+", name)[-1]
            for rows in sections.values()
            for name, text in rows
            if (name, text) in common
        ]
        if shared:
            out.append("Shared: " + ", ".join(f"`{name}`" for name in shared) + ".\n")
    return "\n".join(part for part in out if part)


# Python


def python_page() -> str:
    """Return the page of the public names of `import cutaway`."""
    stub = PACKAGE / "__init__.pyi"
    out = [MADE, "# Python\n", PYTHON_INTRO]
    for node in parsed(stub).body:
        assert isinstance(node, ast.ImportFrom)
        for alias in node.names:
            found = origin(stub, alias.asname or alias.name)
            if found is None or found.path.name == "errors.py":  # errors have a table of their own
                continue
            definition = found.definition()
            out.append(f"## {alias.asname}\n")
            if isinstance(definition, ast.FunctionDef):
                out.append(f"```py\ncutaway.{signature(found)}\n```\n")
                out.append(prose(ast.get_docstring(definition)))
                if kinds := _results_in(found, definition.returns):
                    out.append("Returns " + ", ".join(f"[`{kind}`](json.md#{anchor(kind)})" for kind in kinds) + ".\n")
            else:
                out.append(prose(ast.get_docstring(definition)))
                out += _methods(Origin(found.path, definition.name))
    out += ["## Errors\n", ERRORS_INTRO, table(("error", "raised if", "exit status"), _errors())]
    return "\n".join(out)


def _results_in(found: Origin, returns: ast.expr | None) -> list[str]:
    names = re.findall(r"\w+", ast.unparse(returns)) if returns else []
    known = result_classes()
    return [name for name in names if origin(found.path, name) in known]


def _methods(found: Origin) -> list[str]:
    out = []
    for node in found.definition().body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            said = ast.get_docstring(node) or ""
            given = ", ".join(one.arg for one in node.args.args[1:])
            out.append(f"- `{found.name}.{node.name}({given})`: {' '.join(said.split())}")
    return [*out, ""]


def _errors() -> list[tuple[str, str, str]]:
    classes = {one.name: one for one in parsed(PACKAGE / "errors.py").body if isinstance(one, ast.ClassDef)}
    rows = []
    for name, one in classes.items():
        bases = [name]
        while (base := ast.unparse(classes[bases[-1]].bases[0])) in classes:
            bases.append(base)
        codes = [
            ast.unparse(line.value)
            for base in bases
            for line in classes[base].body
            if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "exit_code"
        ]
        rows.append((f"{'· ' * (len(bases) - 1)}`{name}`", ast.get_docstring(one) or "", codes[0]))
    return rows


def pages() -> dict[Path, str]:
    """Return what each page of the reference should hold."""
    return {
        FOLDER / "commands.md": commands_page(),
        FOLDER / "python.md": python_page(),
        FOLDER / "json.md": json_page(),
    }


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path}\n")
