"""One HTML file that draws records with the network off: data, style and script inside, and nothing else let in.

The Content-Security-Policy admits exactly one style sheet and one script, by hash; text reaches the page as JSON
and is drawn as text nodes, so what a model wrote can't become markup.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import html
import json
import re
from importlib import resources
from typing import Any

_IMPORT = re.compile(r'^import \{([\w\s,]+)\} from "\./(\w+)\.js";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?:async )?(?:function\*?|const|class) (\w+)", re.MULTILINE)
_MARGIN = re.compile(r"^[ \t]+(?://.*\n)?|^//.*\n", re.MULTILINE)  # indentation and lines of comment
_SAFE = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<noscript><p>This page is drawn by a script, and scripts are off. All its numbers are in the JSON block
(the script element with id "records") of this file.</p></noscript>
<main class="page" id="page"></main>
<script type="application/json" id="records">{data}</script>
<script type="module">{script}</script>
</body>
</html>
"""


def page(records: list[dict[str, Any]], title: str | None = None) -> str:
    """Return one HTML page that draws `records` in order and asks the network for nothing.

    Each record is plain JSON with a `schema`; a `caption` becomes its figure's caption. Raises `ValueError` for a
    NaN or an infinity, which JSON lacks.
    """
    data = _data(records)
    style, script = _static("page.css"), bundle("page", _idle(data))
    text = html.escape(title if title is not None else _title(records)).encode("utf-8", "replace").decode()
    return _PAGE.format(policy=_policy(style, script), title=text, style=style, data=data, script=script)


def notebook(records: list[dict[str, Any]]) -> str | None:
    """Return the same page as an iframe for a notebook cell; the page sets the frame's height when it is drawn.

    If no view draws any of the records it is None, and the notebook shows them as text.
    """
    if not any(_schema(record) in _views() for record in records):
        return None
    source = html.escape(page(records))
    return f'<iframe srcdoc="{source}" title="cutaway" width="100%" height="480" frameborder="0"></iframe>'


@functools.cache
def bundle(entry: str, without: frozenset[str] = frozenset()) -> str:
    """Return a module of `static/` and all it imports as one script, each file a function that is called once.

    Views named in `without` are left out of the page: what records.js would import from them is undefined there.

    Only `import {a, b} from "./other.js";` and `export function|const|class` are understood: all that the views use.
    Indentation and comment lines are dropped, so a string that spans lines would lose its margin.
    """
    parts: dict[str, str] = {}

    def add(name: str, above: tuple[str, ...] = ()) -> None:
        if name in above:
            raise ValueError(f"modules import each other: {' → '.join((*above, name))}")
        if name in parts:
            return
        source = _static(f"{name}.js")
        idle = without if name == "records" else frozenset()
        for found in _IMPORT.finditer(source):
            if found[2] not in idle:
                add(found[2], (*above, name))
        names = ", ".join(_EXPORT.findall(source))
        linked = _IMPORT.sub(
            lambda found: f"const {{{found[1]}}} = {'{}' if found[2] in idle else f'{found[2]}_js'};", source
        )
        body = re.sub(r"^export ", "", linked, flags=re.MULTILINE)
        parts[name] = f"const {name}_js = (() => {{\n{body}return {{ {names} }};\n}})();\n"

    add(entry)
    return "\n" + _MARGIN.sub("", "".join(parts.values()))


def _idle(data: str) -> frozenset[str]:
    """Name the views that draw none of the records: a page of one tokenizer carries no attention view."""
    views = _views()
    kinds = set(re.findall(r'"schema":"cutaway\.([a-z_-]+)/', data))
    return frozenset(views.values()) - {views.get(kind, "") for kind in kinds}


@functools.cache
def _views() -> dict[str, str]:
    """Return for each kind of record the file in `static/` that draws it."""
    source = _static("records.js")
    modules = {name.strip(): found[2] for found in _IMPORT.finditer(source) for name in found[1].split(",")}
    views = {kind: modules.get(draw, "") for kind, draw in re.findall(r"(\w+): (draw\w+)", source)}
    return views | {"tour": "tour"}


@functools.cache
def _static(name: str) -> str:
    text = resources.files("cutaway.views").joinpath("static", name).read_text(encoding="utf-8").replace("\r\n", "\n")
    if re.search(r"</?(?:script|style)|<!--", text, re.IGNORECASE):
        raise ValueError(f"{name} holds text that would end its element early")
    return text


def _data(records: list[dict[str, Any]]) -> str:
    return json.dumps(records, ensure_ascii=True, allow_nan=False, separators=(",", ":")).translate(_SAFE)


def _policy(style: str, script: str) -> str:
    allowed = f"style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:"
    return f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _title(records: list[dict[str, Any]]) -> str:
    """Name the page after what it shows: its kinds of record and the models they are of."""
    kinds, models = (list(dict.fromkeys(found)) for found in (map(_kind, records), map(_model, records)))
    what = ", ".join(kinds[:3]) or "no records"
    whose = ", ".join(model for model in models[:3] if model)
    return f"{what[0].upper()}{what[1:]} of {whose}" if whose else f"{what[0].upper()}{what[1:]}"


def _kind(record: dict[str, Any]) -> str:
    return _schema(record).replace("_", " ") or "record"


def _schema(record: dict[str, Any]) -> str:
    found = re.fullmatch(r"cutaway\.(.+)/\d+", str(record.get("schema", "")))
    return found[1] if found else ""


def _model(record: dict[str, Any]) -> str:
    return str(record.get("model") or record.get("name") or "")
