"""Folders of tokenizers in every layout that is about, with tiny vocabularies, made by transformers' own classes."""

import functools
import json
from pathlib import Path

import tokenizers
from tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers, processors, trainers

CORPUS = [
    "hello world it is a nice day",
    "Hello World the café naïve ﬁne straße İstanbul",
    "don't stop , now . 12 345",
    "日本語 テスト 👩‍👩‍👧 e\u0301",
] * 50
TEXTS = [
    "hello world",
    " hello World",
    "  two  spaces \n\n nl\ttab ",
    "Hello <tag> World worlds Day day",
    "a<s>b</s>c <tool> d [MASK] <mask>.",
    "日本語 👩‍👩‍👧 e\u0301 é",
    "İstanbul ﬁne straße Ⅳ ½",
    "don't stop , now . it 's ?",
    "",
    "\u200d\u202eabc\u202c",
    "world,world worldly in 2024 3.14159",
    "MKTAYIW mkt X<cls>A <unk> B ACGT",
]
SPECIAL = ["<unk>", "<s>", "</s>", "<pad>", "<mask>", "<|endoftext|>", "<|startoftext|>", "<bos>", "<eos>"]
BRACKETED = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ROLES = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}


def _bytes(prefix: bool = False, **options) -> tokenizers.Tokenizer:
    made = tokenizers.Tokenizer(models.BPE(**options))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    made.decoder, made.post_processor = decoders.ByteLevel(), processors.ByteLevel(trim_offsets=True)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(
            vocab_size=440, special_tokens=SPECIAL + BRACKETED, initial_alphabet=alphabet, show_progress=False
        ),
    )
    return made


def _pieces(legacy: bool = True) -> tokenizers.Tokenizer:
    made = tokenizers.Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    special = SPECIAL + [f"<0x{i:02X}>" for i in range(256)]
    made.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=600, special_tokens=special, show_progress=False))
    made.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    if legacy:
        made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        made.pre_tokenizer = None
    return tokenizers.Tokenizer.from_str(made.to_str())


def _unigram() -> tokenizers.Tokenizer:
    made = tokenizers.Tokenizer(models.Unigram())
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    made.decoder = decoders.Metaspace(prepend_scheme="always")
    trainer = trainers.UnigramTrainer(
        vocab_size=220, special_tokens=SPECIAL + BRACKETED, unk_token="<unk>", show_progress=False
    )
    made.train_from_iterator(CORPUS, trainer)
    return made


def _word_pieces(lower: bool = True) -> tokenizers.Tokenizer:
    made = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=lower)
    made.pre_tokenizer, made.decoder = pre_tokenizers.BertPreTokenizer(), decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=320, special_tokens=BRACKETED + SPECIAL, show_progress=False)
    made.train_from_iterator(CORPUS, trainer)
    ends = [(token, made.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    made.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    return made


@functools.cache
def _base(kind: str) -> str:
    made = {
        "bytes": _bytes,
        "prefixed": lambda: _bytes(True),
        "pieces": _pieces,
        "pieces, new": lambda: _pieces(False),
        "unigram": _unigram,
        "word pieces": _word_pieces,
        "cased word pieces": lambda: _word_pieces(False),
    }[kind]()
    return made.to_str()


def base(kind: str) -> tokenizers.Tokenizer:
    """Return a new tokenizer of a kind."""
    return tokenizers.Tokenizer.from_str(_base(kind))


def _tokenizer_json(kind, config, model_type=None, change=None, files=None):
    def make(folder: Path) -> None:
        made = base(kind)
        if change:
            change(made)
        made.save(str(folder / "tokenizer.json"))
        if config is not None:
            (folder / "tokenizer_config.json").write_text(json.dumps(config))
        (folder / "config.json").write_text(json.dumps({"model_type": model_type} if model_type else {}))
        for name, content in (files or {}).items():
            (folder / name).write_text(json.dumps(content))

    return make


def _of_class(kind, name, model_type, **config):
    return _tokenizer_json(kind, {**config, "tokenizer_class": name}, model_type)


def _vocabulary(kind, model_type, config=None, special=None, vocab="vocab.json", merges="merges.txt"):
    """A folder of before tokenizer.json."""

    def make(folder: Path) -> None:
        model = json.loads(_base(kind))["model"]
        ordered = sorted(model["vocab"], key=model["vocab"].get)
        if vocab == "vocab.txt":
            (folder / vocab).write_text("\n".join(ordered) + "\n", encoding="utf-8")
        else:
            pairs = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
            (folder / vocab).write_text(json.dumps(model["vocab"]))
            (folder / merges).write_text("#version: 0.2\n" + "\n".join(pairs) + "\n", encoding="utf-8")
        (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
        for name, content in (("tokenizer_config.json", config), ("special_tokens_map.json", special)):
            if content is not None:
                (folder / name).write_text(json.dumps(content))

    return make


def _saved(make_tokenizer, model_type):
    """A folder that transformers itself saved."""

    def make(folder: Path) -> None:
        import transformers

        make_tokenizer(transformers).save_pretrained(folder)
        (folder / "config.json").write_text(json.dumps({"model_type": model_type}))

    return make


def _python_only(files, model_type, config=None):
    def make(folder: Path) -> None:
        for name, content in files.items():
            (folder / name).write_text(content)
        (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
        (folder / "tokenizer_config.json").write_text(json.dumps(config or {}))

    return make


def _generic(**more):
    return {**ROLES, "tokenizer_class": "PreTrainedTokenizerFast", **more}


def _with_added(made):
    made.add_tokens(
        [
            AddedToken("<tag>", lstrip=True, rstrip=True),
            AddedToken("world", single_word=True),
            AddedToken("Day", normalized=True),
        ]
    )


def _folded(made):
    made.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase(), normalizers.StripAccents()])


def _template(made):
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[(token, made.token_to_id(token)) for token in ("<s>", "</s>")]
    )


TOOL = {"content": "<tool>", "special": True, "lstrip": False, "rstrip": False, "normalized": False}
TOOL["single_word"] = False
BERT_ROLES = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), BRACKETED, strict=True))
AMINO = ["<cls>", "<pad>", "<eos>", "<unk>", *"LAGVSERTIDPKQNFYMHWCXBUZO", ".", "-", "<null_1>", "<mask>"]
BYTES_SIZE = len(json.loads(_base("bytes"))["model"]["vocab"])

LAYOUTS = {
    # tokenizer.json under a class that builds its pipeline anew
    "gpt2": _of_class("bytes", "GPT2Tokenizer", "gpt2"),
    "gpt2 over a prefix": _of_class("prefixed", "GPT2Tokenizer", "gpt2", add_prefix_space=False, **ROLES),
    "gpt2 with a prefix": _of_class("bytes", "GPT2Tokenizer", "gpt2", add_prefix_space=True, **ROLES),
    "gpt2 fast, bos": _of_class("bytes", "GPT2TokenizerFast", "gpt2", add_bos_token=True, **ROLES),
    "gpt2 by its model alone": _tokenizer_json("bytes", ROLES, "gpt2"),
    "roberta": _of_class("bytes", "RobertaTokenizer", "roberta"),
    "bart by its model alone": _tokenizer_json("bytes", {}, "bart"),
    "longformer": _of_class("prefixed", "LongformerTokenizerFast", "longformer"),
    "clip": _of_class("bytes", "CLIPTokenizer", "clip"),
    "whisper": _of_class("bytes", "WhisperTokenizer", "whisper"),
    "deberta": _of_class("bytes", "DebertaTokenizer", "deberta"),
    "qwen2": _of_class("bytes", "Qwen2Tokenizer", "qwen2"),
    "qwen2 said to be generic": _of_class("bytes", "PreTrainedTokenizerFast", "qwen2", **ROLES),
    "codegen, phi": _of_class("bytes", "CodeGenTokenizer", "phi"),
    "gpt neox": _of_class("bytes", "GPTNeoXTokenizerFast", "gpt_neox"),
    "bloom": _of_class("prefixed", "BloomTokenizerFast", "bloom", **ROLES),
    "falcon": _of_class("bytes", "PreTrainedTokenizerFast", "falcon", **ROLES),
    "opt": _of_class("bytes", "GPT2Tokenizer", "opt", add_bos_token=True, **ROLES),
    "llama of bytes": _of_class("bytes", "LlamaTokenizerFast", "llama", **ROLES),
    "llama, legacy": _of_class("pieces", "LlamaTokenizer", "llama", legacy=True, add_bos_token=True, **ROLES),
    "llama, new": _of_class("pieces, new", "LlamaTokenizer", "llama", legacy=False, add_bos_token=True, **ROLES),
    "llama without bos": _of_class("pieces", "LlamaTokenizer", "llama", add_bos_token=False, add_eos_token=True),
    "llama without a prefix": _of_class("pieces", "LlamaTokenizer", "llama", add_prefix_space=False, **ROLES),
    "mistral": _of_class("pieces", "LlamaTokenizer", "mistral", **ROLES),
    "code llama": _of_class("pieces", "CodeLlamaTokenizer", "code_llama", **ROLES),
    "gemma": _of_class("pieces", "GemmaTokenizer", "gemma2"),
    "nllb": _of_class("pieces", "NllbTokenizer", "m2m_100", src_lang="eng_Latn"),
    "mbart": _of_class("unigram", "MBartTokenizer", "mbart", src_lang="en_XX"),
    "xlm-r": _of_class("unigram", "XLMRobertaTokenizer", "xlm-roberta"),
    "albert": _of_class("unigram", "AlbertTokenizer", "albert"),
    "albert, cased": _of_class("unigram", "AlbertTokenizer", "albert", do_lower_case=False, keep_accents=True),
    "t5": _of_class("unigram", "T5Tokenizer", "t5", extra_ids=3),
    "big bird": _of_class("unigram", "BigBirdTokenizer", "big_bird"),
    "deberta v2": _of_class("unigram", "DebertaV2Tokenizer", "deberta-v2"),
    "bert": _of_class("word pieces", "BertTokenizer", "bert"),
    "bert, cased by its configuration": _of_class("word pieces", "BertTokenizer", "bert", do_lower_case=False),
    "bert, uncased by its configuration": _of_class("cased word pieces", "BertTokenizer", "bert", do_lower_case=True),
    "bert that keeps accents": _of_class("word pieces", "BertTokenizer", "bert", strip_accents=False),
    "bert, chinese as words": _of_class("word pieces", "BertTokenizer", "bert", tokenize_chinese_chars=False),
    "bert, cleaned up": _of_class("word pieces", "BertTokenizer", "bert", clean_up_tokenization_spaces=True),
    "electra": _of_class("word pieces", "ElectraTokenizerFast", "electra"),
    "distilbert": _of_class("word pieces", "DistilBertTokenizer", "distilbert"),
    "layoutlm": _of_class("word pieces", "LayoutLMTokenizerFast", "layoutlm"),
    "funnel": _of_class("word pieces", "FunnelTokenizer", "funnel"),
    "mpnet": _of_class("word pieces", "MPNetTokenizer", "mpnet"),
    "splinter": _of_class("word pieces", "SplinterTokenizer", "splinter"),
    # the generic class
    "generic": _tokenizer_json("bytes", _generic()),
    "generic, prefix": _tokenizer_json("bytes", _generic(add_prefix_space=True)),
    "generic, ends": _tokenizer_json("bytes", _generic(add_bos_token=True, add_eos_token=True)),
    "generic, template": _tokenizer_json("bytes", _generic(), change=_template),
    "generic, added": _tokenizer_json("bytes", _generic(), change=_with_added),
    "generic, folded": _tokenizer_json("bytes", _generic(), change=_folded),
    "generic, unsplit": _tokenizer_json("bytes", _generic(split_special_tokens=True)),
    "generic, cleaned up": _tokenizer_json("unigram", _generic(clean_up_tokenization_spaces=True)),
    "generic, added by the configuration": _tokenizer_json(
        "bytes", _generic(added_tokens_decoder={str(BYTES_SIZE): TOOL})
    ),
    "generic, a role that is new": _tokenizer_json("bytes", _generic(pad_token="<tool>")),
    "generic, more special": _tokenizer_json("bytes", _generic(additional_special_tokens=["<tool>", "day"])),
    "generic, older files": _tokenizer_json(
        "bytes",
        {"tokenizer_class": "PreTrainedTokenizerFast"},
        files={
            "added_tokens.json": {"<tool>": BYTES_SIZE},
            "special_tokens_map.json": {**ROLES, "additional_special_tokens": ["<tool>"]},
        },
    ),
    "generic, roles apart": _tokenizer_json(
        "pieces", {"tokenizer_class": "PreTrainedTokenizerFast"}, files={"special_tokens_map.json": ROLES}
    ),
    "modernbert": _tokenizer_json("bytes", _generic(**BERT_ROLES), "modernbert"),
    "a class there is not": _tokenizer_json("pieces", _generic(tokenizer_class="BrandNewTokenizer"), "llama"),
    "a model there is not": _tokenizer_json("pieces", _generic(), "brand-new"),
    # before tokenizer.json
    "bert, vocab.txt": _vocabulary("word pieces", "bert", vocab="vocab.txt"),
    "protbert": _vocabulary("cased word pieces", "bert", {"do_lower_case": False}, BERT_ROLES, "vocab.txt"),
    "distilbert, vocab.txt": _vocabulary("word pieces", "distilbert", {}, vocab="vocab.txt"),
    "gpt2, vocab.json": _vocabulary("bytes", "gpt2"),
    "roberta, vocab.json": _vocabulary("bytes", "roberta", {"add_prefix_space": True}),
    "clip, vocab.json": _vocabulary("bytes", "clip"),
    "qwen2, vocab.json": _vocabulary("bytes", "qwen2", {"tokenizer_class": "Qwen2Tokenizer"}),
    # what transformers saves
    "bert, saved": _saved(lambda t: t.BertTokenizer(vocab=base("word pieces").get_vocab()), "bert"),
    "generic, saved": _saved(lambda t: t.PreTrainedTokenizerFast(tokenizer_object=base("unigram"), **ROLES), "llama"),
    # Python alone
    "esm": _python_only({"vocab.txt": "\n".join(AMINO)}, "esm", {"tokenizer_class": "EsmTokenizer"}),
    "byt5": _python_only({}, "t5", {"tokenizer_class": "ByT5Tokenizer"}),
    "canine": _python_only({}, "canine", {"tokenizer_class": "CanineTokenizer"}),
    "prophetnet": _python_only(
        {"prophetnet.tokenizer": "\n".join([*BRACKETED, "hello", "world", "##ly"])}, "prophetnet"
    ),
    "ctrl": _python_only(
        {"vocab.json": '{"<unk>": 0, "h@@": 1, "i</w>": 2, "a": 3}', "merges.txt": "#version: 0.2\nh i</w>\n"}, "ctrl"
    ),
}
