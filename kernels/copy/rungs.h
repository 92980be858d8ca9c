#pragma once

#include "kernels/copy/abi.h"

namespace hewn {

/// The oracle: nested loops over the dimensions, one element at a time.
void copy_reference(const Launch&, const Copy& a);

/// Whole rows where both sides are contiguous along the last dimension, else tiles.
void copy_rows_and_tiles(const Launch& launch, const Copy& a);

}  // namespace hewn
