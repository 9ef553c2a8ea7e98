"""The two models of movie-sentiment: MiniLM with one logit as the teacher, a small DistilBERT made of it."""

import json
from collections import Counter
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from tokenizers import Tokenizer
from torch import nn
from transformers import AutoModel, DistilBertConfig, DistilBertForSequenceClassification

from cutaway.models import get_model

LAYERS, HIDDEN, PIECES, POSITIONS = 3, 512, 7200, 128
MINILM = Path(get_model("minilm-l6").path)


def plain_tokenizer(path: Path) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


WORDS = plain_tokenizer(MINILM)


def batch(texts: list[str], tokenizer: Tokenizer) -> tuple[torch.Tensor, torch.Tensor]:
    """Return padded ids and their mask, [B, T] each."""
    rows = [one.ids[:POSITIONS] for one in tokenizer.encode_batch(texts)]
    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    return ids, torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])


class Teacher(nn.Module):
    """MiniLM, the mean of its last vectors, and one logit: positive against negative."""

    def __init__(self) -> None:
        super().__init__()
        self.bert = AutoModel.from_pretrained(MINILM, attn_implementation="sdpa")
        self.bert.embeddings.word_embeddings.requires_grad_(False)
        self.head = nn.Linear(self.bert.config.hidden_size, 1)

    def vectors(self, texts: list[str]) -> torch.Tensor:
        ids, mask = batch(texts, WORDS)
        last = self.bert(input_ids=ids, attention_mask=mask).last_hidden_state
        return (last * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)

    def forward(self, texts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
        vectors = self.vectors(texts).float()
        return self.head(F.dropout(vectors, 0.1, self.training))[:, 0], vectors


def smaller_tokenizer(texts: dict[int, list[str]], folder: Path) -> tuple[Tokenizer, list[int]]:
    """Write MiniLM's tokenizer with all Latin letters and the most frequent pieces; return it and their old ids.

    `texts` are by the weight with which their pieces are counted.
    """
    count: Counter[int] = Counter()
    for weight, some in texts.items():
        for one in WORDS.encode_batch(some, add_special_tokens=False):
            for i in one.ids:
                count[i] += weight
    spec = json.loads(WORDS.to_str())
    pieces = {i: piece for piece, i in spec["model"]["vocab"].items()}
    always = {i for i, piece in pieces.items() if len(piece.removeprefix("##")) == 1 and piece[-1] < "\u0250"}
    always |= {one["id"] for one in spec["added_tokens"]}
    frequent = [i for i, _ in count.most_common() if i not in always]
    kept = sorted(always | set(frequent[: PIECES - len(always)]))
    spec["model"]["vocab"] = {pieces[i]: new for new, i in enumerate(kept)}
    spec["added_tokens"] = [one | {"id": kept.index(one["id"])} for one in spec["added_tokens"]]
    for token in spec["post_processor"]["special_tokens"].values():
        token["ids"] = [kept.index(i) for i in token["ids"]]
    smaller = Tokenizer.from_str(json.dumps(spec))
    folder.mkdir(exist_ok=True)
    smaller.save(str(folder / "tokenizer.json"), pretty=False)
    roles = {f"{role}_token": f"[{role.upper()}]" for role in ("pad", "unk", "cls", "sep", "mask")}
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": POSITIONS, "do_lower_case": True}
    (folder / "tokenizer_config.json").write_text(json.dumps(config | roles, indent=1), encoding="utf-8")
    return smaller, kept


def student_of(teacher: Teacher, kept: list[int], texts: list[list[str]]) -> DistilBertForSequenceClassification:
    """Return a DistilBERT with the teacher's vectors of the kept pieces and its first layers.

    Of each layer's hidden units those stay that do most on some texts.
    """
    bert = teacher.bert
    busy = [torch.zeros(bert.config.intermediate_size) for _ in range(LAYERS)]
    hooks = [
        bert.encoder.layer[i].intermediate.register_forward_hook(
            lambda _, __, out, i=i: busy[i].add_(out.abs().mean((0, 1)))
        )
        for i in range(LAYERS)
    ]
    with torch.inference_mode():
        for some in texts:
            teacher(some)
    for hook in hooks:
        hook.remove()
    student = DistilBertForSequenceClassification(
        DistilBertConfig(
            vocab_size=len(kept), max_position_embeddings=POSITIONS, n_layers=LAYERS, n_heads=12, dim=384,
            hidden_dim=HIDDEN, seq_classif_dropout=0.1, pad_token_id=0, attn_implementation="sdpa",
            id2label={0: "NEGATIVE", 1: "POSITIVE"}, label2id={"NEGATIVE": 0, "POSITIVE": 1},
        )
    )  # fmt: skip
    with torch.no_grad():
        table, first = student.distilbert.embeddings, bert.embeddings
        table.word_embeddings.weight.copy_(first.word_embeddings.weight[kept])
        places = first.position_embeddings.weight[:POSITIONS] + first.token_type_embeddings.weight[0]
        table.position_embeddings.weight.copy_(places)
        table.LayerNorm.load_state_dict(first.LayerNorm.state_dict())
        for i, to in enumerate(student.distilbert.transformer.layer):
            layer = bert.encoder.layer[i]
            to.attention.q_lin.load_state_dict(layer.attention.self.query.state_dict())
            to.attention.k_lin.load_state_dict(layer.attention.self.key.state_dict())
            to.attention.v_lin.load_state_dict(layer.attention.self.value.state_dict())
            to.attention.out_lin.load_state_dict(layer.attention.output.dense.state_dict())
            to.sa_layer_norm.load_state_dict(layer.attention.output.LayerNorm.state_dict())
            to.output_layer_norm.load_state_dict(layer.output.LayerNorm.state_dict())
            units = (busy[i] * layer.output.dense.weight.norm(dim=0)).topk(HIDDEN).indices.sort().values
            to.ffn.lin1.weight.copy_(layer.intermediate.dense.weight[units])
            to.ffn.lin1.bias.copy_(layer.intermediate.dense.bias[units])
            to.ffn.lin2.weight.copy_(layer.output.dense.weight[:, units])
            to.ffn.lin2.bias.copy_(layer.output.dense.bias)
    return student
