"""What each measure is called, in which unit, which way is better, and what it means in one sentence."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class MetricNote:
    """One measure in words; `better` is "lower" or "higher", `best` the best possible value if there is one."""

    key: str
    title: str
    unit: str
    better: str
    best: float | None
    meaning: str


HEADLINE = {
    "causal": "bits_per_symbol",
    "masked": "bits_per_symbol",
    "seq2seq": "chrf",
    "classes": "accuracy",
    "many": "f1",
    "numbers": "mae",
}
"""The measure that the verdict is about, by objective."""

_TOKENS = {
    "causal": "Cost of one token given all before it",
    "masked": "Cost of one masked token given all others of its record",
    "seq2seq": "Cost of one target token given the source and the target before it",
}


def notes_for(objective: str, symbol: str, number: str = "") -> list[MetricNote]:
    """Return the measures of an objective in the order in which they are shown; `symbol` names an original symbol.

    >>> [note.title for note in notes_for("causal", "letter")]
    ['bits per letter', 'bits per token', 'perplexity']
    """
    if objective in _TOKENS:
        return [*_of_losses(objective, symbol), *(_TEXTS if objective == "seq2seq" else [])]
    if objective == "numbers":
        return [dataclasses.replace(note, unit=number) if note.key in ("mae", "rmse") else note for note in _NUMBERS]
    if objective == "many":
        return [dataclasses.replace(note, meaning=_OF_MANY.get(note.key, note.meaning)) for note in _CLASSES]
    return _CLASSES


def _of_losses(objective: str, symbol: str) -> list[MetricNote]:
    cost, masked = _TOKENS[objective], objective == "masked"
    token = "masked token" if masked else "token"
    return [
        MetricNote(
            "bits_per_symbol",
            f"bits per {symbol}",
            "bits",
            "lower",
            None,
            f"{cost}, summed and divided by the {symbol}s: models with different tokenizers compare.",
        ),
        MetricNote("bits_per_token", f"bits per {token}", "bits", "lower", None, f"{cost}, on average."),
        MetricNote(
            "pseudo_perplexity" if masked else "perplexity",
            "pseudo-perplexity" if masked else "perplexity",
            "",
            "lower",
            1.0,
            f"2 to the power of the bits per {token}: among so many equally likely tokens it is as unsure.",
        ),
    ]


_TEXTS = [
    MetricNote("bleu", "BLEU", "", "higher", 100.0, "Shared runs of one to four words with the target, by sacrebleu."),
    MetricNote("chrf", "chrF", "", "higher", 100.0, "Shared runs of one to six characters, by sacrebleu."),
    MetricNote(
        "exact", "exactly right", "", "higher", 1.0, "Share of records whose target is written letter by letter."
    ),
]
_CLASSES = [
    MetricNote("accuracy", "accuracy", "", "higher", 1.0, "Share of records with the right label."),
    MetricNote(
        "balanced_accuracy",
        "balanced accuracy",
        "",
        "higher",
        1.0,
        "Mean over the labels: share that is found of each.",
    ),
    MetricNote("mcc", "MCC", "", "higher", 1.0, "Matthews' correlation of labels and guesses; 0 is chance."),
    MetricNote("f1", "F1 (macro)", "", "higher", 1.0, "Mean over the labels of the F1 of each."),
    MetricNote(
        "auroc",
        "AUROC",
        "",
        "higher",
        1.0,
        "Chance that a record of a label gets more of it than one without; 0.5 is none.",
    ),
    MetricNote(
        "calibration_error",
        "calibration error",
        "",
        "lower",
        0.0,
        "How far probabilities are from how often they come true, on average (15 bins).",
    ),
    MetricNote("brier", "Brier score", "", "lower", 0.0, "Mean squared error of the probabilities."),
]
_OF_MANY = {
    "accuracy": "Share of records with exactly the right labels.",
    "balanced_accuracy": "Mean over the labels of the balanced accuracy of each.",
    "mcc": "Mean over the labels of Matthews' correlation of each; 0 is chance.",
}
_NUMBERS = [
    MetricNote("mae", "mean absolute error", "", "lower", 0.0, "Mean distance from the number, in its own unit."),
    MetricNote("rmse", "RMSE", "", "lower", 0.0, "Root of the mean squared error: large errors count more."),
    MetricNote("spearman", "Spearman", "", "higher", 1.0, "Correlation of the ranks; 0 is chance."),
    MetricNote("r2", "R²", "", "higher", 1.0, "Explained share of the variance; 0 is the mean of the test part."),
]
