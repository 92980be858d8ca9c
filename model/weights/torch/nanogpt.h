#pragma once
// Checkpoints of nanoGPT (github.com/karpathy/nanoGPT, train.py): torch.save of a dict with the state dict as
// "model" and what the model was made of as "model_args".

#include <filesystem>
#include <memory>
#include <string>

#include "model/weights/foreign.h"

namespace hewn {

/// Whether a path is a file of torch.save that could be one: *.pt or *.pth.
bool looks_like_nanogpt(const std::filesystem::path& path);

/// Opens ckpt.pt, with the vocabulary of a meta.pkl beside it. The GELU is taken to be the exact one, as in
/// nanoGPT's code today. Throws ErrorCode::input naming what is wrong.
ForeignModel open_nanogpt(const std::string& path);

/// The characters of a meta.pkl ("itos", from ids to characters) as a tokenizer. Throws ErrorCode::input.
std::unique_ptr<Tokenizer> nanogpt_tokenizer(const std::string& path);

}  // namespace hewn
