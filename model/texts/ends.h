#pragma once
// Ends of texts that a model's files name.

#include "model/texts/texts.h"

namespace hewn {

/// The same texts, which end at these tokens too; the first of them is the usual end.
TextForm with_ends(TextForm form, std::vector<int32_t> ends);

}  // namespace hewn
