"""Copy a GGUF file with its weights in another type; vocabulary and settings stay the same.

    python benchmarks/generate_gguf.py model.Q4_1.gguf model.Q8_0.gguf Q8_0    # or F16

Use it for an engine that cannot represent the file's 4-bit blocks exactly.
"""

from __future__ import annotations

import sys

import gguf
import numpy as np
from gguf.quants import dequantize, quantize


def rewrite(source: str, target: str, kind: str) -> None:
    type_ = gguf.GGMLQuantizationType[kind]
    reader = gguf.GGUFReader(source)
    architecture = reader.fields[gguf.Keys.General.ARCHITECTURE].contents()
    writer = gguf.GGUFWriter(target, architecture)
    for field in reader.fields.values():
        if field.name.startswith("GGUF.") or field.name in {
            gguf.Keys.General.ARCHITECTURE,
            gguf.Keys.General.FILE_TYPE,
        }:
            continue
        inner = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
        writer.add_key_value(field.name, field.contents(), field.types[0], sub_type=inner)
    writer.add_file_type(gguf.LlamaFileType[f"MOSTLY_{kind}"])
    for tensor in reader.tensors:
        values = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        if values.ndim < 2:
            writer.add_tensor(tensor.name, values)
        else:
            writer.add_tensor(tensor.name, quantize(values, type_), raw_dtype=type_)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    rewrite(*sys.argv[1:])
