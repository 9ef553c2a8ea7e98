"""Data that need no hub: fetched once, checked, unpacked, and nothing of their packages ever runs."""

import csv
import dataclasses
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

import cutaway
import cutaway.sequences
from cutaway.cli import cli
from cutaway.errors import (
    CacheError,
    ChecksumMismatch,
    CorruptFile,
    HubUnreachable,
    ModelError,
    NotFetched,
    UnknownModel,
)
from cutaway.models import cache, data, dataset_recipes
from cutaway.models.datasets import DATASETS, Dataset
from cutaway.models.shelf import Package
from tests.unit.wheels import FOLDER, sha256, write_wheel

TINY = Dataset(
    name="tiny", alphabet="dna", description="", keep=(f"{FOLDER}/*.fa", "*/LICENSE"), main="tiny.fa", how="FASTA",
    licence="CC0", citation="Someone 2021",
)  # fmt: skip


def in_the_cache() -> list[str]:
    root = cache.home() / "data"
    return sorted(path.name for path in root.iterdir() if path.suffix != ".lock") if root.exists() else []


@pytest.fixture
def shelve_data(wheel, monkeypatch):
    """Put a set of data in a wheel on the shelf as "tiny", pinned as it lies there unless told otherwise."""

    def put(files=None, pinned=None, **changes):
        write_wheel(wheel, files or {"tiny.fa": ">a\nACGT\n", "other.txt": ""})
        package = Package("tiny-weights", "1.0", pinned or sha256(wheel), 0)
        entry = dataclasses.replace(TINY, **{"package": package, **changes})
        monkeypatch.setitem(DATASETS, "tiny", entry)
        return entry

    return put


def test_data_are_fetched_once_and_then_found_in_the_cache(shelve_data, pips, monkeypatch, tmp_path):
    shelve_data()
    found = cutaway.get_data("tiny")
    assert found.path == str(cache.folder("tiny-1.0", "data")) and len(pips) == 1
    assert (Path(found.path) / found.main).read_text() == ">a\nACGT\n"
    assert [file.name for file in found.files] == ["cutaway.json", "tiny.fa"]  # what was not asked for is not kept
    assert (found.licence, found.citation, found.alphabet) == ("CC0", "Someone 2021", "dna")
    assert "tiny-weights==1.0 (sha256 " in found.source and in_the_cache() == ["tiny-1.0"]
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert cutaway.get_data("tiny") == found and len(pips) == 1
    assert cutaway.load_result(found.save(tmp_path / "x.json")) == found
    listed = {entry.name: entry for entry in cutaway.list_data().datasets}
    assert listed["tiny"].cached and not listed["moses"].cached and listed["tiny"].bytes == found.bytes
    assert [
        model.name for model in cutaway.list_models().models if model.cached and not model.built_in
    ] == []  # data are no models


def test_a_new_edition_has_its_own_folder_and_leaves_the_old_one(shelve_data, pips, monkeypatch):
    shelve_data()
    first = cutaway.get_data("tiny")
    shelve_data(keep=(f"{FOLDER}/*.fa", f"{FOLDER}/*.txt"), edition=2)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(NotFetched):
        cutaway.get_data("tiny")
    monkeypatch.delenv("HF_HUB_OFFLINE")
    second = cutaway.get_data("tiny")
    assert len(pips) == 2 and [file.name for file in second.files] == ["cutaway.json", "other.txt", "tiny.fa"]
    assert in_the_cache() == ["tiny-1.0", "tiny-1.0-2"]
    assert [file.name for file in first.files] == sorted(path.name for path in Path(first.path).iterdir())


def test_every_data_set_has_a_description_licence_and_citation():
    listed = cutaway.list_data()
    assert len(listed.datasets) == 14 and len(listed.rows()) == 14
    assert all(entry.licence and entry.citation and entry.description and entry.bytes for entry in listed.datasets)
    assert all(len(entry.package.sha256) == 64 for entry in DATASETS.values() if entry.package)
    assert all(entry.main_sha256 for entry in DATASETS.values() if entry.debian)


# Source distributions

SETUP = "open({path!r}, 'w').close()\nraise SystemExit('the package was run')\n"


def sdist(folder, tmp_path, kind="tar.gz", pyproject=""):
    """Write a source distribution whose setup.py leaves a trace."""
    files = {
        "tiny_data-1.0/setup.py": SETUP.format(path=str(tmp_path / "ran")),
        "tiny_data-1.0/PKG-INFO": "Metadata-Version: 2.1\nName: tiny-data\nVersion: 1.0\n",
        "tiny_data-1.0/inside/tiny.fa": ">a\nACGT\n",
        "tiny_data-1.0/LICENSE": "do as you like",
    } | ({"tiny_data-1.0/pyproject.toml": pyproject} if pyproject else {})
    path = folder / f"tiny_data-1.0.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in files.items():
                archive.writestr(name, text)
    else:
        with tarfile.open(path, "w:gz") as archive:
            for name, text in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(text.encode())
                archive.addfile(member, io.BytesIO(text.encode()))
    return path


BACKEND = '[build-system]\nrequires = ["setuptools", "nothing-that-exists"]\nbuild-backend = "setuptools.build_meta"\n'


@pytest.mark.parametrize(("kind", "pyproject"), [("tar.gz", ""), ("zip", ""), ("tar.gz", BACKEND)])
def test_no_code_of_a_source_distribution_runs(wheel, monkeypatch, tmp_path, kind, pyproject):
    path = sdist(wheel.parent, tmp_path, kind, pyproject)
    package = Package("tiny-data", "1.0", sha256(path), 0)
    entry = dataclasses.replace(TINY, package=package, source=True, keep=("*/inside/tiny.fa", "*/LICENSE"))
    monkeypatch.setitem(DATASETS, "tiny", entry)
    found = cutaway.get_data("tiny")
    assert [file.name for file in found.files] == ["LICENSE", "cutaway.json", "tiny.fa"]
    assert not (tmp_path / "ran").exists()
    shutil.rmtree(found.path)
    monkeypatch.setitem(DATASETS, "tiny", dataclasses.replace(entry, package=dataclasses.replace(package, sha256="0")))
    with pytest.raises(ChecksumMismatch, match=r"tiny_data-1\.0.* is not the expected file"):
        cutaway.get_data("tiny")
    assert not (tmp_path / "ran").exists() and in_the_cache() == []


# Bad input


@pytest.mark.parametrize(
    ("name", "hint"), [("mose", "did you mean moses?"), ("", "cutaway data list"), ("../x", "list")]
)
def test_unknown_names_are_refused_with_a_suggestion(name, hint):
    with pytest.raises(UnknownModel, match="no data set") as raised:
        cutaway.get_data(name)
    assert hint in raised.value.hint


def test_offline_says_how_to_fetch_and_runs_nothing(shelve_data, monkeypatch, pips):
    shelve_data()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(NotFetched, match="tiny is not on this computer") as raised:
        cutaway.get_data("tiny")
    assert "cutaway data get tiny" in raised.value.hint and pips == [] and in_the_cache() == []


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"pinned": "0" * 64}, ChecksumMismatch, "is not the expected file"),
        ({"main": "nothing.fa"}, CorruptFile, "does not contain nothing.fa"),
        ({"main_sha256": "0" * 64}, ChecksumMismatch, r"tiny\.fa .* is not the expected file"),
        ({"prepare": "peptides", "main": "peptides.csv"}, CorruptFile, "does not contain AMPvsUniProt.csv"),
    ],
)
def test_wrong_packages_are_refused(shelve_data, changes, error, words):
    shelve_data(**changes)
    with pytest.raises(error, match=words):
        cutaway.get_data("tiny")
    assert in_the_cache() == []


def test_a_package_that_the_index_does_not_have(shelve_data, wheel):
    shelve_data()
    wheel.unlink()
    with pytest.raises(HubUnreachable, match=r"tiny-weights==1\.0") as raised:
        cutaway.get_data("tiny")
    assert "cutaway data get tiny" in raised.value.hint


# Packages of Debian

needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="no dpkg-deb here")


@pytest.fixture
def debian(tmp_path, monkeypatch):
    """An apt-get that hands out one package, in place of the system's, and that package on the shelf."""
    root = tmp_path / "root"
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN" / "control").write_text(
        "Package: tiny-examples\nVersion: 1:2.0-1\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n"
    )
    (root / "usr/share/doc/tiny").mkdir(parents=True)
    (root / "usr/share/doc/tiny/tiny.fa").write_text(">a\nACGT\n")
    package = tmp_path / "tiny-examples_1%3a2.0-1_all.deb"
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", root, package], check=True, capture_output=True)
    tools = tmp_path / "bin"
    tools.mkdir()
    script = tools / "apt-get"
    script.write_text(
        f"#!/bin/sh\ncase $3 in tiny-examples) cp {package} . ;; *) echo 'E: Unable to locate' >&2; exit 100; esac\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    pinned = sha256(root / "usr/share/doc/tiny/tiny.fa")
    entry = dataclasses.replace(TINY, keep=("*/tiny.fa",), debian=("tiny-examples",), main_sha256=pinned)
    monkeypatch.setitem(DATASETS, "tiny", entry)
    return entry


@needs_dpkg
def test_a_debian_package_is_unpacked_and_not_installed(debian):
    found = cutaway.get_data("tiny")
    assert found.source == "tiny-examples 1:2.0-1" and found.path.endswith("/data/tiny")
    assert [file.name for file in found.files] == ["cutaway.json", "tiny.fa"]


@needs_dpkg
def test_a_debian_release_with_another_file_or_none_is_refused(debian, monkeypatch):
    monkeypatch.setitem(DATASETS, "tiny", dataclasses.replace(debian, main_sha256="0" * 64))
    with pytest.raises(ChecksumMismatch, match="of Debian tiny-examples is not the expected file") as raised:
        cutaway.get_data("tiny")
    assert "release of Debian" in raised.value.hint
    monkeypatch.setitem(DATASETS, "tiny", dataclasses.replace(debian, debian=("other",)))
    with pytest.raises(HubUnreachable, match="did not send other: Unable to locate") as raised:
        cutaway.get_data("tiny")
    assert "apt-get update" in raised.value.hint and in_the_cache() == []
    script = Path(shutil.which("apt-get"))
    script.write_text("#!/bin/sh\necho 'E: Write error - write (28: No space left on device)' >&2; exit 100\n")
    with pytest.raises(CacheError, match="the disk is full"):
        cutaway.get_data("tiny")


def test_a_system_without_apt(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ModelError, match="ecoli comes in the Debian package bowtie-examples") as raised:
        cutaway.get_data("ecoli")
    assert "cutaway data list" in raised.value.hint


# Tables that are made


def read(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


def test_sentiment_leaves_the_newspapers_out(tmp_path):
    folder = tmp_path / "vader-0.5" / "additional_resources"
    folder.mkdir(parents=True)
    parts = {
        "movieReviewSnippets": '1\t2.5\tGood, "really".\r\n2\t-1\tBad.\r\n',
        "amazonReviewSnippets": "1_1\t0.0\tso\r\n",
        "tweets": "1\t-0.2\tmeh\t:(\r\n",
        "nytEditorialSnippets": "1_1\t1\tsecret\r\n",
    }
    with tarfile.open(folder / "hutto_ICWSM_2014.tar.gz", "w:gz") as archive:
        for name, text in parts.items():
            member = tarfile.TarInfo(f"hutto_ICWSM_2014/{name}_GroundTruth.txt")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    dataset_recipes.sentiment(tmp_path, tmp_path / "out.csv")
    assert read(tmp_path / "out.csv") == [
        ["text", "label", "rating", "part"], ['Good, "really".', "positive", "2.5", "movie"],
        ["Bad.", "negative", "-1", "movie"], ["so", "neutral", "0.0", "amazon"],
        ["meh\t:(", "negative", "-0.2", "tweets"],
    ]  # fmt: skip


def test_peptides(tmp_path):
    (tmp_path / "modlamp/data").mkdir(parents=True)
    (tmp_path / "modlamp/data/AMPvsUniProt.csv").write_text("2,1,UniProt,AMP\nGLW, 1\nMKT,0\n")
    dataset_recipes.peptides(tmp_path, tmp_path / "out.csv")
    assert read(tmp_path / "out.csv") == [["sequence", "label"], ["GLW", "antimicrobial"], ["MKT", "other"]]


def test_melting_points_have_a_structure(tmp_path):
    (tmp_path / "chemicals/Identifiers").mkdir(parents=True)
    (tmp_path / "chemicals/Phase Change").mkdir()
    names = tmp_path / "chemicals/Identifiers"
    (names / "chemical identifiers pubchem large.tsv").write_text("1\t50-00-0\tCH2O\t30\tO=C\tx\n2\t1-1-1\tX\t1\t\n")
    (names / "chemical identifiers pubchem small.tsv").write_text("1\t50-00-0\tCH2O\t30\tC=O\tx\n")
    points = tmp_path / "chemicals/Phase Change/OpenNotebook Melting Points.tsv"
    points.write_text("CAS\tTm\n50-00-0\t181.15\n1-1-1\t300\n9-9-9\t400\n")
    dataset_recipes.melting_points(tmp_path, tmp_path / "out.csv")
    assert read(tmp_path / "out.csv") == [["smiles", "kelvin", "cas"], ["C=O", "181.15", "50-00-0"]]


def test_help_is_paired_by_the_ids_of_its_paragraphs(tmp_path):
    english = (
        '<h1 id="a">The first  <b>thing</b></h1><p id="b">Only two</p><p id="c">SELECT all FROM t</p><p>no name</p>'
    )
    french = '<h1 id="a">La première chose</h1><p id="b">Deux mots</p><p id="c">SELECT all FROM t</p>'
    for language, page in (("en-US", english), ("fr", french)):
        folder = tmp_path / "usr/share/libreoffice/help" / language / "text"
        folder.mkdir(parents=True)
        (folder / "page.html").write_text(page)
    dataset_recipes.help_pairs(tmp_path, tmp_path / "pairs.tsv")
    assert (tmp_path / "pairs.tsv").read_text() == "en\tfr\nThe first thing\tLa première chose\n"


def test_a_year_of_weather_begins_with_the_names_of_its_columns(tmp_path):
    (tmp_path / "pvlib/data").mkdir(parents=True)
    head = "Date (MM/DD/YYYY),Time (HH:MM),GHI (W/m^2),GHI source"
    for name, place in (("723170TYA.CSV", '723170,"GREENSBORO, NC",-5.0'), ("703165TY.csv", "703165,SAND POINT,-9.0")):
        (tmp_path / "pvlib/data" / name).write_text(f"{place}\n{head}\n01/01/1988,01:00,{len(place)},A\n")
    dataset_recipes.weather_year(tmp_path, tmp_path / "greensboro.csv")
    for name, number in (("greensboro.csv", 28.0), ("sand-point.csv", 22.0)):
        (record,) = cutaway.sequences.read_records(tmp_path / name, "series")
        assert [list(channel) for channel in record.sequence] == [[number]]


# The command


def test_command_get_and_list(shelve_data, tmp_path):
    shelve_data()
    runner = CliRunner()
    said = runner.invoke(cli, ["data", "get", "tiny"])
    assert said.exit_code == 0 and said.stdout.strip() == str(cache.folder("tiny-1.0", "data"))
    assert "read tiny.fa, FASTA" in said.stderr and "licence: CC0" in said.stderr and "cite: Someone" in said.stderr
    record = json.loads(runner.invoke(cli, ["data", "get", "tiny", "--json"]).stdout)
    assert {"path", "licence", "citation", "files", "bytes"} <= set(record) and record["schema"] == "cutaway.dataset/1"
    listed = runner.invoke(cli, ["data", "list"]).stdout
    [tiny] = [line for line in listed.splitlines() if line.startswith("tiny ")]
    assert re.search(r" [1-9]\d* bytes ", tiny)  # a small file is not 0.0 MB
    assert "Someone 2021" in listed and "Polykovskiy" in listed
    for suffix in (".html", ".csv", ".json"):
        done = runner.invoke(cli, ["data", "list", "-o", str(tmp_path / f"list{suffix}")])
        assert done.exit_code == 0 and "moses" in (tmp_path / f"list{suffix}").read_text()


def test_command_get_names_the_options_of_records(shelve_data):
    shelve_data(how="CSV; `column='text'`; `skip_bad=True` leaves out one")
    said = CliRunner().invoke(cli, ["data", "get", "tiny"]).stderr
    assert "read tiny.fa, CSV; --column text; --skip-bad leaves out one" in said


def test_command_says_why_in_two_lines():
    command = [sys.executable, "-m", "cutaway", "data", "get", "mose"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert run.returncode == 2 and run.stdout == ""
    assert run.stderr.splitlines()[-2:] == [  # on a slow machine a line of progress comes before
        "cutaway: there is no data set 'mose'", "  did you mean moses? (cutaway data list)"
    ]  # fmt: skip


def test_help_imports_nothing_heavy():
    assert data.ROOM == "data"
    code = "import sys, cutaway.cli.data, cutaway; cutaway.list_data(); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(run.stdout.split()) & {"torch", "transformers", "numpy"}
