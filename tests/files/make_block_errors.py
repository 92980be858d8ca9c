# Writes block_errors.txt for tests/kernels/cases/encode.cpp: the errors of ggml's quantisation of matrices that the test makes
# again. Needs numpy and ggml's ggml-quants.c as a library with its functions quantize_* and dequantize_row_*:
#   python3 tests/files/make_block_errors.py libggml-base.so ggml-quants.c
# Each line: kind of matrix, format, root mean square error, the same with each square weighted by the column's importance,
# of what ggml writes when it is given that importance.
import ctypes
import hashlib
import sys
from pathlib import Path

import numpy as np

library, source = ctypes.CDLL(sys.argv[1]), Path(sys.argv[2]).read_bytes()
blob = hashlib.sha1(b"blob %d\0" % len(source) + source).hexdigest()  # as git names it
out = Path(__file__).parent / "block_errors.txt"
FORMATS = {"q8_0": (32, 34, "q8_0"), "q4_0": (32, 18, "q4_0"), "q5_0": (32, 22, "q5_0"), "q4_k": (256, 144, "q4_K"),
           "q5_k": (256, 176, "q5_K"), "q6_k": (256, 210, "q6_K")}
ROWS, COLS = 16, 1024


def uniforms(seed, n):
    """Numbers between -0.5 and 0.5 with 24 bits: the upper bits of Knuth's linear congruential generator."""
    state, numbers = seed, np.empty(n)
    for i in range(n):
        state = (state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        numbers[i] = (state >> 40) / (1 << 24) - 0.5
    return numbers


def matrix(kind):
    sums = uniforms(1, 4 * ROWS * COLS).reshape(ROWS, COLS, 4).sum(axis=2)  # nearly normal
    if kind == "heavy":
        sums = sums * sums * sums
    if kind == "columns":
        sums[:, 5::37] *= 16
    return sums.astype(np.float32)


def pointer(array):
    return array.ctypes.data_as(ctypes.c_void_p)


def values(name, x, importance):
    elements, size, theirs = FORMATS[name]
    blocks, back = np.zeros(x.size // elements * size, np.uint8), np.zeros_like(x)
    if importance is None:
        getattr(library, f"quantize_row_{theirs}_ref")(pointer(x), pointer(blocks), ctypes.c_int64(x.size))
    else:
        getattr(library, f"quantize_{theirs}")(pointer(x), pointer(blocks), ctypes.c_int64(ROWS), ctypes.c_int64(COLS),
                                               pointer(importance))
    getattr(library, f"dequantize_row_{theirs}")(pointer(blocks), pointer(back), ctypes.c_int64(x.size))
    return back


def error(x, back, importance):
    squares = (x.astype(np.float64) - back) ** 2
    return np.sqrt((squares * importance).sum() / (importance.sum() * ROWS))


importance = (uniforms(2, COLS) * 4).astype(np.float32) ** 2
lines = [f"# ggml-quants.c is blob {blob} of github.com/ggml-org/llama.cpp"]
for kind in ["normal", "heavy", "columns"]:
    x = matrix(kind)
    for name in FORMATS:
        plain = error(x, values(name, x, None), np.ones(COLS))
        weighted = error(x, values(name, x, importance), importance.astype(np.float64))
        lines.append(f"{kind} {name} {plain:.9g} {weighted:.9g}")
out.write_text("\n".join(lines) + "\n")
