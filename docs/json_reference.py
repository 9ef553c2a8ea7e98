"""The page of every result: its schema, and each key with its type and unit."""

from __future__ import annotations

import ast
import re

from markdown_parts import MADE, anchor, prose, table
from source_reading import PACKAGE, Origin, constant, exports, fields, is_dataclass, origin, result_classes

JSON_INTRO = """\
What `--json` prints, what `-o x.json` and `-o x.jsonl` write, and what `Result.to_json` returns. Each object begins
with its `schema`; the number after the slash changes if a key changes its meaning or goes. `cutaway.load_result` reads
a file back. Layers, heads and positions count from 0. `null` stands for a number that is not finite, and where a type
says so. The unit stands beside a key if its name states it; other numbers are counts, shares or have the unit that the
text says.
"""

UNITS = (
    (r"(^|_)bits($|_[ab]$)", "bits"),
    (r"bits_per_(\w+)", r"bits a \1"),
    (r"(^|_)nats$|^logprobs?$|_logprobs$", "nats"),
    (r"(^|_)loss$|(^|_)floor$", "nats"),
    (r"(^|_)bytes$", "bytes"),
    (r"(^|_)seconds$", "seconds"),
    (r"^tokens_per_second$", "tokens a second"),
    (r"^flops_per_(token|step)$", r"operations a \1"),
    (r"^peak_flops$", "operations a second"),
    (r"^device_hours$", "hours"),
    (r"^mb_per_s$|_mb_per_s$", "megabytes a second"),
)


def unit(name: str) -> str:
    """Return the unit that a key's name states, or ""."""
    for pattern, said in UNITS:
        if match := re.search(pattern, name):
            return match.expand(said)
    return ""


SAME_NAMES = {"Difference", "Measure"}

PLAIN = {
    "str": "text", "int": "whole number", "float": "number", "bool": "true or false", "Any": "any value",
    "Path": "text", "None": "null", "Channel": "list of numbers",
}  # fmt: skip


def several(kind: str) -> str:
    """Return the words for several values of a type."""
    return f"{kind}s" if kind.endswith(("text", "number")) else kind


def json_type(found: Origin, node: ast.expr, records: list[Origin]) -> str:
    """Return a field's type in words; dataclasses are links, and are added to what is to be described."""
    if isinstance(node, ast.BinOp):
        return f"{json_type(found, node.left, records)} or {json_type(found, node.right, records)}"
    if isinstance(node, ast.Subscript):
        kind = ast.unparse(node.value)
        inner = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        if kind in ("dict", "Mapping"):
            return f"object of {several(json_type(found, inner[1], records))}"
        if kind == "tuple" and ast.unparse(inner[-1]) != "...":
            return "[" + ", ".join(json_type(found, one, records) for one in inner) + "]"
        if kind in ("list", "tuple", "array"):
            return f"list of {several(json_type(found, inner[0], records))}"
        return "list of numbers"  # arrays
    name = ast.unparse(node)
    if name in PLAIN:
        return PLAIN[name]
    there = origin(found.path, name)
    if there and is_dataclass(there.definition()):
        if there not in records:
            records.append(there)
        return f"[{name}](#{anchor(heading(there))})"
    return "list of numbers"  # a name for an array


def heading(found: Origin) -> str:
    """Return a title that no other record has: some have the same name in two rooms."""
    if found.name not in SAME_NAMES:
        return found.name
    return (
        f"{found.name} ({found.path.parent.name if found.path.stem == 'result' else found.path.stem.replace('_', ' ')})"
    )


def json_page() -> str:
    """Return the page of every result: its schema, and each key with type and unit."""
    results = sorted(result_classes(), key=lambda one: one.name)
    made = _makers(results)
    out = [MADE, "# JSON\n", JSON_INTRO]
    listed = [(f"[`{one.name}`](#{anchor(one.name)})", f"`{_schema(one)}`", made.get(one, "")) for one in results]
    out.append(table(("result", "schema", "made by"), listed))
    described = list(results)
    for number, found in enumerate(described):  # the list grows while it is read: parts of results, parts of parts
        out += ["## Parts of results\n"] * (number == len(results))
        out += _described(found, described)
    return "\n".join(out)


def _schema(found: Origin) -> str:
    definition = found.definition()
    assert isinstance(definition, ast.ClassDef)
    return f"cutaway.{constant(definition, 'schema')}/1"


def _makers(results: list[Origin]) -> dict[Origin, str]:
    """Return which public functions return each result."""
    stub, made = PACKAGE / "__init__.pyi", dict[Origin, list[str]]()
    for name in exports(stub):
        found = origin(stub, name)
        if found is None or not isinstance(function := found.definition(), ast.FunctionDef) or not function.returns:
            continue
        for word in re.findall(r"\w+", ast.unparse(function.returns)):
            if (there := origin(found.path, word)) in results and there is not None:
                made.setdefault(there, []).append(f"[`{name}`](python.md#{anchor(name)})")
    return {kind: ", ".join(names) for kind, names in made.items()}


def _described(found: Origin, records: list[Origin]) -> list[str]:
    definition = found.definition()
    assert isinstance(definition, ast.ClassDef)
    is_result = "Result" in map(ast.unparse, definition.bases)
    out = [f"{'##' if is_result else '###'} {heading(found)}\n"]
    rows = [(f"`{name}`", json_type(found, kind, records), unit(name)) for name, kind in fields(definition)]
    if is_result:
        formats = re.findall(r"'(\.\w+)'", constant(definition, "formats"))
        suffixes = ", ".join(f"`{one}`" for one in dict.fromkeys([".html", ".json", ".jsonl", *formats]))
        out.append(f"Schema `{_schema(found)}`; saved as {suffixes}.\n")
        rows = [("`schema`", f'"{_schema(found)}"', ""), *rows]
    return [*out, prose(ast.get_docstring(definition)), table(("key", "type", "unit"), rows)]
