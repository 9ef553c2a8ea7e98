"""No two files import each other: not inside a function and not for types alone either."""

import ast
from pathlib import Path

import cutaway

SOURCES = Path(cutaway.__file__).parent
MODULES = {
    ".".join(path.relative_to(SOURCES.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in SOURCES.rglob("*.py")
}


def _exports() -> dict[str, str]:
    """For each name that a room exports, the module that it comes from."""
    found = {}
    for stub in SOURCES.rglob("__init__.pyi"):
        room = ".".join(stub.relative_to(SOURCES.parent).parent.parts)
        for line in ast.parse(stub.read_text(encoding="utf-8")).body:
            assert isinstance(line, ast.ImportFrom)
            for name in line.names:
                found[f"{room}.{name.name}"] = f"{room}.{line.module or name.name}"
    return found


EXPORTS = _exports()


def _module_of(source: str, name: str) -> str | None:
    full = f"{source}.{name}"
    if (origin := EXPORTS.get(full)) is not None:
        # What the package exports, a room exports in its turn.
        return _module_of(origin, name) if MODULES[origin].name == "__init__.py" else origin
    return full if full in MODULES else source if source in MODULES else None


def _imports() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {module: set() for module in MODULES}
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
                found[module] |= {origin for name in node.names if (origin := _module_of(node.module, name.name))}
            elif isinstance(node, ast.Import):
                found[module] |= {name.name for name in node.names if name.name in MODULES}
        found[module].discard(module)
    return found


def test_no_file_leads_back_to_itself():
    imports = _imports()
    assert len(imports) > 200 and imports["cutaway.models.loading"] >= {"cutaway.models.named_tokenizer"}
    for start in imports:
        seen, waiting = set(), [start]
        while waiting:
            for following in imports[waiting.pop()]:
                assert following != start, f"{start} leads back to itself"
                if following not in seen:
                    seen.add(following)
                    waiting.append(following)


def test_no_file_is_longer_than_350_lines():
    lines = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES.rglob("*.py")}
    assert {name: count for name, count in lines.items() if count > 350} == {}
