#pragma once

#include <vector>

#include "model/weights/export.h"
#include "model/weights/gguf/gguf.h"
#include "model/weights/outgoing.h"

namespace hewn::exporting {

/// Chooses formats for the matrices that no choice names, to meet `how.target_bits`, and describes the result
/// in a sentence. `device` is a CPU.
std::string choose_for_bits(Executor& device, Outgoing& outgoing, const Quantisation& how,
                            const ModelConfig& as, std::vector<TensorEntry>& entries);

/// Writes the tensors in the formats of `entries`. Adds to `done` their errors, and a note on matrices with
/// too few rows for error feedback. The bytes do not depend on the threads of `device`, a CPU. Throws
/// ErrorCode::input for a value that is infinite, NaN, or too large for the half-precision scale of its
/// block.
void write_quantised(Executor& device, Outgoing& outgoing, const Quantisation& how,
                     const std::vector<TensorEntry>& entries, GgufWriter& writer, Exported& done);

}  // namespace hewn::exporting
