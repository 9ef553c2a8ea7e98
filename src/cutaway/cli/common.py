"""What the commands share: how a model is chosen and loaded, kinds of numbers, and what is said on stderr."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cutaway.cli.respell import respell
from cutaway.errors import InputError
from cutaway.models.shelf import DEFAULT, DTYPES

if TYPE_CHECKING:
    from cutaway.models.config_outline import Outline

QUIET, _FORCE = "cutaway.quiet", "cutaway.force"
LOADING = ("revision", "device", "dtype", "trust_remote_code")
F = TypeVar("F", bound=Callable[..., Any])


class AtLeast(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click alone
    """A number with a lower bound; its error reads like all others."""

    def __init__(self, least: int | float) -> None:
        self.least, self.name = least, "integer" if isinstance(least, int) else "float"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number, or raise `InputError`."""
        number = (click.INT if isinstance(self.least, int) else click.FLOAT).convert(value, param, ctx)
        if not number >= self.least or number == math.inf:  # a NaN fails every comparison
            name = "it" if param is None else param.opts[-1]
            raise InputError(f"{name} is {value}", hint=f"it must be {self.least} or above")
        return number


class Seed(click.ParamType):  # type: ignore[type-arg]
    """A seed of any size that `chance` takes."""

    name = "integer"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the seed, or raise `InputError`."""
        from cutaway.random_streams import check_seed

        return check_seed(click.INT.convert(value, param, ctx))


def chain(*options: Callable[[F], F]) -> Callable[[F], F]:
    def apply(function: F) -> F:
        for option in reversed(options):
            function = option(function)
        return function

    return apply


def _offline(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        from cutaway.models.fetching import no_fetching

        ctx.with_resource(no_fetching())  # until the command ends


def note(text: str) -> None:
    """Say something on stderr, with parameters spelled as options, unless -q asked for silence."""
    if not quiet():
        click.echo(respell(text, click.get_current_context().command.params), err=True)


def allow_writing_over(ctx: click.Context) -> None:
    """Let the command write to files that are there already."""
    ctx.meta[_FORCE] = True


def quiet() -> bool:
    """Say whether -q asked for silence."""
    return bool(click.get_current_context().meta.get(QUIET))


def forced() -> bool:
    """Say whether --force was given."""
    return bool(click.get_current_context().meta.get(_FORCE))


def someone_to_ask() -> bool:
    """Say whether a question on stderr would be read by someone who can answer it."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


rename_option = click.option(
    "--rename-duplicates", is_flag=True, help="If two records have the same id, name the second one id/2."
)
offline_option = click.option(
    "--offline",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_offline,
    help="Use only files that are on this computer; download nothing.",
)
model_name_option = click.option(
    "-m",
    "--model",
    default=DEFAULT,
    envvar="CUTAWAY_MODEL",
    show_envvar=True,
    help="A name from `cutaway models list`, a folder, a GGUF file, or a Hugging Face Hub id.",
)


device_option = click.option("--device", default="cpu", help="Where to compute: cpu, cuda, cuda:1, mps.")


tier_option = click.option(
    "--tier",
    type=click.Choice(["exact", "near", "turbo"]),
    default="near",
    help="Precision of the weights. exact: float32, slowest; near: bfloat16; turbo: 4 bits, fastest.",
)
corpus_option = click.option(
    "--corpus",
    metavar="FILE",
    help="Also learn word vectors from FILE, by counting, and compare them with the model's.",
)
min_count_option = click.option(
    "--min-count", type=AtLeast(1), default=2, help="With --corpus: leave out words that occur fewer times than this."
)


def truncate_option(what: str = "text") -> Callable[[F], F]:
    """Return --truncate for a text, or for `what` else is read."""
    said = f"If a {what} is too long for the model, cut off its left or right end."
    return click.option("--truncate", type=click.Choice(["left", "right"]), help=said)


def layer_option(said: str) -> Callable[[F], F]:
    """Return --layer; `said` begins its help."""
    numbers = "0 is the input of the first block, -1 the last layer."
    return click.option("--layer", default=-1, help=f"{said} {numbers}")


def model_options(function: F) -> F:
    """Add -m and how to load it."""
    return model_name_option(load_options(function))


def load_options(function: F, dtype: str = "float32") -> F:
    """Add how to load models; `dtype` says what holds if nobody chooses."""
    return chain(
        click.option("--revision", help="Which branch, tag or commit of a Hugging Face Hub model to take."),
        device_option,
        click.option("--dtype", type=click.Choice(DTYPES), help=f"Precision of all numbers.  [default: {dtype}]"),
        click.option(
            "--trust-remote-code",
            is_flag=True,
            help="Allow the Python code that comes with a model to run. Read it first.",
        ),
        offline_option,
    )(function)


def loaded(model: str, kind: str, options: dict[str, Any]) -> Any:
    """Load the model that the options name; takes its options out of the dictionary."""
    from cutaway.models import load

    return load(model, kind, **{name: options.pop(name) for name in LOADING})


def named_or_loaded(model: str, options: dict[str, Any]) -> Any:
    """Return the model's name if no option changes how it loads, so that it may start without transformers."""
    if as_it_comes(options):
        for name in LOADING:
            del options[name]
        return model
    return loaded(model, "generator", options)


def as_it_comes(options: dict[str, Any]) -> bool:
    """Say whether nobody chose how to load the model."""
    return [options[name] for name in LOADING] == [None, "cpu", None, False]


def tier_for(options: dict[str, Any]) -> str:
    """Return the tier to generate in: a chosen --dtype is one of its own, so it leaves no choice of a tier."""
    tier: str = options["tier"]
    if options["dtype"] is None:
        return tier
    if click.get_current_context().get_parameter_source("tier") is not click.core.ParameterSource.DEFAULT:
        raise InputError("--dtype and --tier both set the precision", hint="give one of them")
    return "exact"


def generation_options(function: F) -> F:
    """Add -m and how to load it, for verbs whose --tier decides the precision."""
    return model_name_option(load_options(function, "set by --tier"))


def known(model: str, options: dict[str, Any]) -> Outline:
    """Return what the model's configuration says, after checking what can be checked before torch is imported.

    Raises a `ModelError` for a model that is not there, `InputError` for a device that cannot be.
    """
    from cutaway.models.config_outline import check_device, outline

    check_device(options["device"])
    return outline(model, revision=options.get("revision"))


def refuse_unused(why: str, *names: str) -> None:
    """Raise `InputError` for an option that was given although it has no effect, `why` says when: "with --corpus"."""
    context = click.get_current_context()
    for name in names:
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise InputError(f"--{name.replace('_', '-')} has no effect {why}", hint="leave it out")


def unless_chosen(model: str, default: str) -> str:
    """Return the model, or the default of its own that a command has if nobody chose one."""
    source = click.get_current_context().get_parameter_source("model")
    return default if source is click.core.ParameterSource.DEFAULT else model
