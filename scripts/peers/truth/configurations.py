"""Odd configurations, drawn by seed so that every value of every key occurs."""

import random

# Values of the keys of docs/cli.md that change what a run computes. Sizes are chosen to miss the widths of vectors and the
# blocks of kernels, and to pass them.
VALUES = {
    "n_layer": [0, 1, 2, 3],
    "heads": [(1, 1), (2, 1), (2, 2), (3, 1), (3, 3), (4, 2), (4, 4), (6, 2), (6, 3)],
    "head_size": [1, 2, 3, 4, 5, 6, 8, 10, 12, 16],
    "block_size": [1, 2, 3, 7, 8, 13, 17, 33, 64, 70],
    "bias": [True, False],
    "qkv_bias": [True, False],
    "norm": ["layernorm", "rmsnorm"],
    "norm_eps": [1e-5, 1e-6, 1e-2, 0.5],
    "norm_place": ["pre", "post"],
    "pos": ["learned", "sin", "rope", "none"],
    "pos_combine": ["add", "concat"],
    "pos_scale": [0.0283, 1, 0.5],
    "rope_theta": [10000, 7, 500000],
    "rope_pairs": ["half", "interleaved"],
    "window": [0, 1, 2, 5, 20, 100],
    "attention": ["per_head", "batched", "fused"],
    "act": ["gelu", "gelu_erf", "relu", "silu", "swiglu"],
    "mlp_width": [1, 7, 16, 33, 100],
    "residual_dtype": ["bf16", "f32"],
    "residual": [True, True, True, False],
    "tie": [True, False],
}
RUNS = {
    "tokenizer": ["byte", "char"],
    "batch_size": [1, 2, 3, 5, 8],
    "gradient_accumulation_steps": [1, 1, 2, 3],
    "train": ["all"] * 6 + ["last:1", "last:2", "head"],
    "recompute": [False, True],
    "stride": [0, 0, "block", "half"],
    "threads": [1, 2, 3],
    "optimizer": ["adamw", "adamw", "adam", "sgd"],
    "schedule": ["cosine", "linear", "constant"],
    "warmup_iters": [0, 10, 40],
    "weight_decay": [0.1, 0, 0.01],
    "grad_clip": [1, 0.3, 0],
    # Not less: the stability of Adam ends at (2 + 2 beta1) / (1 - beta1) (Cohen et al., "Adaptive gradient methods at the
    # edge of stability", 2022). Beyond, the smallest difference doubles in each step: with beta1 = 0, PyTorch is 1e-7 from
    # itself after 110 steps if one weight is changed by 2e-16.
    "beta1": [0.9, 0.8, 0.95],
    "beta2": [0.99, 0.95],
}
# Models besides the transformer. Recurrent networks are those of check_recurrent.py; n-grams have no gradients.
OTHERS = [{"arch": "bigram"}, {"arch": "bigram_linear", "bias": True}, {"arch": "bigram_linear", "bias": False}]


def dealt(values, count, draw):
    """`count` of these values in random order, each as often as the others, as far as that goes."""
    hand = (values * (count // len(values) + 1))[:max(count, len(values))]
    draw.shuffle(hand)
    return hand[:count]


def fitting(model):
    """Makes the values of one model fit each other, as `hewn train` demands."""
    model["n_head"], model["n_kv_head"] = model.pop("heads")
    size = model.pop("head_size")
    table = model["pos"] in ("learned", "sin")
    if model["pos"] == "rope" and size % 2:
        size += 1
    if model["n_head"] * size == 1:
        size = 2  # a norm of one number is constant
    if table and model["pos_combine"] == "concat":
        model["tie"] = False
        size += size * model["n_head"] % 2
    model["n_embd"] = model["n_head"] * size
    model["qkv_bias"] &= model["bias"]
    if not model["residual"]:
        model["norm_eps"] = 1e-5  # with a large one, nothing arrives at the head
    return model


def run_keys(run, model, seed):
    """Makes the values of a run's other keys fit its model, and where a part trains, the model fit that."""
    T = model["block_size"]
    run["stride"] = {0: 0, "block": T, "half": (T + 1) // 2}[run["stride"]]
    if model["arch"] != "gpt":
        run["train"] = "all"
    elif run["train"] != "all":
        model |= {"tie": False, "n_layer": max(2, model["n_layer"])}
    run["seed"] = seed
    return run


def configurations(count, seed):
    """Pairs of the keys of a model and those of its run: `count` transformers, then the other models."""
    draw = random.Random(seed)
    hands = {key: dealt(values, count, draw) for key, values in VALUES.items()}
    models = [{"arch": "gpt"} | fitting({key: hand[i] for key, hand in hands.items()}) for i in range(count)]
    for other in OTHERS:
        models.append({"n_embd": 9, "block_size": 11} | other)
    hands = {key: dealt(values, len(models), draw) for key, values in RUNS.items()}
    return [(model, run_keys({key: hand[i] for key, hand in hands.items()}, model, draw.randrange(1 << 32)))
            for i, model in enumerate(models)]


def missing(chosen):
    """The values of the tables that do not occur in these configurations, as "key=value"."""
    seen = {key: {str(part[key]) for pair in chosen for part in pair if key in part} for key in VALUES | RUNS}
    wanted = {key: values for key, values in (VALUES | RUNS).items() if key not in ("heads", "head_size", "stride")}
    return [f"{key}={value}" for key, values in wanted.items() for value in values if str(value) not in seen[key]]


def described(model):
    """The values that tell a model from others, in few words."""
    if model["arch"] != "gpt":
        return f"{model['arch']} bias={model.get('bias', False)}"
    table = model["pos"] in ("learned", "sin")
    words = [f"{model['n_layer']}x{model['n_embd']}", f"H{model['n_head']}/{model['n_kv_head']}", f"T{model['block_size']}",
             model["norm"], model["norm_place"], model["pos"] + ("|" if table and model["pos_combine"] == "concat" else ""),
             model["act"], model["attention"]]
    if model["pos"] == "rope":
        words.append(model["rope_pairs"])
    if model["window"]:
        words.append(f"w{model['window']}")
    words += [word for word, is_so in (("bias", model["bias"]), ("untied", not model["tie"]),
                                       ("no-residual", not model["residual"])) if is_so]
    return " ".join(words)
