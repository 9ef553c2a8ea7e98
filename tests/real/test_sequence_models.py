"""The shelf's models of antibodies and molecules: what they know of a sequence that they never saw in this form."""

import random

import pytest
import torch
import transformers

from cutaway.inside import apc, contacts
from cutaway.models import SHELF, get_model
from cutaway.prediction import mutate

HEAVY = (  # trastuzumab's variable domains
    "EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVARIYPTNGYTRYADSVKGRFTISADTSKNTAYLQMNSLRAEDTAVYYCSRWGGDGFYAMDYWGQGTLVTVSS"
)
LIGHT = "DIQMTQSPSSLSASVGDRVTITCRASQDVNTAVAWYQQKPGKAPKLLIYSASFLYSGVPSRFSGSRSGTDFTLTISSLQPEDFATYYCQQHYTTPPTFGQGTKVEIK"
SHUFFLED = "".join(random.Random(0).sample(HEAVY, len(HEAVY)))  # noqa: S311
ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"


def recovered(name, text):
    """Return how many tokens plain transformers gets right, each masked in its turn, and how many there are."""
    path = get_model(name).path
    model, report = transformers.AutoModelForMaskedLM.from_pretrained(
        path, local_files_only=True, output_loading_info=True
    )
    assert not report["missing_keys"] and not report["unexpected_keys"]
    tokenizer = transformers.AutoTokenizer.from_pretrained(path, local_files_only=True)
    ids = tokenizer(text)["input_ids"]
    assert tokenizer.decode(ids, skip_special_tokens=True) == text
    at = torch.arange(1, len(ids) - 1)
    ids_BT = torch.tensor([ids] * len(at))
    ids_BT[at - 1, at] = tokenizer.mask_token_id
    with torch.inference_mode():
        best = model.eval()(ids_BT).logits[at - 1, at].argmax(-1)
    assert sum(weight.numel() for weight in model.parameters()) == SHELF[name].parameters
    return int((best == torch.tensor(ids)[at]).sum()), len(at)


@pytest.mark.parametrize(
    ("name", "text", "least", "most"),
    [
        pytest.param("antiberty", HEAVY, 0.80, 1.0, marks=pytest.mark.nightly),
        pytest.param("antiberty", SHUFFLED, 0.0, 0.20, marks=pytest.mark.nightly),
        ("sapiens", HEAVY, 0.75, 1.0),
        ("sapiens", SHUFFLED, 0.0, 0.20),
        ("sapiens-light", LIGHT, 0.80, 1.0),
        ("rxnmapper", ASPIRIN, 19 / 21, 1.0),
        ("rxnfp", ASPIRIN, 19 / 21, 1.0),
    ],
)
def test_masked_tokens_are_recovered(cached, name, text, least, most):
    right, of = recovered(cached(name), text)
    assert of == (21 if text == ASPIRIN else len(text))
    assert least <= right / of <= most


def test_a_mutation_costs_most_where_all_antibodies_agree(cached):
    found = mutate(HEAVY, cached("sapiens"))
    assert len(found.positions) == 120 and found.unscored == 0
    own = [letter for letter, effects in zip(found.wild, found.effects, strict=True) if max(effects) == 0]
    assert len(own) == recovered("sapiens", HEAVY)[0]  # where no letter is likelier than the one that is there
    means = [sum(effects) / 19 for effects in found.effects]
    strictest = sorted(range(120), key=means.__getitem__)[:24]
    assert {21, 35} <= set(strictest)  # the first cysteine of the disulphide bridge, the tryptophan behind H1
    assert not set(strictest) & set(range(98, 108))  # H3, which no two antibodies share


def test_the_contact_map_is_that_of_eager_attention(cached):
    found = contacts(HEAVY, cached("antiberty"))
    path = get_model("antiberty").path
    model = transformers.AutoModelForMaskedLM.from_pretrained(path, local_files_only=True, attn_implementation="eager")
    ids = transformers.AutoTokenizer.from_pretrained(path, local_files_only=True)(HEAVY, return_tensors="pt")
    with torch.inference_mode():
        maps = torch.stack(model.eval()(**ids, output_attentions=True).attentions)[:, 0, :, 1:-1, 1:-1].double().numpy()
    expected = sum(apc(head + head.T) for layer in maps for head in layer) / 64
    assert abs(found.scores.array() - expected).max() < 1e-5
    assert (found.pairs[0].i, found.pairs[0].j) == (50, 59)  # the strands around H2
