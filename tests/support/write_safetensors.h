#pragma once
// Writes a safetensors file from tensors in memory.

#include <string>
#include <vector>

#include "model/weights/safetensors/safetensors.h"

namespace hewn::test {

/// Writes whole tensors from `data`; `bytes` must match dtype and shape. Throws like `SafetensorsWriter`.
inline FileSum write_safetensors(const std::string& path, const std::vector<TensorEntry>& tensors,
                                 const Metadata& metadata = {}) {
  SafetensorsWriter writer(path, tensors, metadata);
  for (const TensorEntry& tensor : tensors) writer.append(tensor.name, tensor.data, tensor.bytes);
  return writer.finish();
}

}  // namespace hewn::test
