#pragma once

#include <vector>

#include "model/weights/export.h"
#include "model/weights/gguf/gguf.h"
#include "model/weights/outgoing.h"

namespace hewn::exporting {

/// Writes the tensors in the formats of `entries`, and adds to `done` how far they are from their values. Throws
/// ErrorCode::input for a value that is infinite or not a number.
void write_quantised(Outgoing& outgoing, const Quantisation& how, const std::vector<TensorEntry>& entries,
                     GgufWriter& writer, Exported& done);

}  // namespace hewn::exporting
