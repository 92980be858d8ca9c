#include "kernels/attention/cost.h"
#include "kernels/attention/ref.h"
#include "kernels/contract.h"

namespace hewn {
namespace {

constexpr Rung<AttentionForward> forward_rungs[] = {
    {.name = "reference",
     .idea = "one row of scores at a time, in double",
     .run = scalar<AttentionForward>(attention_reference),
     .scratch_bytes = attention_reference_scratch},
};

constexpr Rung<AttentionBackward> backward_rungs[] = {
    {.name = "reference",
     .idea = "probabilities again from the saved lse, gradients of a head gathered in double",
     .run = scalar<AttentionBackward>(attention_reference),
     .scratch_bytes = attention_reference_scratch},
};

constexpr Ladder<AttentionForward> forward_ladder{"attention.forward", forward_rungs, cost_of};
constexpr Ladder<AttentionBackward> backward_ladder{"attention.backward", backward_rungs, cost_of};

}  // namespace

const Ladder<AttentionForward>& ladder_of(const AttentionForward&) { return forward_ladder; }
const Ladder<AttentionBackward>& ladder_of(const AttentionBackward&) { return backward_ladder; }

}  // namespace hewn
