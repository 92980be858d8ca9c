#include "apps/bench/peers/cudnn.h"

#include <limits>
#include <optional>
#include <type_traits>

#include "apps/bench/peers/peer_calls.h"
#include "core/error.h"
#include "kernels/activation/abi.h"
#include "kernels/attention/abi.h"
#include "kernels/softmax/abi.h"

namespace hewn::cli {
namespace {

constexpr const char* masked = "has no softmax with a causal mask";

// The reason why cuDNN cannot handle these arguments; null if it can.

const char* refused(DType dtype, int64_t elements) {
  if (dtype != DType::f32 && dtype != DType::f64) return "is called for f32 and f64 only";
  return elements <= std::numeric_limits<int>::max() ? nullptr : "accepts fewer than 2^31 elements";
}
const char* refused(const SoftmaxForward& a) {
  return a.queries > 0 ? masked : refused(a.dtype, a.rows * a.cols);
}
const char* refused(const SoftmaxBackward& a) {
  return a.queries > 0 ? masked : refused(a.dtype, a.rows * a.cols);
}
/// cuDNN's constant for an activation; empty if it has none.
std::optional<cudnn::Activation> in_cudnn(Activation kind) {
  if (kind == Activation::relu) return cudnn::relu;
  if (kind == Activation::silu) return cudnn::silu;
  return std::nullopt;
}
const char* refused(const ActivationForward& a) {
  if (!in_cudnn(a.kind))
    return "has only ReLU and SiLU among our activations in single calls; GELU would be a graph";
  return a.dtype == DType::f32 ? refused(a.dtype, a.n) : "is called for activations in f32 only";
}
const char* refused(const ActivationBackward&) {
  return "needs y for the gradient of an activation, which is not an operand here";
}
template <class A>
requires std::is_base_of_v<AttentionSizes, A>
const char* refused(const A&) {
  return "has no single call for causal attention, which would be a graph; scripts/gpu-check.sh times "
         "PyTorch's attention, also on cuDNN";
}

/// Calls f with the case's arguments if they have one of these types.
template <class... A, class F>
bool with_arguments(const Case& c, const F& f) {
  const auto of = [&]<class B>(const CaseOf<B>* ours) {
    if (ours) f(ours->args());
    return ours != nullptr;
  };
  return (of(dynamic_cast<const CaseOf<A>*>(&c)) || ...);
}

/// A scale factor, as float and as double.
struct Factor {
  double wide;
  float narrow = static_cast<float>(wide);
  const void* for_type(DType dtype) const {
    return dtype == DType::f64 ? static_cast<const void*>(&wide) : &narrow;
  }
};
constexpr Factor one{1}, zero{0};

/// A handle of the library, and calls through it.
class CuDnn {
 public:
  explicit CuDnn(const PeerCalls& peer)
      : error_(function_in<cudnn::ErrorString>(peer, "cudnnGetErrorString")),
        set_stream_(function_in<cudnn::SetStream>(peer, "cudnnSetStream")),
        set_tensor_(function_in<cudnn::SetTensor>(peer, "cudnnSetTensor4dDescriptor")),
        set_activation_(function_in<cudnn::SetActivation>(peer, "cudnnSetActivationDescriptor")),
        softmax_(function_in<cudnn::SoftmaxForward>(peer, "cudnnSoftmaxForward")),
        softmax_backward_(function_in<cudnn::SoftmaxBackward>(peer, "cudnnSoftmaxBackward")),
        activate_(function_in<cudnn::ActivationForward>(peer, "cudnnActivationForward")) {
    check(function_in<cudnn::Create>(peer, "cudnnCreate")(&handle_), "cudnnCreate");
    check(function_in<cudnn::CreateTensor>(peer, "cudnnCreateTensorDescriptor")(&tensor_),
          "cudnnCreateTensorDescriptor");
    check(function_in<cudnn::CreateActivation>(peer, "cudnnCreateActivationDescriptor")(&activation_),
          "cudnnCreateActivationDescriptor");
  }

  void on(void* stream) const { check(set_stream_(handle_, stream), "cudnnSetStream"); }

  void run(const SoftmaxForward& a) const {
    operands_are(a.dtype, a.rows, a.cols);
    check(softmax_(handle_, cudnn::less_the_maximum, cudnn::over_each_image, one.for_type(a.dtype), tensor_,
                   a.x, zero.for_type(a.dtype), tensor_, a.y),
          "cudnnSoftmaxForward");
  }
  void run(const SoftmaxBackward& a) const {
    operands_are(a.dtype, a.rows, a.cols);
    const Factor& what_was = a.to_dx == Write::add ? one : zero;
    check(softmax_backward_(handle_, cudnn::less_the_maximum, cudnn::over_each_image, one.for_type(a.dtype),
                            tensor_, a.y, tensor_, a.dy, what_was.for_type(a.dtype), tensor_, a.dx),
          "cudnnSoftmaxBackward");
  }
  void run(const ActivationForward& a) const {
    operands_are(a.dtype, 1, a.n);
    check(set_activation_(activation_, in_cudnn(a.kind).value(), cudnn::propagated, 0),
          "cudnnSetActivationDescriptor");
    check(activate_(handle_, activation_, one.for_type(a.dtype), tensor_, a.x, zero.for_type(a.dtype),
                    tensor_, a.y),
          "cudnnActivationForward");
  }

 private:
  void check(int status, const char* function) const {
    if (status != 0) fail(ErrorCode::failed, "cuDNN: ", function, " returned ", error_(status));
  }
  /// Sets the common shape of all operands: images are rows, channels are columns.
  void operands_are(DType dtype, int64_t rows, int64_t cols) const {
    check(set_tensor_(tensor_, cudnn::packed, dtype == DType::f64 ? cudnn::f64 : cudnn::f32,
                      static_cast<int>(rows), static_cast<int>(cols), 1, 1),
          "cudnnSetTensor4dDescriptor");
  }

  cudnn::ErrorString error_;
  cudnn::SetStream set_stream_;
  cudnn::SetTensor set_tensor_;
  cudnn::SetActivation set_activation_;
  cudnn::SoftmaxForward softmax_;
  cudnn::SoftmaxBackward softmax_backward_;
  cudnn::ActivationForward activate_;
  // Never destroyed: the GPU may be gone when the program ends.
  void *handle_ = nullptr, *tensor_ = nullptr, *activation_ = nullptr;
};

/// Created at first use, when the GPU is already open.
const CuDnn& made_of(const PeerCalls& peer) {
  static const CuDnn dnn(peer);
  return dnn;
}

}  // namespace

std::vector<PeerWay> cudnn_ways(const PeerCalls& peer, const Case& c) {
  std::vector<PeerWay> ways;
  with_arguments<SoftmaxForward, SoftmaxBackward, ActivationForward>(c, [&]<class A>(const A& asked) {
    if (refused(asked)) return;
    ways.push_back({.name = peer.name, .run = [&peer](const Launch& launch, Case& like) {
                      made_of(peer).on(launch.stream);
                      made_of(peer).run(static_cast<CaseOf<A>&>(like).args());
                    }});
  });
  return ways;
}

const char* cudnn_why_not(const Case& c) {
  const char* why = "has no single call for this; try --op=softmax";
  with_arguments<SoftmaxForward, SoftmaxBackward, ActivationForward, ActivationBackward, AttentionForward,
                 AttentionBackward>(c, [&](const auto& asked) { why = refused(asked); });
  return why;
}

}  // namespace hewn::cli
