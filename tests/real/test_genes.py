"""Annotated genes through the codon tokenizer: their ids, read by the genetic code, are the annotated proteins."""

import csv
import gzip
import hashlib
from pathlib import Path

import pytest

from cutaway.models import cache
from cutaway.models.datasets import DATASETS
from cutaway.sequences import open_reading_frames, read_records
from cutaway.tokens import Tokenizer, codons, save_tokenizer

# The bacterial code (NCBI's table 11): amino acids in the order of TTT, TTC, TTA, TTG, TCT, …; * is a stop.
AMINO_ACIDS = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"
CODE = {a + b + c: AMINO_ACIDS[16 * i + 4 * j + k] for i, a in enumerate("TCAG") for j, b in enumerate("TCAG")
        for k, c in enumerate("TCAG")}  # fmt: skip
STARTS = {"TTG", "CTG", "ATT", "ATC", "ATA", "ATG", "GTG"}
EDITED = {"NP_051109.2"}  # ndhD begins with ACG, which becomes AUG in the messenger
COMPLEMENT = str.maketrans("ACGT", "TGCA")


@pytest.fixture
def data(_users_cache):
    """A function that returns the file of a set of data, and skips the test where that is not cached."""

    def file(name):
        if cache.record(name, "data") is None:
            pytest.skip(f"{name} is not in the cache ({cache.home()}): cutaway data get {name}")
        return cache.folder(name, "data") / DATASETS[name].main

    return file


@pytest.fixture
def tokenizer(tmp_path):
    """The codon tokenizer as it is saved and read again."""
    save_tokenizer(codons(), tmp_path / "codons")
    return Tokenizer.from_directory(tmp_path / "codons")


def protein(ids, tokenizer):
    """Translate codons by their ids; a start at the beginning is methionine, and a stop at the end is left out."""
    words = [tokenizer.token(i) for i in ids]
    letters = "".join(CODE[word] for word in words)
    return ("M" if words[0] in STARTS else letters[0]) + letters[1:].removesuffix("*")


def test_every_gene_of_the_chloroplast(data, tokenizer):
    genes = list(read_records(data("chloroplast"), "codon"))
    assert len(genes) == 85
    total = 0
    for gene in genes:
        ids = tokenizer.encode(gene.sequence, add_special_tokens=False).ids
        total += len(ids)
        found = protein(ids, tokenizer)
        assert ("M" + found[1:] if gene.id in EDITED else found) == gene.label, gene.id
    assert total == 26_494


def test_every_gene_of_lambda(data, tokenizer):
    (genome,) = read_records(data("lambda"), "dna")
    table = Path(__file__).with_name("lambda_genes.tsv").read_text().splitlines()
    genes = list(csv.reader((line for line in table if not line.startswith("#")), delimiter="\t"))
    assert len(genes) == 73
    for name, gene, strand, first, last, residues, sha256 in genes:
        sequence = genome.sequence[int(first) - 1 : int(last)]
        if strand == "-":
            sequence = sequence.translate(COMPLEMENT)[::-1]
        ids = tokenizer.encode(sequence, add_special_tokens=False).ids
        found = protein(ids, tokenizer)
        assert (len(ids), len(found)) == (int(residues) + 1, int(residues)), (name, gene)
        assert hashlib.sha256(found.encode()).hexdigest()[:16] == sha256, (name, gene)


def stop(strand, first, last):
    return strand, last if strand == "+" else first


def frames_and_genes(sequence, genes):
    """The open reading frames of a genome, and those that are genes: the same strand and the same stop."""
    stops = {stop(*gene) for gene in genes}
    frames = open_reading_frames(sequence)
    return frames, [one for one in frames if stop(one.strand, one.first, one.last) in stops]


def test_the_open_reading_frames_of_lambda_are_its_genes(data):
    (genome,) = read_records(data("lambda"), "dna")
    table = Path(__file__).with_name("lambda_genes.tsv").read_text().splitlines()
    genes = [
        (strand, int(first), int(last))
        for _, _, strand, first, last, *_ in csv.reader((x for x in table if not x.startswith("#")), delimiter="\t")
    ]
    frames, right = frames_and_genes(genome.sequence, genes)
    assert (len(frames), len(right)) == (49, 46)
    long = {stop(*gene) for gene in genes if gene[2] - gene[1] + 1 >= 300}
    assert len(long) == 49 and len(long & {stop(one.strand, one.first, one.last) for one in frames}) == 45
    assert sum(len(one.sequence) for one in right) / sum(len(one.sequence) for one in frames) > 0.96
    assert sum((one.strand, one.first, one.last) in genes for one in right) == 33  # the same start, too


def test_the_open_reading_frames_of_the_chloroplast_hold_its_genes_without_introns(data):
    from Bio import SeqIO

    with gzip.open(data("chloroplast"), "rt") as file:
        entry = SeqIO.read(file, "genbank")
    places = [one.location for one in entry.features if one.type == "CDS" and len(one.location.parts) == 1]
    genes = [("+" if one.strand == 1 else "-", int(one.start) + 1, int(one.end)) for one in places]
    frames, right = frames_and_genes(str(entry.seq), genes)
    assert len({stop(*gene) for gene in genes if gene[2] - gene[1] + 1 >= 300}) == 45
    assert (len(frames), len(right)) == (60, 43)  # the others are parts of genes with introns, and chance
