"""A digest of a loaded module's current state: its code, its settings and every weight.

Weights change in place: an optimizer's step, `load_state_dict`, `weight.data.mul_()`. Some of these changes show only
in the numbers themselves (`data_ptr` and `_version` stay the same). So values derived from a module are stored under
this digest, which is computed again at each use. It reads all weights once, as a decoding step does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch.nn.modules import module as torch_module

_LANES = 32_768  # 64-bit sums that run beside each other; they fit a processor's cache
_FACTOR = np.uint64(6364136223846793005)  # odd, so that no product loses a bit (Knuth's MMIX)
_HALF = np.uint64(32)
_PLAIN = (bool, int, float, str, type(None), torch.dtype, torch.device)
_KEPT = (torch.Tensor, torch.nn.Parameter, torch.nn.Buffer)
_HOOKS = ("_forward_hooks", "_forward_pre_hooks")


def is_altered(module: Any) -> bool:
    """Return whether a module has code that a copy or another forward pass would leave out.

    These are hooks, a `forward` of one instance, and weights that are not plain tensors.
    """
    if torch_module._global_forward_hooks or torch_module._global_forward_pre_hooks:
        return True
    for part in module.modules():
        if any(getattr(part, hooks) for hooks in _HOOKS) or "forward" in vars(part):
            return True
        if any(type(tensor) not in _KEPT for _, tensor in _tensors(part)):
            return True
    return False


def digest(module: Any) -> bytes:
    """Return a digest that changes with any weight, buffer, setting, class or hook of a module.

    >>> linear = torch.nn.Linear(2, 2)
    >>> before = digest(linear)
    >>> linear.weight.data.mul_(2.0) is not None and digest(linear) == before
    False
    """
    found = hashlib.blake2b(digest_size=16)
    seen: dict[Any, bytes] = {}
    for settings in ("config", "generation_config"):
        if hasattr(module, settings):
            found.update(repr(vars(getattr(module, settings))).encode())
    for path, part in module.named_modules(remove_duplicate=False):
        plain = [(name, value) for name, value in vars(part).items() if _is_plain(value)]
        hooks = [list(getattr(part, hooks)) for hooks in _HOOKS]
        found.update(repr((path, id(type(part)), id(type(part).forward), hooks, plain)).encode())
        for name, tensor in _tensors(part):
            # The address as well as the content, because derived values may still use the tensor itself.
            where = (tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride())
            if where not in seen:
                seen[where] = _content(tensor)
            found.update(repr((name, where)).encode() + seen[where])
    return found.digest()


def _tensors(part: Any) -> Iterator[tuple[str, torch.Tensor]]:
    for kept in (part._parameters, part._buffers, vars(part)):
        for name, value in kept.items():
            if isinstance(value, torch.Tensor):
                yield name, value


def _is_plain(value: Any) -> bool:
    return isinstance(value, _PLAIN) or (isinstance(value, (tuple, list)) and all(map(_is_plain, value)))


def _content(tensor: torch.Tensor) -> bytes:
    """Return 16 bytes that change with any bit of a tensor, at the speed of memory for large ones."""
    flat = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    whole = len(flat) // (8 * _LANES) * (8 * _LANES)
    found = hashlib.blake2b(flat[whole:].tobytes(), digest_size=16)
    if whole:
        lanes, turned = np.zeros(_LANES, np.uint64), np.empty(_LANES, np.uint64)
        for block in flat[:whole].view(np.uint64).reshape(-1, _LANES):
            # Each step is invertible, so one changed word always changes the sum. Mixing the halves keeps two changed
            # signs in one lane from cancelling.
            np.multiply(lanes, _FACTOR, out=lanes)
            np.right_shift(lanes, _HALF, out=turned)
            np.bitwise_xor(lanes, turned, out=lanes)
            np.add(lanes, block, out=lanes)
        found.update(lanes.tobytes())
    return found.digest()
