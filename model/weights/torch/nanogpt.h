#pragma once
// Checkpoints of nanoGPT (github.com/karpathy/nanoGPT, train.py): torch.save of a dict with the state dict as
// "model" and the model's arguments as "model_args".

#include <filesystem>
#include <memory>
#include <string>

#include "model/weights/foreign.h"

namespace hewn {

/// Whether the name has one of torch.save's extensions: *.pt or *.pth.
bool looks_like_nanogpt(const std::filesystem::path& path);

/// Opens ckpt.pt, with the vocabulary of the meta.pkl next to it. Assumes the exact GELU, as in nanoGPT's
/// current code. Throws ErrorCode::input naming the problem.
ForeignModel open_nanogpt(const std::string& path);

/// The characters of a meta.pkl ("itos", from ids to characters) as a tokenizer. Throws ErrorCode::input.
std::unique_ptr<Tokenizer> nanogpt_tokenizer(const std::string& path);

}  // namespace hewn
