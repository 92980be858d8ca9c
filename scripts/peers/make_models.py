"""Writes models with random weights, as transformers saves them, with the logits that it computes in float32, for
`HEWN_MODELS=DIR build/tests/test_model "models of transformers*"`, which opens and compares them.

  python3 scripts/peers/make_models.py DIR [gpt2-124M gpt2-355M llama llama-bf16-sharded mistral]
"""

import os
import sys

import torch
from safetensors.torch import save_file
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM

LLAMA = dict(vocab_size=32000, hidden_size=512, intermediate_size=1376, num_hidden_layers=8, num_attention_heads=8,
             num_key_value_heads=2, max_position_embeddings=1024, rms_norm_eps=1e-6)
MAKERS = {
    "gpt2-124M": lambda: GPT2LMHeadModel(GPT2Config()),
    "gpt2-355M": lambda: GPT2LMHeadModel(GPT2Config(n_layer=24, n_head=16, n_embd=1024)),
    "llama": lambda: LlamaForCausalLM(LlamaConfig(**LLAMA)),
    "llama-bf16-sharded": lambda: LlamaForCausalLM(LlamaConfig(**LLAMA)).to(torch.bfloat16),
    "mistral": lambda: MistralForCausalLM(MistralConfig(**LLAMA, sliding_window=16)),
}


def spread(model):
    """Enlarges weights and varies norms and biases: with initial weights all logits would be nearly equal."""
    torch.manual_seed(7)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.dim() == 1:
                p.add_(0.1 * torch.randn_like(p))
            else:
                p.mul_(2.0)


def main(out, names):
    for name in names or MAKERS:
        torch.manual_seed(1)
        model = MAKERS[name]().eval()
        spread(model)
        directory = os.path.join(out, name)
        shard = "40MB" if "sharded" in name else "50GB"
        model.save_pretrained(directory, max_shard_size=shard)
        model = type(model).from_pretrained(directory, dtype=torch.float32).eval()
        tokens = torch.randint(0, model.config.vocab_size, (2, 48), dtype=torch.int32)
        with torch.no_grad():
            logits = model(tokens.long()).logits
        save_file({"tokens": tokens}, os.path.join(directory, "inputs.safetensors"))
        save_file({"logits": logits.contiguous()}, os.path.join(directory, "expected.safetensors"))
        print(name, sum(p.numel() for p in model.parameters()), "parameters, logits", tuple(logits.shape),
              "deviation", float(logits.std()))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
