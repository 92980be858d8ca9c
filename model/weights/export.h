#pragma once
// Writes models in the formats of other programs.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/weights/foreign.h"
#include "model/weights/gguf/mixtures.h"

namespace hewn {

/// Weights in blocks of small integers.
struct Quantisation {
  std::string mixture = "q8_0";            ///< the name of one of `mixtures()`
  std::vector<ChosenFormat> choices = {};  ///< formats of some tensors
  /// The weight of an error in each input column, by name of the tensor in the file or of the parameter: the
  /// column's mean square over some text. Without an entry, all columns of a matrix weigh the same.
  std::map<std::string, std::vector<float>> importance = {};
  /// By name of the parameter, [in, in]: the mean product of each pair of input columns. Matrices with an
  /// entry are rounded column by column, and later columns compensate the error of earlier ones; see
  /// ErrorFeedback.
  std::map<std::string, std::vector<float>> products = {};
  /// By name of the parameter: the number of input rows of matrices that have no `products` because the rows
  /// were fewer than the columns. A note lists these matrices.
  std::map<std::string, int64_t> too_few_rows = {};
  int threads = 0;  ///< 0: one per core
  /// Above 0: selects formats for the matrices not named by `choices`, to minimise the divergence predicted
  /// by `curvature` with at most this many bits per weight over all tensors. Throws ErrorCode::usage if no
  /// formats are that small.
  double target_bits = 0;
  std::shared_ptr<const ForeignModel> curvature = nullptr;  ///< `hewn::curvature` of the model
};

struct ExportOptions {
  DType dtype = DType::f32;  ///< of matrices, and of vectors if the format allows: f32, f16 or bf16
  int64_t block_size = 0;    ///< crops the context; 0: the model's
  /// Replaces the model's activation; only gelu and gelu_erf can replace each other. A note reports the
  /// change of the logits.
  std::optional<MlpActivation> act = {};
  /// The chat template, in Jinja; hf and gguf store it with the tokenizer. "": none.
  std::string chat_template = {};
  bool force = false;  ///< replace an existing file; move an existing directory to PATH.1
  std::optional<Quantisation> quantise = {};  ///< gguf: instead of `dtype`
};

/// Statistics of a written tensor, compared with its original values.
struct WrittenTensor {
  std::string name;
  std::string_view format;  ///< "q4_k", "bf16"
  int64_t elements = 0, bytes = 0;
  double squares = 0;     ///< the sum of the squared errors
  double max_error = 0;   ///< the largest absolute error
  double divergence = 0;  ///< predicted by `Quantisation::curvature`, in nats per token
};

struct Exported {
  std::vector<std::string> files;  ///< paths of the files written
  std::vector<std::string> notes;  ///< differences from the model, one sentence each
  // Of a quantised model:
  std::vector<WrittenTensor> tensors = {};  ///< in the order of the file
  uint64_t bytes = 0;                       ///< of the file
};

/// The names of the formats: hf, safetensors, llama2c, gguf.
std::vector<std::string_view> export_formats();

/// Writes the model so that other programs compute the same results. Throws ErrorCode::usage, before anything
/// is written, for settings that the format cannot express and, without `force`, for an existing path. A file
/// or directory appears completely or not at all. Throws ErrorCode::failed if it cannot be written,
/// ErrorCode::input for weights that the element type cannot represent. The bits do not depend on the number
/// of threads.
Exported export_model(const ForeignModel& model, std::string_view format, const std::string& path,
                      const ExportOptions& options = {});

}  // namespace hewn
