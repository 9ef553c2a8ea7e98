"""cutaway generate"""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any

import click

from cutaway.cli.common import (
    LOADING,
    AtLeast,
    Seed,
    generation_options,
    known,
    named_or_loaded,
    note,
    refuse_unused,
    tier_for,
    tier_option,
    truncate_option,
)
from cutaway.cli.help import GENERATING, Command
from cutaway.cli.output import Asked, asked, emit, output_options
from cutaway.cli.text_input import check_file, prompts_from, text_options
from cutaway.errors import InputError, counted

if TYPE_CHECKING:
    from cutaway.generation import Generation, TraceStep

PAGE = ".html"
RECORD_FILES = (".fasta", ".fa", ".smi", ".csv", ".jsonl", ".txt")
_ANSWERS = (
    "file", "num_return_sequences", "num_beams", "length_penalty", "stop", "chat", "system", "truncate", "alternatives",
    "trace", "skip_bad", "min_new_tokens",
)  # fmt: skip


@click.command("generate", cls=Command, sections=GENERATING)
@text_options
@generation_options
@click.option("--max-new-tokens", type=AtLeast(1), default=64, help="Stop after this many tokens.")
@click.option("--min-new-tokens", type=AtLeast(0), default=0, help="Do not let the model end earlier than this.")
@click.option(
    "--temperature",
    type=float,
    help="Below 1: more predictable; above 1: more varied; 0: always the most likely token.  [default: 0 for one "
    "response, 1 for several]",
)
@click.option("--top-k", type=int, help="Choose only among the k most likely tokens.")
@click.option("--top-p", type=float, help="Choose only among the most likely tokens whose probabilities add up to p.")
@click.option("--min-p", type=float, help="Leave out tokens less than p times as likely as the most likely one.")
@click.option("--repetition-penalty", type=float, help="Above 1: tokens that occurred before become less likely.")
@click.option(
    "--presence-penalty",
    type=float,
    help="From -2 to 2. Above 0: tokens that were generated before become less likely.",
)
@click.option(
    "-n", "--num-return-sequences", type=AtLeast(1), default=1, help="How many responses to write for each prompt."
)
@click.option(
    "--count",
    type=AtLeast(1),
    is_eager=True,
    help="Write this many records of the model's own, without a prompt or from TEXT on: a line each, or into FILE of "
    "-o: .fasta, .smi, .csv, .jsonl, .txt, or .html to look at them: molecules are drawn, and marked if not valid, "
    "repeated or known. A record ends when the model ends it, or after --max-new-tokens.  [their default: the context]",
)
@click.option(
    "--train-data",
    multiple=True,
    metavar="FILE",
    help="With --count and a page: mark the records that are in FILE. Can be given several times.",
)
@click.option("--column", metavar="NAME", help="With --train-data: the column of the sequences in a table.")
@click.option(
    "--num-beams",
    type=AtLeast(1),
    default=1,
    help="Beam search: follow this many unfinished texts, and return the most likely.",
)
@click.option("--length-penalty", default=1.0, help="Above 0 favours longer texts.")
@click.option("--stop", multiple=True, help="End before this text. Can be given several times.")
@click.option("--chat", is_flag=True, help="Ask as a user in a chat: put the prompt into the model's chat template.")
@click.option("--system", help="With --chat: instructions to the model, placed before the prompt.")
@truncate_option("prompt")
@click.option(
    "--alternatives", type=AtLeast(0), default=0, help="Also show this many of the most likely tokens at each step."
)
@click.option(
    "--trace", is_flag=True, help="Show the probabilities at each step, before and after temperature, top-k and so on."
)
@click.option("--batch-size", type=AtLeast(1), default=64, help="How many responses to compute together.")
@tier_option
@click.option("--skip-bad", is_flag=True, help="Leave out broken lines of FILE.")
@click.option("--seed", type=Seed(), default=0, help="The same seed gives the same text. Response r uses seed + r.")
@output_options(".csv", ".svg", ".png", records=(PAGE, *RECORD_FILES))
def command(text: str | None, file: str | None, model: str, count: int | None, **options: Any) -> None:
    """Let a model continue TEXT, or each line of -f FILE.

    \b
    Examples:
      cutaway generate "The capital of France is" --max-new-tokens 8
      cutaway generate "What is the ALCF?" -n 2 --temperature 0.8 --seed 7
      cutaway generate "What is a transformer?" --chat --system "Answer as a poet."
      printf "Water boils\\nThe sea is\\n" > two.txt && cutaway generate -f two.txt --json > two.jsonl
      cutaway generate "Once upon a time" --alternatives 5 -o story.html
      cutaway generate "Once upon a time" --temperature 0.8 --top-p 0.9 --trace
      cutaway generate --count 3 --max-new-tokens 20
    """
    if count is not None:
        _records(text, model, count, options)
        return
    refuse_unused("without --count", "train_data", "column")
    del options["train_data"], options["column"]
    from cutaway.generation.request import Request

    prompts = prompts_from(text, file, skip_bad=options.pop("skip_bad"))
    options["tier"] = tier_for(options)
    request = Request(prompts, **{name: value for name, value in options.items() if name not in LOADING})
    found = known(model, options)
    found.check_left_to_right()

    from cutaway.generation import respond
    from cutaway.views import terminal, terminal_tables, terminal_trace
    from cutaway.views.advice import advice

    ready = named_or_loaded(model, options)
    as_json, output = asked()
    one = len(prompts) * request.num_return_sequences == 1
    streamed = one and sys.stdout.isatty() and not as_json and output is None
    # The prompt comes with the first token: what is said while the model is prepared stands above both.
    # An answer, to a chat or of an encoder-decoder, does not continue the prompt, so it stands alone.
    alone = request.chat or found.is_encoder_decoder
    begun = functools.cache(lambda: None if alone else terminal.prompt(prompts[0]))

    def on_step(_row: int, step: TraceStep, piece: str) -> None:
        begun()
        terminal_trace.stream(step, piece)

    def on_text(_row: int, piece: str) -> None:
        begun()
        terminal.stream(piece)

    heard: dict[str, Any] = {"on_step": on_step} if request.trace else {"on_text": on_text}
    done: dict[int, Generation] = {}
    shown = 0

    def ended(number: int, result: Generation) -> None:
        nonlocal shown
        done[number] = result
        while as_json and shown in done:  # in the order of the prompts, each as soon as those before it are out
            emit([done[shown]], None, Asked(as_json=True, output=None))
            shown += 1

    draw = terminal_trace.traces if request.trace else terminal.generations
    try:
        results = respond(request, ready, on_result=ended, **heard if streamed else {})
    except KeyboardInterrupt:
        # What is done is not lost: it is printed, or written, as the whole would have been.
        rest = [done[number] for number in sorted(done) if number >= shown]
        note(f"stopped after {len(done):,} of {len(prompts) * request.num_return_sequences:,} responses")
        if rest and not streamed:
            emit(rest, None if as_json else lambda: draw(rest))
        raise
    if streamed:
        begun()
        terminal.stream("\n")
        if request.trace:
            terminal_tables.show(terminal_trace.trace(results[0]))
    else:
        emit(results, None if as_json else lambda: draw(results), Asked(False, output))  # as JSON it is printed
    if said := advice(results, answers=found.answers):
        note(said)


def _records(text: str | None, model: str, count: int, options: dict[str, Any]) -> None:
    """Print records, or write them into a file or a page, and say how many came to what."""
    refuse_unused("with --count", *_ANSWERS)
    as_json, output = asked()
    if as_json and output is not None:
        raise InputError("--json has no effect on a file of records", hint="end its name in .jsonl, or leave -o out")
    from cutaway.generation.settings import Sampling

    options["tier"] = tier_for(options)
    names = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty", "presence_penalty")
    given = {name: options.pop(name) for name in names}
    sampling = Sampling(**given | {"temperature": 1.0 if given["temperature"] is None else given["temperature"]})
    chosen = click.get_current_context().get_parameter_source("max_new_tokens")
    longest = options["max_new_tokens"] if chosen is click.core.ParameterSource.COMMANDLINE else None
    as_page = output is not None and output.endswith(PAGE)
    if not as_page:
        refuse_unused("without a page (-o FILE.html)", "train_data", "column")
    if not options["train_data"]:
        refuse_unused("without --train-data", "column")
    for name in options["train_data"]:
        check_file(name)
    found = known(model, options)
    found.check_left_to_right()

    from cutaway.generation.record_files import check_alphabet, printed, write_records
    from cutaway.models import load_tokenizer
    from cutaway.tokens.codec import Codec

    alphabet = Codec.of(load_tokenizer(model, revision=options["revision"])).alphabet
    if output is not None and not as_page:
        check_alphabet(output, alphabet)

    from cutaway.generation.sampled_records import sample_records

    kept = {name: options[name] for name in ("seed", "batch_size", "tier")}
    records = sample_records(
        count, named_or_loaded(model, options), prompt=text or "", sampling=sampling, max_new_tokens=longest, **kept
    )
    if output is None:
        for record in records:
            click.echo(printed(record, as_json))
        return
    if not as_page:
        note(str(write_records(records, output)))
        return
    from cutaway.evaluation import sample_sheet

    name = found.path.name if found.name.startswith((".", "/")) else found.name
    sheet = sample_sheet(records, name, alphabet or "text", train_data=options["train_data"], column=options["column"])
    emit([sheet], None)
    counts = sheet.counts
    known_ones = f", {counts['known']:,} in the train part" if "known" in counts else ""
    note(f"{counts['valid']:,} of {counted(count, 'record')} valid, {counts['repeated']:,} repeated{known_ones}")
