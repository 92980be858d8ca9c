"""Writes tokenizer.json, a small vocabulary of Llama's kind, expected.jsonl, what it makes of some texts, and
specials.jsonl, what it makes of special tokens in a text where a blank is put before each part between them ("prepend")
and before the text alone ("first"), with Hugging Face's tokenizers (0.23): python3 make.py TEXT_FILE, run in this folder. The files here came of war-and-peace.txt."""

import json
import sys

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

text = open(sys.argv[1], encoding="utf-8").read()[:200000]
specials = ["<unk>", "<s>", "</s>"]
byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)]

learner = Tokenizer(models.BPE(unk_token="<unk>"))
learner.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
words = ("▁" + word for word in text.replace("\n", " ").split())
learner.train_from_iterator(words, trainers.BpeTrainer(vocab_size=300, special_tokens=["<unk>"], limit_alphabet=60))
learned = json.loads(learner.to_str())["model"]
pieces = sorted(learned["vocab"], key=learned["vocab"].get)[1:] + ["▁▁", "▁▁▁▁", "é"]
merges = [tuple(pair) for pair in learned["merges"]] + [("▁", "▁"), ("▁▁", "▁▁")]
vocab = {piece: i for i, piece in enumerate(dict.fromkeys(specials + byte_tokens + pieces))}

tokenizer = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
tokenizer.normalizer = learner.normalizer
tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
tokenizer.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in specials])
tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])
compact = json.dumps(json.loads(tokenizer.to_str()), ensure_ascii=False, separators=(",", ":"))
open("tokenizer.json", "w", encoding="utf-8").write(compact + "\n")

texts = ["", "Hello", " two  blanks ", "    deep\n\tin\n", "déjà vu — ☃ 你好", "a" * 100, "e\u0301 \U0001f600", "<0x0A> is a byte",
         "The prince had not said what he thought of them, and they were silent.\nWhy? Nobody (not one of the 3 men) knew."]
with open("expected.jsonl", "w", encoding="utf-8") as file:
    for t in texts:
        line = {"text": t, "ids": tokenizer.encode(t, add_special_tokens=False).ids}
        file.write(json.dumps(line, ensure_ascii=False) + "\n")

texts = ["<s>Hello</s>", "Hello</s>you", "a <unk> b", "</s>", "<s><s>a", "one</s>\n<s>two <unk><unk> three", "a</s> ", "é<s>é"]
prepend = [tokenizer.encode(t, add_special_tokens=False).ids for t in texts]
tokenizer.normalizer = None
tokenizer.pre_tokenizer = pre_tokenizers.Metaspace("▁", "first", False)
with open("specials.jsonl", "w", encoding="utf-8") as file:
    for t, ids in zip(texts, prepend):
        line = {"text": t, "prepend": ids, "first": tokenizer.encode(t, add_special_tokens=False).ids}
        file.write(json.dumps(line, ensure_ascii=False) + "\n")
