#include "kernels/contract.h"
#include "kernels/copy/cost.h"
#include "kernels/copy/rungs.h"

namespace hewn {
namespace {

constexpr Rung<Copy> rungs[] = {
    {.name = "reference",
     .idea = "nested loops over the dimensions, one element at a time",
     .run = scalar<Copy>(copy_reference)},
    {.name = "rows and tiles",
     .idea = "memcpy where both sides are contiguous, else 32 x 32 tiles that fit the L1 cache; shared out "
             "to threads",
     .run = scalar<Copy>(copy_rows_and_tiles)},
};

constexpr Ladder<Copy> ladder{"copy", rungs, cost_of};

}  // namespace

const Ladder<Copy>& ladder_of(const Copy&) { return ladder; }

}  // namespace hewn
