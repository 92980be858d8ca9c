#include "kernels/contract.h"
#include "kernels/softmax/cost.h"
#include "kernels/softmax/ref.h"

namespace hewn {
namespace {

constexpr Rung<SoftmaxForward> forward_rungs[] = {
    {.name = "reference",
     .idea = "three passes over each row, sums in double",
     .run = scalar<SoftmaxForward>(softmax_reference)},
};

constexpr Rung<SoftmaxBackward> backward_rungs[] = {
    {.name = "reference",
     .idea = "dot product, then the gradient, in double",
     .run = scalar<SoftmaxBackward>(softmax_reference)},
};

constexpr Ladder<SoftmaxForward> forward_ladder{"softmax.forward", forward_rungs, cost_of};
constexpr Ladder<SoftmaxBackward> backward_ladder{"softmax.backward", backward_rungs, cost_of};

}  // namespace

const Ladder<SoftmaxForward>& ladder_of(const SoftmaxForward&) { return forward_ladder; }
const Ladder<SoftmaxBackward>& ladder_of(const SoftmaxBackward&) { return backward_ladder; }

}  // namespace hewn
