"""Compare the speed and memory of reading FASTA with Biopython's SimpleFastaParser.

    python benchmarks/records.py --megabytes 200

Ours checks every letter, compares ids and knows each record's line; Biopython's only splits lines. Each run is a new
process, the two in turn. Times are medians, without imports. Prints one JSON object per line: megabytes of unpacked
file per second, their ratio (ours over Biopython's) and the peak memory of the process.
"""

from __future__ import annotations

import argparse
import gzip
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

SHAPES = {"chromosomes": 5_000_000, "genes": 2_000, "reads": 150}
LINE = 60

OURS = """
from cutaway.sequences import read_records
records = read_records({path!r}, "dna")
next(iter(read_records({path!r}, "dna")))
start = time.perf_counter()
letters = sum(len(record.sequence) for record in records)
"""
PEER = """
import gzip
from Bio.SeqIO.FastaIO import SimpleFastaParser
start = time.perf_counter()
with (gzip.open({path!r}, "rt") if {path!r}.endswith(".gz") else open({path!r})) as file:
    letters = sum(len(sequence) for _, sequence in SimpleFastaParser(file))
"""
AFTER = """
seconds = time.perf_counter() - start
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]
print(json.dumps([letters, seconds, int(peak) / 1e3]))
"""


def write(path: Path, size: int, length: int) -> None:
    rng = np.random.default_rng(0)
    letters = np.frombuffer(b"ACGT", np.uint8)
    number = 0
    with path.open("wb") as file:
        while file.tell() < size:
            row = letters[rng.integers(0, 4, int(rng.integers(length // 2, length * 3 // 2)))].tobytes()
            lines = b"\n".join(row[i : i + LINE] for i in range(0, len(row), LINE))
            file.write(b">record%d made up\n%s\n" % (number, lines))
            number += 1


def run(code: str, path: Path) -> list[float]:
    script = "import json, time\n" + code.format(path=str(path)) + AFTER
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    found: list[float] = json.loads(done.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, length in SHAPES.items():
            path = Path(folder) / f"{name}.fa"
            write(path, options.megabytes * 1_000_000, length)
            size = path.stat().st_size / 1e6
            measure(name, path, size, options.repeats)
            if name == "genes":
                packed = Path(f"{path}.gz")
                with path.open("rb") as plain, gzip.open(packed, "wb", 1) as file:
                    while block := plain.read(1 << 20):
                        file.write(block)
                measure("genes, gzipped", packed, size, options.repeats)
                packed.unlink()
            path.unlink()


def measure(name: str, path: Path, size: float, repeats: int) -> None:
    ours, peer = [], []
    for _ in range(repeats):
        ours.append(run(OURS, path))
        peer.append(run(PEER, path))
    assert {found[0] for found in ours} == {found[0] for found in peer}
    speeds = [size / median(found[1] for found in each) for each in (ours, peer)]
    line: dict[str, Any] = {"file": name, "MB": round(size)}
    line |= {
        "ours, MB/s": round(speeds[0]),
        "Biopython, MB/s": round(speeds[1]),
        "ratio": round(speeds[0] / speeds[1], 2),
    }
    line |= {
        "ours, peak MB": round(max(found[2] for found in ours)),
        "Biopython, peak MB": round(max(f[2] for f in peer)),
    }
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
