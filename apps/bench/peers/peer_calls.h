#pragma once
// How the libraries of `hewn bench kernels --compare` are called.

#include <functional>
#include <string>
#include <vector>

#include "apps/bench/peers/shared_library.h"
#include "core/error.h"
#include "kernels/contract/case.h"
#include "kernels/matmul/abi.h"

namespace hewn::cli {

/// A loaded library and what was found in it.
struct PeerCalls {
  std::string name;  ///< "openblas"
  SharedLibrary library;
  void* entry = nullptr;        ///< its sgemm; of libraries with handles, what tells that they are these
  void* set_threads = nullptr;  ///< null: it has no call of its own for that
};

/// A library's way of doing the work of a case.
struct PeerWay {
  std::string name;  ///< "onednn", "onednn.sgemm"
  /// For cases that differ in nothing but addresses; on the launch's threads, or its stream.
  std::function<void(const Launch&, Case&)> run{};
  double tolerance = 0;  ///< as a contender's
};

/// A library's way of computing a product.
struct PeerProduct {
  std::string name;
  std::function<void(const Launch&, const Matmul&)> run{};
  double tolerance = 0;
};

/// A function of a library; fails, naming both, where it has none of this name.
template <class F>
F function_in(const PeerCalls& peer, const char* name) {
  const auto f = peer.library.symbol<F>(name);
  if (!f) fail(ErrorCode::failed, "--compare: this ", peer.name, " has no function ", name);
  return f;
}

/// By the library's own call. Set before each product, since libraries may share one OpenMP and its number.
/// BLIS takes 64 bits, the others an int, which is the lower half of the same register.
void set_threads(const PeerCalls& peer, int threads);
/// 0 where the product is set, 1 where it is added.
inline float beta_of(const Matmul& m) { return m.to_c == Write::add ? 1.0f : 0.0f; }
inline const float* floats(const void* p) { return static_cast<const float*>(p); }

/// By cblas_sgemm: float32 alone.
std::vector<PeerProduct> cblas_products(const PeerCalls& peer, const Matmul& m);

/// By oneDNN 3's matmul primitive, on operands as they stand and made once as frameworks do (float32 and
/// bfloat16), and by dnnl_sgemm. On OpenMP or oneTBB, whichever the library was built with.
std::vector<PeerProduct> onednn_products(const PeerCalls& peer, const Matmul& m);

/// By cublasGemmEx, on a GPU: float32, float64, bfloat16 with float32 sums; and float32 rounded to TF32 on
/// the way into tensor cores. The launch's scratch is its workspace.
std::vector<PeerProduct> cublas_products(const PeerCalls& peer, const Matmul& m);

/// By cuDNN, on a GPU: softmax and log_softmax, both ways, in float32 and float64, and ReLU and SiLU forwards
/// in float32. None for any other case.
std::vector<PeerWay> cudnn_ways(const PeerCalls& peer, const Case& c);
/// Why there is no way of doing this case; null where there is one.
const char* cudnn_why_not(const Case& c);

}  // namespace hewn::cli
