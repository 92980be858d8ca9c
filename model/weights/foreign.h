#pragma once
// Models that other programs wrote, whatever the format: a reader opens one as a ForeignModel, and everything
// else (checking, loading, importing) works on that.

#include <memory>
#include <string>

#include "model/tokenizer/tokenizer.h"
#include "model/weights/place.h"

namespace hewn {

/// A model of another program, opened; its values are read when they are asked for.
struct ForeignModel {
  std::string format;  ///< "Hugging Face, gpt2"
  ModelConfig config;
  std::unique_ptr<NamedTensors> tensors;
  Naming naming;
  std::shared_ptr<const Tokenizer> tokenizer;  ///< null: none was found with it
  std::string no_tokenizer;                    ///< why, for the user: "there is no tokenizer.json"
  /// Compares checksums of the values where the format has any: reads all of them. Throws ErrorCode::input.
  std::function<void()> verify = [] {};
};

/// Opens a model of any format there is a reader for, told apart by its files. Values are not read, nor are
/// names and shapes compared with the configuration yet. Throws ErrorCode::input.
ForeignModel open_foreign(const std::string& path);

/// Crops the context to `block_size` tokens; 0 leaves it. Throws ErrorCode::usage if it is longer than the
/// model's.
void crop_context(ForeignModel& foreign, int64_t block_size);

/// Writes its parameters as `save_weights` would, f32 or f64, one at a time, so that no more than the largest
/// is in memory. Throws as `check_fit` and `verify` before anything is written, and ErrorCode::failed.
FileSum save_foreign(const std::string& path, const ForeignModel& foreign, DType dtype = DType::f32);

/// The model with its parameters. They are compared with the tensors before memory is taken for them. `grads`
/// as make_model. Throws as `check_fit` and `verify`.
std::unique_ptr<Model> load_foreign(const ForeignModel& foreign, Device& device, DType dtype = DType::f32,
                                    bool grads = false);

}  // namespace hewn
