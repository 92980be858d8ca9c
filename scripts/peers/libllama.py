"""llama.cpp by its C interface, from any shared library that contains it, such as llama-cpp-python's libllama.so."""

import ctypes

import numpy as np


class Batch(ctypes.Structure):
    _fields_ = [("n_tokens", ctypes.c_int32)] + [(f"p{i}", ctypes.c_void_p) for i in range(6)]


class Opaque(ctypes.Structure):  # parameters passed by value; larger than the actual structs
    _fields_ = [("bytes", ctypes.c_uint8 * 2048)]


class LlamaCpp:
    """The part of llama.h needed to tokenize and to get logits of a model with `vocab` tokens, in a context of `length`.
    By default attention rounds to float16, in "flash attention" and in the cache of keys and values, which is fast;
    `exact`: neither does."""

    def __init__(self, library, path, length, vocab, exact=True, threads=None):
        self.lib = lib = ctypes.CDLL(library)
        for name in ["llama_model_default_params", "llama_context_default_params"]:
            getattr(lib, name).restype = Opaque
        for name in ["llama_model_load_from_file", "llama_init_from_model", "llama_get_memory",
                     "llama_model_get_vocab"]:
            getattr(lib, name).restype = ctypes.c_void_p
        lib.llama_batch_get_one.restype = Batch
        lib.llama_get_logits_ith.restype = ctypes.POINTER(ctypes.c_float)
        silent = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
        self.quiet = silent(lambda level, words, data: None)
        lib.llama_log_set(self.quiet, None)
        lib.llama_backend_init()
        self.vocab = vocab
        self.model = lib.llama_model_load_from_file(str(path).encode(), lib.llama_model_default_params())
        if not self.model:
            raise SystemExit("llama.cpp cannot open " + str(path))
        parameters = lib.llama_context_default_params()
        fields = ctypes.cast(parameters.bytes, ctypes.POINTER(ctypes.c_int32))
        fields[0] = length  # n_ctx
        # The positions of these settings differ between versions. The four enums with the value -1, the last of which is
        # flash attention, are adjacent; the types of keys and values are the first two adjacent fields after them
        # with GGML_TYPE_F16.
        flash = next(i for i in range(40) if fields[i : i + 4] == [-1] * 4) + 3
        keys = next(i for i in range(flash + 1, 40) if fields[i] == fields[i + 1] == 1)
        if exact:
            fields[flash] = fields[keys] = fields[keys + 1] = 0  # off, GGML_TYPE_F32
        self.context = lib.llama_init_from_model(ctypes.c_void_p(self.model), parameters)
        if threads:
            lib.llama_set_n_threads(ctypes.c_void_p(self.context), threads, threads)

    def vocabulary(self):
        return ctypes.c_void_p(self.lib.llama_model_get_vocab(ctypes.c_void_p(self.model)))

    def clear(self):
        self.lib.llama_memory_clear(ctypes.c_void_p(self.lib.llama_get_memory(ctypes.c_void_p(self.context))), True)

    def read(self, tokens):
        """Computes the logits behind more tokens, all at once."""
        given = (ctypes.c_int32 * len(tokens))(*tokens)
        if self.lib.llama_decode(ctypes.c_void_p(self.context), self.lib.llama_batch_get_one(given, len(tokens))):
            raise SystemExit("llama_decode failed")

    def next(self, token):
        """The logits behind one more token."""
        self.read([token])
        logits = self.lib.llama_get_logits_ith(ctypes.c_void_p(self.context), -1)
        return np.ctypeslib.as_array(logits, (self.vocab,)).copy()

    def logits(self, window):
        self.clear()
        return [self.next(token) for token in window]

    def greedy(self, prompt, count):
        """Text of the `count` most likely tokens behind a prompt, or until the end of the text; the prompt included."""
        tokens = self.tokens(prompt)
        row = self.logits(tokens)[-1]
        for _ in range(count):
            token = int(row.argmax())
            if self.lib.llama_vocab_is_eog(self.vocabulary(), token):
                break
            tokens.append(token)
            row = self.next(token)
        return self.text(tokens)

    def tokens(self, words):
        room = (ctypes.c_int32 * (2 * len(words) + 8))()
        data = words.encode()
        n = self.lib.llama_tokenize(self.vocabulary(), data, len(data), room, len(room), False, False)
        return list(room[:n])

    def text(self, tokens):
        given = (ctypes.c_int32 * len(tokens))(*tokens)
        room = ctypes.create_string_buffer(64 * len(tokens) + 64)
        n = self.lib.llama_detokenize(self.vocabulary(), given, len(tokens), room, len(room), False, True)
        return room.raw[:n].decode(errors="replace")
