"""The optional engines, each used if installed: llama.cpp (xllamacpp), OpenVINO GenAI, CTranslate2.

They read the same weights: the first two the GGUF itself, the third a copy that it converts (with transformers and
torch beside it) to 8 bits.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

Ids = Sequence[Sequence[int]]


class LlamaCpp:
    """The server of llama.cpp inside this process: 64 slots, decoded together."""

    batches_logits = False

    def __init__(self, name: str, place: SimpleNamespace) -> None:
        import xllamacpp

        parameters = xllamacpp.CommonParams()
        parameters.model.path = place.gguf
        parameters.n_parallel, parameters.n_ctx, parameters.kv_unified = 64, 8192, True
        parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = place.threads
        parameters.verbosity = -1
        self.server = xllamacpp.Server(parameters)
        self.pool = ThreadPoolExecutor(64)
        self.weight_bytes = Path(place.gguf).stat().st_size
        vocabulary = json.loads(Path(place.folder, "config.json").read_text())["vocab_size"]
        self.vocabulary = int(vocabulary)

    def rows(self, rows: int) -> int:
        return rows

    def continued(self, prompts: Ids, new: int) -> list[list[int]]:
        answers = self._asked([{"prompt": list(ids), "n_predict": new, "temperature": 0.0} for ids in prompts])
        return [[token["id"] for token in (answer.get("logprobs") or {"content": []})["content"]] for answer in answers]

    def sweep(self, prompts: Ids, settings: Any, samples: int, new: int, part: float) -> dict[str, Any]:
        questions = []
        for ids in prompts:
            for setting in settings:
                how = {k: v for k, v in setting.items() if k != "repetition_penalty"}
                how |= {"repeat_penalty": setting["repetition_penalty"], "repeat_last_n": 512, "min_p": 0.0}
                # One request per sample: this server needs reserved slots to draw several samples from one request.
                questions += [{"prompt": list(ids), "n_predict": new, "seed": s, **how} for s in range(samples)]
        self._asked(questions)
        return {"note": "whole"}

    def logits(self, ids_BT: np.ndarray, given: int) -> np.ndarray:
        [ids] = ids_BT.tolist()
        found_TV = np.zeros((len(ids) - given, self.vocabulary), "f4")
        for t in range(given, len(ids)):
            how = {"prompt": ids[:t], "n_predict": 1, "temperature": 0.0, "logprobs": self.vocabulary}
            [answer] = self._asked([how], cache_prompt=True)
            for one in answer["logprobs"]["content"][0]["top_logprobs"]:
                found_TV[t - given, one["id"]] = one["logprob"]
        return found_TV[None]

    def _asked(self, questions: list[dict[str, Any]], cache_prompt: bool = False) -> list[dict[str, Any]]:
        common = {"ignore_eos": True, "cache_prompt": cache_prompt, "logprobs": 1}
        answers = list(self.pool.map(lambda q: self.server.handle_completions(common | q), questions))
        if refused := [answer for answer in answers if "choices" not in answer]:
            raise RuntimeError(str(refused[0])[:200])
        return [answer["choices"][0] for answer in answers]


class OpenVino:
    """OpenVINO GenAI's continuous batching. It converts the GGUF to its own format once."""

    batches_logits = True

    def __init__(self, name: str, place: SimpleNamespace) -> None:
        import openvino
        import openvino_genai

        self.openvino, self.genai = openvino, openvino_genai
        self.own = Path(place.scratch, name)
        self.properties: dict[str, Any] = {"INFERENCE_NUM_THREADS": place.threads}
        if not self.own.joinpath("openvino_model.xml").exists():
            self.own.mkdir(exist_ok=True)
            shutil.copy(place.gguf, self.own / "model.gguf")
            openvino_genai.LLMPipeline(str(self.own / "model.gguf"), "CPU", enable_save_ov_model=True)
            self.own.joinpath("model.gguf").unlink()
        scheduler = openvino_genai.SchedulerConfig()
        scheduler.enable_prefix_caching, scheduler.cache_size, scheduler.max_num_seqs = False, 1, 64
        scheduler.max_num_batched_tokens = 4096
        pipeline = openvino_genai.ContinuousBatchingPipeline
        self.pipeline = pipeline(str(self.own), scheduler, "CPU", self.properties)
        self.weight_bytes = self.own.joinpath("openvino_model.bin").stat().st_size

    def rows(self, rows: int) -> int:
        return rows

    def continued(self, prompts: Ids, new: int) -> list[list[int]]:
        answers = self._asked(prompts, [self._config(new)] * len(prompts))
        return [list(answer.m_generation_ids[0]) for answer in answers]

    def sweep(self, prompts: Ids, settings: Any, samples: int, new: int, part: float) -> dict[str, Any]:
        asked, configs = [], []
        for ids in prompts:
            for setting in settings:
                how = setting | {"top_k": setting["top_k"] or 2**31, "num_return_sequences": samples}
                asked.append(ids)
                configs.append(self._config(new, do_sample=True, **how))
        answers = self._asked(asked, configs)
        return {"tokens": sum(len(ids) for answer in answers for ids in answer.m_generation_ids), "note": "whole"}

    def logits(self, ids_BT: np.ndarray, given: int) -> np.ndarray:
        """Run step by step on the plain runtime, because its pipeline does not return logits."""
        request = self.openvino.Core().compile_model(str(self.own / "openvino_model.xml"), "CPU", self.properties)
        request = request.create_infer_request()
        names = {name for port in request.model_inputs for name in port.names}
        rows, length = ids_BT.shape
        found = []
        for from_, to in [(0, given)] + [(t, t + 1) for t in range(given, length - 1)]:
            inputs = {
                "input_ids": ids_BT[:, from_:to].astype("i8"),
                "attention_mask": np.ones((rows, to), "i8"),
                "position_ids": np.tile(np.arange(from_, to), (rows, 1)).astype("i8"),
                "beam_idx": np.arange(rows, dtype="i4"),
            }
            out = request.infer({name: value for name, value in inputs.items() if name in names})
            found.append(np.array(out["logits"])[:, -1].copy())
        return np.stack(found, 1)

    def _config(self, new: int, **how: Any) -> Any:
        config = self.genai.GenerationConfig()
        config.max_new_tokens, config.ignore_eos = new, True
        for key, value in ({"do_sample": False} | how).items():
            setattr(config, key, value)
        return config

    def _asked(self, prompts: Ids, configs: list[Any]) -> Any:
        tensors = [self.openvino.Tensor(np.array([ids], dtype="i8")) for ids in prompts]
        return self.pipeline.generate(tensors, configs)


class CTranslate2:
    """CTranslate2 with 8-bit weights and activations."""

    batches_logits = True

    def __init__(self, name: str, place: SimpleNamespace) -> None:
        import ctranslate2

        own = Path(place.scratch, "ctranslate2")
        if not own.joinpath("model.bin").exists():
            converter = ctranslate2.converters.TransformersConverter(place.folder)
            with contextlib.suppress(FileExistsError):
                converter.convert(str(own), quantization="int8")
        self.generator = ctranslate2.Generator(str(own), intra_threads=place.threads, inter_threads=1)
        self.pieces = json.loads(own.joinpath("vocabulary.json").read_text())
        self.weight_bytes = own.joinpath("model.bin").stat().st_size

    def rows(self, rows: int) -> int:
        return rows

    def continued(self, prompts: Ids, new: int, **how: Any) -> list[list[int]]:
        how = {"sampling_topk": 1} | how
        answers = self.generator.generate_batch(
            [[self.pieces[i] for i in ids] for ids in prompts],
            max_length=new, min_length=new, include_prompt_in_result=False, **how,
        )  # fmt: skip
        return [answer.sequences_ids[0] for answer in answers]

    def sweep(self, prompts: Ids, settings: Any, samples: int, new: int, part: float) -> dict[str, Any]:
        for setting in settings:  # one setting per call
            self.continued(
                [ids for ids in prompts for _ in range(samples)], new, sampling_topk=setting["top_k"],
                sampling_topp=setting["top_p"], sampling_temperature=setting["temperature"],
                repetition_penalty=setting["repetition_penalty"],
            )  # fmt: skip
        return {"note": "whole, one call a setting"}

    def logits(self, ids_BT: np.ndarray, given: int) -> np.ndarray:
        pieces = [[self.pieces[i] for i in ids] for ids in ids_BT.tolist()]
        return np.array(self.generator.forward_batch(pieces, return_log_probs=False))[:, given - 1 : -1]
