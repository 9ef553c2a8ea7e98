"""What the Tab key offers for the value of an option or an argument."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click
from click.shell_completion import CompletionItem


class FileName(click.types.StringParamType):
    """A text that names a file or a folder."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Let the shell offer its files."""
        return [CompletionItem(incomplete, type="file")]


class ModelName(click.types.StringParamType):
    """A text that names a model, or a folder with one."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the models of the shelf and of the package, or files if none of them begins so."""
        from cutaway.models.shelf import SHELF
        from cutaway.models.shipped_models import shipped_models

        described = {one.name: one.description for one in shipped_models()}
        described |= {name: one.description for name, one in SHELF.items()}
        return _beginning(incomplete, described) or [CompletionItem(incomplete, type="file")]


class DataName(click.types.StringParamType):
    """A text that names a data set."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the data sets."""
        from cutaway.models.datasets import DATASETS

        return _beginning(incomplete, {name: one.description for name, one in DATASETS.items()})


def complete_values(params: Sequence[click.Parameter], group: str) -> None:
    """Give the parameters that name a file, a model or a data set a type that completes them.

    `group` is the group that the command belongs to, "" if none.
    """
    for param in params:
        if type(param.type) is not click.types.StringParamType:
            continue
        shown = param.metavar or ""
        if "FILE" in shown or "DIR" in shown or param.name in {"data", "output"}:
            param.type = FileName()
        elif param.name in {"model", "a", "b", "scorer"} or (param.name in {"name", "names"} and group == "models"):
            param.type = ModelName()
        elif param.name == "names" and group == "data":
            param.type = DataName()


def _beginning(incomplete: str, described: Mapping[str, str]) -> list[CompletionItem]:
    return [CompletionItem(name, help=said) for name, said in described.items() if name.startswith(incomplete)]
