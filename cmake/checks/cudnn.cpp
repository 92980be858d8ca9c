// Checks apps/bench/peers/cudnn.h against cuDNN's own header. Compiled if that header is installed; never linked.

#include "apps/bench/peers/cudnn.h"

#include <cudnn.h>

#include "cmake/checks/plain.h"

namespace hewn::cli::cudnn {
namespace {

static_assert(CUDNN_STATUS_SUCCESS == 0);
static_assert(packed == number(CUDNN_TENSOR_NCHW));
static_assert(f32 == number(CUDNN_DATA_FLOAT) && f64 == number(CUDNN_DATA_DOUBLE));
static_assert(less_the_maximum == number(CUDNN_SOFTMAX_ACCURATE));
static_assert(over_each_image == number(CUDNN_SOFTMAX_MODE_INSTANCE));
static_assert(relu == number(CUDNN_ACTIVATION_RELU) && silu == number(CUDNN_ACTIVATION_SWISH));
static_assert(propagated == number(CUDNN_PROPAGATE_NAN));

static_assert(same<Create, decltype(&cudnnCreate)>);
static_assert(same<SetStream, decltype(&cudnnSetStream)>);
static_assert(same<ErrorString, decltype(&cudnnGetErrorString)>);
static_assert(same<CreateTensor, decltype(&cudnnCreateTensorDescriptor)>);
static_assert(same<SetTensor, decltype(&cudnnSetTensor4dDescriptor)>);
static_assert(same<CreateActivation, decltype(&cudnnCreateActivationDescriptor)>);
static_assert(same<SetActivation, decltype(&cudnnSetActivationDescriptor)>);
static_assert(same<SoftmaxForward, decltype(&cudnnSoftmaxForward)>);
static_assert(same<SoftmaxBackward, decltype(&cudnnSoftmaxBackward)>);
static_assert(same<ActivationForward, decltype(&cudnnActivationForward)>);

}  // namespace
}  // namespace hewn::cli::cudnn
