# Writes official.gguf with the gguf package (pip install gguf) for tests/model/weights/gguf/gguf_test.cpp: every type of value and
# of tensor that Hewn reads, with values that the test computes again.
import sys
from pathlib import Path

import gguf
import numpy as np

out = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent / "official.gguf")
writer = gguf.GGUFWriter(out, "gpt2")
writer.add_uint8("a.u8", 200)
writer.add_int8("a.i8", -100)
writer.add_uint16("a.u16", 60000)
writer.add_int16("a.i16", -30000)
writer.add_uint32("a.u32", 4000000000)
writer.add_int32("a.i32", -2000000000)
writer.add_float32("a.f32", 0.5)
writer.add_uint64("a.u64", 1 << 40)
writer.add_int64("a.i64", -(1 << 40))
writer.add_float64("a.f64", 1e-300)
writer.add_bool("a.bool", True)
writer.add_string("a.text", "naïve")
writer.add_array("a.texts", ["", "ab", "ü"])
writer.add_array("a.ints", [3, -4, 5])
writer.add_array("a.reals", [0.25, -2.0])
writer.add_array("a.bools", [True, False])


def values(shape):
    return (np.arange(np.prod(shape)) / 4 - 1).reshape(shape)


writer.add_tensor("one", values([3]).astype(np.float32))
writer.add_tensor("two", values([3, 5]).astype(np.float16))
writer.add_tensor("three", values([2, 3, 4]).astype(np.float64))
half = (values([7, 2]).astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
writer.add_tensor("half", half.view(np.uint8), raw_dtype=gguf.GGMLQuantizationType.BF16)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()

# Writes blocks.gguf: random blocks of each quantised type, and beside them the values that the gguf package widens them to.
blocks = gguf.GGUFWriter(out.with_name("blocks.gguf"), "gpt2")
random = np.random.default_rng(1)
for name in ["Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"]:
    kind = gguf.GGMLQuantizationType[name]
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    rows, wide = [], []
    while len(rows) < 2:
        row = random.integers(0, 256, 256 // elements * size, dtype=np.uint8)
        with np.errstate(all="ignore"):
            values = gguf.quants.dequantize(row, kind)
        if np.isfinite(values).all():
            rows.append(row), wide.append(values)
    blocks.add_tensor(name, np.stack(rows), raw_dtype=kind)
    blocks.add_tensor(name + ".values", np.stack(wide).astype(np.float32))
blocks.write_header_to_file()
blocks.write_kv_data_to_file()
blocks.write_tensors_to_file()
blocks.close()
