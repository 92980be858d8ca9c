#pragma once
// Saves and loads a model's parameters as a safetensors file.

#include <string>

#include "model/model.h"
#include "model/weights/safetensors/safetensors.h"

namespace hewn {

/// Writes all parameters by name, in order, or the tables of a counted model, and the model's configuration
/// as metadata ("hewn.config").
FileSum save_weights(const std::string& path, const Model& model);

/// The metadata of such a file.
Metadata weights_metadata(const ModelConfig& config);

/// Overwrites all parameters. The file must contain exactly the model's parameters, with their shapes; f64,
/// f32, bf16 and f16 are converted to the model's dtype. Throws ErrorCode::input listing everything missing,
/// unknown, misshapen or of integers, before it changes any.
void load_weights(const std::string& path, Model& model);

/// Opens a model written by `save_weights`, read-only and without gradients. Parameters that the file holds in the
/// required dtype (f32 values for f32 and bf16) are copied by `in_large_pages` or, for bf16 or if memory is
/// scarce, used from the mapped file; others are converted. Throws like `load_weights`, and ErrorCode::input
/// if the file does not contain the model's configuration.
std::unique_ptr<Model> open_weights(const std::string& path, Device& device, DType dtype = DType::f32);

/// The configuration in such a file. Throws ErrorCode::input if there is none.
ModelConfig config_in(const SafetensorsFile& file);

/// The values of an entry of any float type, as float or double. Throws ErrorCode::input for other types.
template <class T>
std::vector<T> values_of(const TensorEntry& entry);
template <>
std::vector<float> values_of<float>(const TensorEntry& entry);
template <>
std::vector<double> values_of<double>(const TensorEntry& entry);

/// Throws ErrorCode::input if an entry in blocks has a scale that is infinite or NaN.
void check_blocks(const TensorEntry& entry);

/// Copies one entry of a file into a tensor with the same number of elements, converting between float types.
void upload_entry(const TensorEntry& entry, Tensor& to);

}  // namespace hewn
