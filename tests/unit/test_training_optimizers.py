"""One step and many of the optimizers, against AdamW as written and torch's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from cutaway.training import Settings, TrainingRun
from cutaway.training.optimizers import optimizers_of
from tests.unit.training_runs import TINY

ONE_STEP = {**TINY, "steps": 1, "warmup": 0, "schedule": "cosine", "learning_rate": 1e-2, "weight_decay": 0.5}
RATE = 1e-3  # of that step: a cosine ends at a tenth


def gradients(twin: TrainingRun) -> float:
    """Put the gradient of a run's first step into its parameters, as written; return its loss."""
    rows = [twin.data.rows.row(0, index) for index in range(twin.settings.loop.batch_size)]
    ids_BT = torch.from_numpy(np.stack([row.ids for row in rows]))
    logits_BTV = twin.model.module(input_ids=ids_BT[:, :-1]).logits
    loss = -logits_BTV.log_softmax(-1).gather(-1, ids_BT[:, 1:, None]).mean()
    loss.backward()
    return loss.item()


def clip_to_one(parameters: list[torch.nn.Parameter]) -> float:
    norm = float(torch.sqrt(sum(((p.grad.double() ** 2).sum() for p in parameters), torch.zeros(()).double())))
    for parameter in parameters:
        parameter.grad *= min(1.0, 1.0 / norm)
    return norm


def test_one_step_is_adamw_as_written() -> None:
    settings = Settings.of(**ONE_STEP, optimizer="adamw")
    trained, twin = TrainingRun(settings), TrainingRun(settings)
    result = trained.train()
    parameters = list(twin.model.module.parameters())
    assert result.metrics[0].loss == pytest.approx(gradients(twin), abs=1e-6)
    assert result.metrics[0].gradient_norm == pytest.approx(clip_to_one(parameters), rel=1e-5)
    for before, after in zip(parameters, trained.model.module.parameters(), strict=True):
        # The first step of Adam is the sign of the gradient, but for epsilon.
        step = before.grad / (before.grad.abs() + 1e-8)
        decay = 0.5 if before.dim() >= 2 else 0.0
        expected = before.detach() * (1 - RATE * decay) - RATE * step
        # Where the gradient is as small as rounding, its sign is anyone's.
        certain = before.grad.abs() > 1e-6
        torch.testing.assert_close(after.detach()[certain], expected[certain], atol=2e-5, rtol=0)


def test_muon_is_that_of_torch_on_matrices_and_adamw_elsewhere() -> None:
    settings = Settings.of(**ONE_STEP, optimizer="muon")
    trained, twin = TrainingRun(settings), TrainingRun(settings)
    trained.train()
    gradients(twin)
    named = dict(twin.model.module.named_parameters())
    clip_to_one(list(named.values()))
    layers = {name: p for name, p in named.items() if p.dim() == 2 and ".h." in name}
    assert len(layers) == 4
    muon = torch.optim.Muon(layers.values(), lr=RATE, weight_decay=0.5, adjust_lr_fn="match_rms_adamw")
    adamw = torch.optim.AdamW(
        [{"params": [p for name, p in named.items() if name not in layers and (p.dim() > 1) == decays],
          "weight_decay": 0.5 * decays} for decays in (True, False)], lr=RATE, betas=(0.9, 0.95),
    )  # fmt: skip
    muon.step()
    adamw.step()
    for name, after in trained.model.module.named_parameters():
        certain = named[name].grad.abs() > 1e-6
        torch.testing.assert_close(after[certain], named[name][certain], atol=3e-5, rtol=0, msg=name)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_many_steps_of_the_optimizer_are_those_of_torch(optimizer: str) -> None:
    """The same gradients, 20 times: moments, bias corrections and weight decay add up alike."""
    run_ = TrainingRun(Settings.of(**TINY))
    module = run_.model.module
    theirs = [p.detach().clone().requires_grad_() for p in module.parameters()]
    ours = optimizers_of(module, optimizer, rate=1e-2, weight_decay=0.3)
    kinds = {id(p): type(o).__name__ for o in ours for group in o.param_groups for p in group["params"]}
    pairs = list(zip(module.parameters(), theirs, strict=True))
    matrices = [b for a, b in pairs if kinds[id(a)] == "Muon"]
    assert bool(matrices) == (optimizer == "muon")
    groups = [
        {"params": [b for a, b in pairs if kinds[id(a)] != "Muon" and (b.dim() > 1) == decays],
         "weight_decay": 0.3 * decays}
        for decays in (True, False)
    ]  # fmt: skip
    torchs: list[Any] = [torch.optim.AdamW(groups, lr=1e-2, betas=(0.9, 0.95))]
    if matrices:
        torchs.append(torch.optim.Muon(matrices, lr=1e-2, weight_decay=0.3, adjust_lr_fn="match_rms_adamw"))
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        for a, b in pairs:
            a.grad = torch.randn(a.shape, generator=generator)
            b.grad = a.grad.clone()
        for each in (*ours, *torchs):
            each.step()
    for a, b in pairs:
        torch.testing.assert_close(a, b, atol=2e-3 if kinds[id(a)] == "Muon" else 1e-5, rtol=1e-4)
