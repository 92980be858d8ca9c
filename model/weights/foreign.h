#pragma once
// Models of other programs, in any format. A reader opens one as a ForeignModel, which can be checked,
// loaded and imported.

#include <memory>
#include <string>
#include <vector>

#include "model/texts/texts.h"
#include "model/weights/place.h"

namespace hewn {

/// An opened model of another program; values are read on demand.
struct ForeignModel {
  std::string format;  ///< "Hugging Face, gpt2"
  ModelConfig config;
  std::shared_ptr<const NamedTensors> tensors;
  Naming naming;
  std::shared_ptr<const Tokenizer> tokenizer;  ///< null: none was found
  std::string no_tokenizer;                    ///< the reason for messages: "there is no tokenizer.json"
  std::optional<TextForm> text_form = {};      ///< empty: implied by the tokenizer
  std::vector<std::string> labels = {};        ///< of a classifier, by number; empty: unknown
  /// Compares checksums of the values if the format has any; reads all of them. Throws ErrorCode::input.
  std::function<void()> verify = [] {};

  /// Requires a tokenizer.
  TextEncoder texts() const { return TextEncoder(*tokenizer, text_form); }
};

/// Opens a model of any supported format, recognised by its files. Neither reads values nor compares names
/// and shapes with the configuration yet. Throws ErrorCode::input; if `path` looks like a model's name on
/// huggingface.co, the message lists the files to fetch.
ForeignModel open_foreign(const std::string& path);

/// Throws ErrorCode::input, with the command that converts them, if the directory's only weights are a
/// PyTorch pickle.
void refuse_pickled_weights(const std::string& directory);

/// "; Hewn downloads nothing: ..." for a path that does not exist and looks like a model's name on
/// huggingface.co ("openai-community/gpt2", "gpt2-xl"); otherwise "".
std::string fetch_hint(const std::string& path);

/// Crops the context to `block_size` tokens; 0 leaves it unchanged. Throws ErrorCode::usage if the
/// model's is shorter.
void crop_context(ForeignModel& foreign, int64_t block_size);

/// Writes the parameters like `save_weights`, as f32 or f64, one at a time, so that memory holds at most the
/// largest. Throws like `check_fit` and `verify` before anything is written, and ErrorCode::failed.
FileSum save_foreign(const std::string& path, const ForeignModel& foreign, DType dtype = DType::f32);

/// Creates the model with its parameters. Checks tensors before it allocates memory for them. `grads` as in
/// make_model. Throws like `check_fit` and `verify`.
std::unique_ptr<Model> load_foreign(const ForeignModel& foreign, Device& device, DType dtype = DType::f32,
                                    bool grads = false);

/// The same for read-only use, without gradients: matrices that `placed_blocks` finds in blocks stay in
/// blocks, copied by `in_large_pages` or to a GPU's memory, or are widened to bf16 by `on_device`. On a CPU,
/// bf16 matrices stay bf16 if `dtype` is bf16.
std::unique_ptr<Model> open_foreign_weights(const ForeignModel& foreign, Device& device,
                                            DType dtype = DType::f32);

/// Overwrites the parameters of a model. Throws like `check_fit` and `verify` before it changes any.
void load_foreign(const ForeignModel& foreign, Model& model);

/// Overwrites all parameters, except adapters and a classifier's head, with those of `base`. The
/// configuration of `base` must equal the model's, except for the head, a longer context, or a vocabulary
/// that is the beginning of the model's. Throws like `load_foreign`.
void load_trunk(const ForeignModel& base, Model& model);

}  // namespace hewn
