"""What a run says before it starts: the model, the length, and the memory and time that are planned."""

from __future__ import annotations

from cutaway.errors import CutawayError, counted, sized
from cutaway.models import Model
from cutaway.progress import duration
from cutaway.training.loop import Job
from cutaway.training.plan import plan
from cutaway.training.settings import Settings


def opening(model: Model, settings: Settings, job: Job, context: int, steps: int | None) -> str:
    """Return the sentence with which a run begins."""
    loop, decided = settings.loop, job.decided
    length = counted(steps, "step") if steps else f"{loop.minutes:g} minutes"
    parameters = sum(parameter.numel() for parameter in job.module.parameters())
    processes = counted(job.processes.size, "process", "processes")
    return (
        f"training {model.name}: {parameters:,} parameters, {length} of {loop.batch_size} rows of up to {context} "
        f"tokens, {processes} of {counted(decided.threads, 'thread')}, {decided.precision}"
        f"{_needs(model, settings, job, context, steps) if job.processes.first else ''}"
    )


def _needs(model: Model, settings: Settings, job: Job, context: int, steps: int | None) -> str:
    """Say what memory and time the run is planned to take; nothing for a model that can't be planned."""
    loop, decided = settings.loop, job.decided
    if settings.model.start is not None:  # its weights may be frozen
        return ""
    try:
        planned = plan(
            model.config,
            context=context,
            batch_size=loop.batch_size,
            micro_batch=decided.micro_batch,
            precision=decided.precision,
            optimizer=loop.optimizer,
            attention=decided.attention,
            gradient_checkpointing=loop.gradient_checkpointing,
            count=job.processes.size,
            steps=steps,
        )
    except CutawayError:
        return ""
    if loop.device != "cpu" or planned.total_seconds is None:
        return f"; {sized(planned.peak_bytes)} planned"
    return f"; {sized(planned.peak_bytes)} and {duration(planned.total_seconds)} planned"
