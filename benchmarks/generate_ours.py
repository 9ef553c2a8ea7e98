"""The contenders in cutaway's own environment: its tiers, and transformers used in two common ways."""

from __future__ import annotations

import itertools
import json
import random
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from cutaway.generation.cpu.decoder import CpuDecoder
from cutaway.generation.decoders import open_decoder
from cutaway.generation.drawing import choose
from cutaway.generation.engine import Decoder, run
from cutaway.generation.rows import Row
from cutaway.generation.settings import Sampling
from cutaway.models import encode_prompt

# Bytes per parameter of the layers and of the head; 4-bit weights have two float16 numbers for every 32, 8-bit one.
BYTES = {"exact": (4, 4), "near": (2, 2), "turbo": (0.625, 1.0625)}


class Unending:
    """A decoder that never ends a text, so that all contenders decode the same number of tokens."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder, self.model = decoder, _NoEnd(decoder.model)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._decoder, name)


class _NoEnd:
    end_ids: frozenset[int] = frozenset()

    def __init__(self, model: Any) -> None:
        self._model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


class Ours:
    batches_logits = True

    def __init__(self, name: str, place: SimpleNamespace) -> None:
        self.scratch = Path(place.scratch)
        whole: Any = open_decoder(place.model, name)
        self.shipped = Unending(whole)
        # Prompt lookup depends on the text, so it is off here; section lookup measures it.
        self.decoder: Any = Unending(
            CpuDecoder(whole.model, whole.weights, whole.code) if isinstance(whole, CpuDecoder) else whole
        )
        # The head is read once per step, tied or not. The one row of the embedding table is not counted.
        config = json.loads(Path(place.folder, "config.json").read_text())
        head = config["vocab_size"] * config["hidden_size"]
        body = _parameters(place.folder) - head * (1 if config.get("tie_word_embeddings") else 2)
        per_body, per_head = BYTES[name]
        self.weight_bytes = round(body * per_body + head * per_head)  # read by one step of a single row

    def rows(self, rows: int) -> int:
        return rows

    def continued(self, prompts: Sequence[Sequence[int]], new: int) -> list[list[int]]:
        rows = [Row("", list(ids), max_new_tokens=new) for ids in prompts]
        self._run(rows)
        return [row.ids for row in rows]

    def sweep(
        self, prompts: Sequence[Sequence[int]], settings: Sequence[dict[str, Any]], samples: int, new: int, part: float
    ) -> dict[str, Any]:
        rows = self._sweep_rows(prompts, settings, samples, new)
        self._run(rows)
        return {"tokens": sum(len(row.ids) for row in rows), "note": "whole"}

    def logits(self, ids_BT: np.ndarray, given: int) -> np.ndarray:
        """Read `given` tokens, then one more per step, as decoding does."""
        rows = ids_BT.tolist()
        found = [self.decoder.add([row[:given] for row in rows], [1] * len(rows))]
        found += [self.decoder.step([row[t] for row in rows]) for t in range(given, ids_BT.shape[1] - 1)]
        self.decoder.keep([])
        return np.stack(found, 1)

    def identity(self, prompts: int, new: int) -> dict[str, Any]:
        """Count the prompts whose greedy text is the same alone and in ragged batches of 2 to 64 rows."""
        ragged = json.loads(self.scratch.joinpath("material.json").read_text())["ragged"][:prompts]
        alone = [self.continued([ids], new)[0] for ids in ragged]
        same = {}
        for size in (2, 3, 8, 17, 32, 64):
            whole = list(itertools.islice(itertools.cycle(range(len(ragged))), max(size, len(ragged))))
            got: dict[int, list[list[int]]] = {}
            for at in range(0, len(whole), size):
                numbers = whole[at : at + size]
                for number, ids in zip(numbers, self.continued([ragged[n] for n in numbers], new), strict=True):
                    got.setdefault(number, []).append(ids)
            same[size] = sum(all(ids == alone[n] for ids in texts) for n, texts in got.items())
        return {"prompts": len(ragged), "same": same}

    def retiring(self, rows: int, rounds: int) -> dict[str, Any]:
        """Time rows of mixed lengths with and without retiring the finished ones."""
        prompts = json.loads(self.scratch.joinpath("material.json").read_text())["speed"][:rows]
        chance = random.Random(0)  # noqa: S311
        wanted = [chance.choice([8, 16, 32, 48, 64]) for _ in prompts]
        seconds: dict[bool, list[float]] = {True: [], False: []}
        for _ in range(rounds):
            for retire in (True, False):
                lengths = wanted if retire else [max(wanted)] * len(prompts)
                batch = [Row("", ids, max_new_tokens=n) for ids, n in zip(prompts, lengths, strict=True)]
                start = time.perf_counter()
                self._run(batch)
                seconds[retire].append(time.perf_counter() - start)
        times = [without / with_ for with_, without in zip(seconds[True], seconds[False], strict=True)]
        return {"rows": len(prompts), "times_faster": sorted(times)[len(times) // 2], "seconds": min(seconds[True])}

    def lookup(self, new: int, rounds: int) -> dict[str, Any]:
        """Time one row with and without prompt lookup, on three kinds of text, in turns."""
        import lookup

        found = {}
        for kind, asked in lookup.prompts().items():
            prompts = [encode_prompt(self.decoder.model, text, chat=chat) for text, chat in asked[-2:]]
            taken: dict[bool, float] = {True: 0.0, False: 0.0}
            same = True
            for ids in prompts * rounds:
                rows = {guessing: Row("", ids, max_new_tokens=new) for guessing in taken}
                for guessing, row in rows.items():
                    start = time.perf_counter()
                    for _ in run(self.shipped if guessing else self.decoder, [row]):
                        pass
                    taken[guessing] += time.perf_counter() - start
                same = same and rows[True].ids == rows[False].ids
            found[kind] = {"times_faster": taken[False] / taken[True], "same": same}
        return {"kinds": found}

    def sampler(self, rows: int, steps: int) -> dict[str, Any]:
        """Measure the share of a step that choosing tokens takes, with the sweep's settings."""
        from generate_measures import SWEEP_SETTINGS

        prompts = json.loads(self.scratch.joinpath("material.json").read_text())["speed"][:1]
        batch = self._sweep_rows(prompts, SWEEP_SETTINGS, rows // len(SWEEP_SETTINGS), steps)
        logits_BV = self.decoder.add(prompts, [len(batch)])
        forward, choosing = 0.0, 0.0
        for _ in range(steps):
            start = time.perf_counter()
            chosen = choose(logits_BV, batch, frozenset())
            between = time.perf_counter()
            for row, id_ in zip(batch, chosen.ids, strict=True):
                row.ids.append(id_)
            again = time.perf_counter()
            logits_BV = self.decoder.step(chosen.ids)
            choosing, forward = choosing + between - start, forward + time.perf_counter() - again
        self.decoder.keep([])
        return {
            "rows": len(batch), "vocabulary": logits_BV.shape[-1], "share": choosing / (choosing + forward),
            "choose_ms": choosing / steps * 1e3, "step_ms": forward / steps * 1e3,
        }  # fmt: skip

    def _run(self, rows: Sequence[Row]) -> None:
        for _ in run(self.decoder, rows, batch_size=64):
            pass

    @staticmethod
    def _sweep_rows(prompts: Any, settings: Any, samples: int, new: int) -> list[Row]:
        made = []
        for ids, setting, _ in itertools.product(prompts, settings, range(samples)):
            off = {"top_k": 0, "top_p": 1.0, "repetition_penalty": 1.0}
            on = {key: value for key, value in setting.items() if off.get(key) != value}
            made.append(Row("", list(ids), Sampling(**on), seed=len(made), max_new_tokens=new))
        return made


class Transformers:
    """transformers as it is fastest in common use: `generate` on a left-padded batch."""

    batches_logits = True

    def __init__(self, name: str, place: SimpleNamespace) -> None:
        import transformers

        torch.set_num_threads(place.threads)
        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        dtype = torch.bfloat16 if name.endswith("bf16") else torch.float32
        self.module = transformers.AutoModelForCausalLM.from_pretrained(place.folder, dtype=dtype).eval()
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(place.folder)
        ends = self.module.generation_config.eos_token_id
        self.ends = [ends] if isinstance(ends, int) else list(ends or [])
        self.module.generation_config.eos_token_id = None  # no row stops early
        self.module.generation_config.pad_token_id = 0
        self.weight_bytes = sum(p.numel() * p.element_size() for p in self.module.parameters())

    def encode(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer(text).input_ids
        return ids

    def bandwidth(self) -> dict[str, Any]:
        """Read 1 GB with the available threads; return bytes per second."""
        block = torch.ones(2**28)
        block.sum()
        seconds = []
        for _ in range(5):
            start = time.perf_counter()
            block.sum()
            seconds.append(time.perf_counter() - start)
        return {"gb_per_second": block.nbytes / min(seconds) / 1e9}

    def rows(self, rows: int) -> int:
        return rows

    @torch.inference_mode()
    def continued(self, prompts: Sequence[Sequence[int]], new: int, **settings: Any) -> list[list[int]]:
        longest = max(map(len, prompts))
        ids_BT = torch.tensor([[0] * (longest - len(ids)) + list(ids) for ids in prompts])
        mask_BT = torch.tensor([[0] * (longest - len(ids)) + [1] * len(ids) for ids in prompts])
        how = {"do_sample": False} | settings
        out_BT = self.module.generate(input_ids=ids_BT, attention_mask=mask_BT, max_new_tokens=new, **how)
        found: list[list[int]] = out_BT[:, longest:].tolist()
        return found

    def sweep(
        self, prompts: Sequence[Sequence[int]], settings: Sequence[dict[str, Any]], samples: int, new: int, part: float
    ) -> dict[str, Any]:
        """Make some of the calls, with the prompts of one setting in a batch."""
        chosen = _part(list(settings), part)
        for setting in chosen:
            self.continued(prompts, new, do_sample=True, num_return_sequences=samples, **setting)
        note = f"{len(chosen)} of {len(settings)} calls, one a setting"
        return {"scale": len(settings) / len(chosen), "note": note}

    @torch.inference_mode()
    def logits(self, ids_BT: np.ndarray, given: int) -> np.ndarray:
        logits_BTV = self.module(torch.from_numpy(ids_BT), use_cache=False).logits[:, given - 1 : -1]
        return logits_BTV.float().numpy()


class PipelineLoop(Transformers):
    """transformers as in a first script: one pipeline call per prompt."""

    def __init__(self, name: str, place: SimpleNamespace) -> None:
        import transformers

        super().__init__(name, place)
        self.pipe = transformers.pipeline("text-generation", model=self.module, tokenizer=self.tokenizer)

    def rows(self, rows: int) -> int:
        return min(rows, 2)

    def continued(self, prompts: Sequence[Sequence[int]], new: int, **settings: Any) -> list[list[int]]:
        how = {"do_sample": False} | settings
        for ids in prompts:
            self.pipe(self.tokenizer.decode(ids), max_new_tokens=new, return_tensors=True, **how)
        return []

    def sweep(
        self, prompts: Sequence[Sequence[int]], settings: Sequence[dict[str, Any]], samples: int, new: int, part: float
    ) -> dict[str, Any]:
        calls = list(itertools.product(prompts, settings))
        chosen = _part(calls, part / 4)
        for ids, setting in chosen:
            self.continued([ids], new, do_sample=True, num_return_sequences=samples, **setting)
        return {"scale": len(calls) / len(chosen), "note": f"{len(chosen)} of {len(calls)} calls, one a prompt"}


def _part(calls: list[Any], part: float) -> list[Any]:
    # Spread evenly over all, so that each kind of setting is included.
    count = max(2, round(len(calls) * part))
    return [calls[(2 * i + 1) * len(calls) // (2 * count)] for i in range(count)]


def _parameters(folder: str) -> int:
    from safetensors import safe_open

    count = 0
    for file in Path(folder).glob("*.safetensors"):
        with safe_open(file, "pt") as tensors:  # type: ignore[no-untyped-call]
            count += sum(int(np.prod(tensors.get_slice(name).get_shape())) for name in tensors.keys())  # noqa: SIM118
    return count
