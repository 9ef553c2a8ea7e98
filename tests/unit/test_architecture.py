"""The module tree from the configuration alone, against the hands-on's print-out and counted by hand."""

import pytest
import torch
import transformers

from cutaway.errors import UnknownModel
from cutaway.models import architecture

# What the hands-on prints for GPT-2: name, type, and the numbers in its brackets.
GPT2 = [
    ("transformer", "GPT2Model", ""),
    ("wte", "Embedding", "50257, 768"),
    ("wpe", "Embedding", "1024, 768"),
    ("drop", "Dropout", "p=0.1"),
    ("h", "ModuleList", ""),
    ("(0-11)", "GPT2Block", ""),
    ("ln_1", "LayerNorm", "(768,), eps=1e-05, elementwise_affine=True"),
    ("attn", "GPT2Attention", ""),
    ("c_attn", "Conv1D", "nf=2304, nx=768"),
    ("c_proj", "Conv1D", "nf=768, nx=768"),
    ("attn_dropout", "Dropout", "p=0.1"),
    ("resid_dropout", "Dropout", "p=0.1"),
    ("ln_2", "LayerNorm", "(768,), eps=1e-05, elementwise_affine=True"),
    ("mlp", "GPT2MLP", ""),
    ("c_fc", "Conv1D", "nf=3072, nx=768"),
    ("c_proj", "Conv1D", "nf=768, nx=3072"),
    ("act", "NewGELUActivation", ""),
    ("dropout", "Dropout", "p=0.1"),
    ("ln_f", "LayerNorm", "(768,), eps=1e-05, elementwise_affine=True"),
    ("lm_head", "Linear", "in_features=768, out_features=50257, bias=False"),
]


def test_gpt2_is_the_hands_ons_tree():
    result = architecture("gpt2")
    assert result.parameters == 124_439_808
    assert result.modules[0].type == result.class_name == "GPT2LMHeadModel"
    found = [(module.label, module.type, module.detail) for module in result.modules[1:]]
    assert len(found) == len(GPT2)
    for (label, kind, detail), (expected_label, expected_kind, expected_detail) in zip(found, GPT2, strict=True):
        assert (label, kind) == (expected_label, expected_kind)
        assert detail.startswith(expected_detail)
    assert [module.repeat for module in result.modules if module.label == "(0-11)"] == [12]
    for label, kind, detail in GPT2:
        line = f"(0-11): 12 x {kind}(" if label == "(0-11)" else f"({label}): {kind}({detail}"
        assert line in result.tree


def test_counts_and_flops_by_hand():
    """Kaplan et al. 2020, section 2.1: 2 FLOPs a weight of the matrices and a token, and the two attention products."""
    result = architecture("gpt2")
    D, L, V, T = 768, 12, 50257, result.flops_context
    matrices = L * (D * 3 * D + D * D + 2 * 4 * D * D) + V * D
    assert result.flops_per_token == 2 * matrices + L * 2 * 2 * T * D
    assert result.bytes == 4 * result.parameters
    assert result.modules[0].parameters == result.parameters


def test_flops_of_an_encoder_decoder_are_divided_by_the_tokens_of_both_sides():
    """By hand, as above: T tokens on either side, and the decoder's two more matrices of cross-attention a token."""
    D, L, F, V = 32, 3, 48, 300
    config = transformers.T5Config(vocab_size=V, d_model=D, d_ff=F, d_kv=D // 4, num_layers=L, num_heads=4)
    result = architecture(config)
    T, block = result.flops_context, 4 * D * D + 2 * D * F
    encoder = L * (2 * block + 2 * 2 * T * D)
    decoder = L * (2 * (block + 4 * D * D) + 2 * 2 * 2 * T * D) + 2 * V * D
    assert result.flops_per_token == (encoder + decoder) * T / (2 * T)


def test_flops_of_bart_are_counted_too():
    """As of T5, but its feed-forward network and its attention have other widths: D and F are free of each other."""
    D, L, F, V = 32, 3, 48, 300
    config = transformers.BartConfig(
        vocab_size=V, d_model=D, encoder_layers=L, decoder_layers=L, encoder_attention_heads=4,
        decoder_attention_heads=4, encoder_ffn_dim=F, decoder_ffn_dim=F, max_position_embeddings=64,
        architectures=["BartForConditionalGeneration"],
    )  # fmt: skip
    result = architecture(config)
    T, block = result.flops_context, 4 * D * D + 2 * D * F
    encoder = L * (2 * block + 2 * 2 * T * D)
    decoder = L * (2 * (block + 4 * D * D) + 2 * 2 * 2 * T * D) + 2 * V * D
    assert T == 64 and result.flops_per_token == (encoder + decoder) / 2


@pytest.mark.parametrize("folder", ["tiny_gpt2", "tiny_llama", "tiny_bert_classifier"])
def test_a_folder_gives_the_parameters_of_its_weights(folder, request):
    path = request.getfixturevalue(folder)
    config = transformers.AutoConfig.from_pretrained(path)
    model = getattr(transformers, config.architectures[0]).from_pretrained(path)
    for name in (str(path), str(path / "config.json"), config):
        result = architecture(name)
        assert result.parameters == model.num_parameters()
        assert result.class_name == type(model).__name__
        assert result.flops_per_token > 0
        weights = {name: list(weight.shape) for name, weight in model.named_parameters()}
        for module in result.modules:
            for key, shape in module.shapes.items():
                first = module.name.replace("(0-1)", "0")
                assert weights.get(f"{first}.{key}", shape) == shape


def test_seventy_billion_parameters_need_no_memory():
    config = transformers.LlamaConfig(
        hidden_size=8192, intermediate_size=28672, num_hidden_layers=80, num_attention_heads=64, num_key_value_heads=8,
        vocab_size=128256, dtype=torch.bfloat16,
    )  # fmt: skip
    result = architecture(config)
    assert result.parameters == 70_553_706_496  # the published size of Llama 3 70B
    assert result.bytes == 2 * result.parameters
    assert (result.layers, result.heads, result.kv_heads, result.width) == (80, 64, 8, 8192)


def test_an_unknown_name_is_an_error_that_names_it():
    with pytest.raises(UnknownModel, match="no-such-type"):
        architecture("no-such-type")
