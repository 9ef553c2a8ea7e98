"""Reads the package's sources without importing them: who exports a name, what a class or a function says of itself.

Importing every room takes seconds, because torch comes along; reading the text takes a fraction of one.
"""

from __future__ import annotations

import ast
import functools
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "src" / "cutaway"
Found = ast.FunctionDef | ast.ClassDef


@functools.cache
def parsed(path: Path) -> ast.Module:
    """Return the syntax tree of a source file."""
    return ast.parse(path.read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Origin:
    """Where a name is defined: the file, and the name there."""

    path: Path
    name: str

    def definition(self) -> Found:
        """Return the function or the class."""
        for node in parsed(self.path).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == self.name:
                return node
        raise LookupError(f"{self.path} does not define {self.name}")


def module_file(dotted: str) -> Path:
    """Return the file of a module of the package; of a room, the list of what it exports."""
    place = PACKAGE.joinpath(*dotted.split(".")[1:])
    stub = place / "__init__.pyi"
    return next(path for path in (stub, place / "__init__.py", place.with_suffix(".py")) if path.exists())


@functools.cache
def _imports(path: Path) -> dict[str, tuple[str, str]]:
    """Return the names that a file imports from the package: name → (module, name there)."""
    relative = path.relative_to(PACKAGE.parent)
    here = ".".join(relative.parent.parts)
    found = {}
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").startswith("cutaway")):
            module = f"{here}.{node.module}" if node.level and node.module else node.module or here
            found |= {alias.asname or alias.name: (module, alias.name) for alias in node.names}
    return found


@functools.cache
def origin(path: Path, name: str) -> Origin | None:
    """Follow a name through imports to the file that defines it; None if it is not of the package."""
    for node in parsed(path).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == name:
            return Origin(path, name)
    if name not in _imports(path):
        return None
    module, there = _imports(path)[name]
    file = module_file(module)
    return None if file == path else origin(file, there)  # `from . import name` takes a module


def exports(path: Path) -> list[str]:
    """Return the public names of a room's list, in its order."""
    names = [alias.asname for node in parsed(path).body if isinstance(node, ast.ImportFrom) for alias in node.names]
    return [name for name in names if name and not name.startswith("_")]


def literal(path: Path, node: ast.expr) -> str:
    """Return a default value as text; a constant's name becomes its value."""
    if isinstance(node, ast.Name):
        if node.id in _imports(path):
            module, name = _imports(path)[node.id]
            return literal(module_file(module), ast.Name(name))
        for one in parsed(path).body:
            targets = (
                one.targets if isinstance(one, ast.Assign) else [one.target] if isinstance(one, ast.AnnAssign) else []
            )
            if any(isinstance(target, ast.Name) and target.id == node.id for target in targets) and one.value:
                return literal(path, one.value)
    return ast.unparse(node)


def signature(found: Origin) -> str:
    """Return a function's head, on one line if it fits."""
    function = found.definition()
    assert isinstance(function, ast.FunctionDef)
    given = function.args
    plain = [*given.posonlyargs, *given.args]
    defaults: list[ast.expr | None] = [None] * (len(plain) - len(given.defaults)) + list(given.defaults)
    parts = [_parameter(found.path, one, default) for one, default in zip(plain, defaults, strict=True)]
    if given.vararg:
        parts.append("*" + _parameter(found.path, given.vararg, None))
    elif given.kwonlyargs:
        parts.append("*")
    parts += [_parameter(found.path, one, of) for one, of in zip(given.kwonlyargs, given.kw_defaults, strict=True)]
    if given.kwarg:
        parts.append("**" + _parameter(found.path, given.kwarg, None))
    returned = f" -> {ast.unparse(function.returns)}" if function.returns else ""
    line = f"{function.name}({', '.join(parts)}){returned}"
    if len(line) <= 88:
        return line
    return "\n".join([f"{function.name}(", *[f"    {part}," for part in parts], f"){returned}"])


def _parameter(path: Path, one: ast.arg, default: ast.expr | None) -> str:
    named = f"{one.arg}: {ast.unparse(one.annotation)}" if one.annotation else one.arg
    if default is None:
        return named
    return f"{named} = {literal(path, default)}" if one.annotation else f"{named}={literal(path, default)}"


@functools.cache
def result_classes() -> list[Origin]:
    """Return every result: a class derived from `Result` that names its schema."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in parsed(path).body:
            if isinstance(node, ast.ClassDef) and "Result" in map(ast.unparse, node.bases) and constant(node, "schema"):
                found.append(Origin(path, node.name))
    return found


def constant(node: ast.ClassDef, name: str) -> str:
    """Return the text of a class constant, or ""."""
    for one in node.body:
        if isinstance(one, ast.AnnAssign) and ast.unparse(one.target) == name and one.value is not None:
            return str(ast.literal_eval(one.value)) if isinstance(one.value, ast.Constant) else ast.unparse(one.value)
    return ""


def fields(node: ast.ClassDef) -> list[tuple[str, ast.expr]]:
    """Return the fields of a dataclass that go into JSON, with their types."""
    return [
        (ast.unparse(one.target), one.annotation)
        for one in node.body
        if isinstance(one, ast.AnnAssign)
        and "ClassVar" not in ast.unparse(one.annotation)
        and not (one.value is not None and "'json': False" in ast.unparse(one.value))
    ]


def is_dataclass(node: Found) -> bool:
    """Say whether a class is a dataclass."""
    return isinstance(node, ast.ClassDef) and any("dataclass" in ast.unparse(one) for one in node.decorator_list)
