"""What is said of each model that lies in the package: its domain, its task, its data, and a command to try it."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class About:
    """One model: `data` names data sets of `cutaway data list`, `start` the model that it was trained further from.

    `start` is on the shelf of packages, or it is one of these models.
    """

    domain: str
    task: str
    data: tuple[str, ...]
    description: str
    example: str
    start: str = ""


MODELS = {
    "shakespeare-char": About(
        "text", "generate", ("shakespeare",), "Shakespeare, character by character",
        "cutaway generate -m shakespeare-char 'HAMLET.' --max-new-tokens 300",
    ),
    "shakespeare-micro": About(
        "text", "generate", ("shakespeare",), "Shakespeare in 1,024 pieces of words; the larger one of a pair",
        "cutaway generate -m shakespeare-micro 'HAMLET.' --max-new-tokens 150",
    ),
    "shakespeare-nano": About(
        "text", "generate", ("shakespeare",), "Shakespeare in 1,024 pieces of words; the smaller one of a pair",
        "cutaway generate -m shakespeare-nano 'HAMLET.' --max-new-tokens 150",
    ),
    "molecules": About(
        "molecules", "generate", ("moses",), "drug-like molecules as SMILES, atom by atom",
        "cutaway generate -m molecules --count 10 -o molecules.html",
    ),
    "melting-point": About(
        "molecules", "predict", ("melting-points",), "the melting point of an organic molecule, from its SMILES",
        "cutaway predict -m melting-point 'CC(=O)Oc1ccccc1C(=O)O'",
    ),
    "ecoli-letters": About(
        "DNA", "generate", ("ecoli",), "the genome of E. coli, letter by letter",
        "cutaway score -m ecoli-letters ATGAAACGCATTAGCACCACCATTACCACCACC",
    ),
    "ecoli-codons": About(
        "DNA", "generate", ("ecoli",), "genes of E. coli, codon by codon",
        "cutaway generate -m ecoli-codons --count 3",
    ),
    "proteins": About(
        "proteins", "fill", ("uniprot-sample",), "proteins of UniProt; it fills in hidden residues",
        "cutaway fill -m proteins 'MKTAYIAKQR?ISFVKSHFSRQ'",
    ),
    "antimicrobial": About(
        "proteins", "classify", ("peptides",), "peptides: antimicrobial or not",
        "cutaway classify -m antimicrobial GIGKFLHSAKKFGKAFVGEIMNS",
    ),
    "weather-days": About(
        "weather", "forecast", ("weather-seattle",), "the weather in Seattle, day by day",
        "cutaway forecast -m weather-days DAYS.csv --horizon 7",
    ),
    "weather-hours": About(
        "weather", "forecast", ("weather-year",), "a typical year at two places in the USA, hour by hour",
        "cutaway forecast -m weather-hours HOURS.csv --horizon 24",
    ),
    "three-wells": About(
        "dynamics", "generate", (), "a particle in three wells (Langevin dynamics), as states",
        "cutaway generate -m three-wells --count 3",
    ),
    "adenylate-kinase": About(
        "dynamics", "generate", ("mdanalysis-tests",), "adenylate kinase as it opens, as states",
        "cutaway generate -m adenylate-kinase --count 3",
    ),
    "english-french": About(
        "text", "translate", ("help-en-fr",), "English to French, on help texts of an office program",
        "cutaway translate 'Click the button to open the window.'",
    ),
    "movie-sentiment": About(
        "text", "classify", ("sentiment",), "sentences on films: positive or negative",
        "cutaway classify 'A warm, funny and clever film.'", start="minilm-l6",
    ),
}  # fmt: skip
