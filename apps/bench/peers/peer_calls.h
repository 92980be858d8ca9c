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

/// A loaded library and the functions found in it.
struct PeerCalls {
  std::string name;  ///< "openblas"
  SharedLibrary library;
  void* entry = nullptr;        ///< its sgemm; for libraries with handles, a function that identifies them
  void* set_threads = nullptr;  ///< null: it has no call for that
};

/// A library's way of doing the work of a case.
struct PeerWay {
  std::string name;  ///< "onednn", "onednn.sgemm"
  /// For cases that differ only in addresses; runs on the launch's threads, or its stream.
  std::function<void(const Launch&, Case&)> run{};
  double tolerance = 0;  ///< as a contender's
};

/// A library's way of computing a product.
struct PeerProduct {
  std::string name;
  std::function<void(const Launch&, const Matmul&)> run{};
  double tolerance = 0;
};

/// A function of a library; if there is none with this name, fails naming both.
template <class F>
F function_in(const PeerCalls& peer, const char* name) {
  const auto f = peer.library.symbol<F>(name);
  if (!f) fail(ErrorCode::failed, "--compare: this ", peer.name, " has no function ", name);
  return f;
}

/// Sets the number of threads by the library's own call. Called before each product, since libraries may
/// share one OpenMP runtime and its thread count. BLIS takes 64 bits, the others an int, which is the lower
/// half of the same register.
void set_threads(const PeerCalls& peer, int threads);
/// 0 if the product is set, 1 if it is added.
inline float beta_of(const Matmul& m) { return m.to_c == Write::add ? 1.0f : 0.0f; }
inline const float* floats(const void* p) { return static_cast<const float*>(p); }

/// By cblas_sgemm: float32 only.
std::vector<PeerProduct> cblas_products(const PeerCalls& peer, const Matmul& m);

/// By oneDNN 3's matmul primitive (float32 and bfloat16), on operands in place, with primitives created once
/// as frameworks do; and by dnnl_sgemm. Runs on OpenMP or oneTBB, whichever the library was built with.
std::vector<PeerProduct> onednn_products(const PeerCalls& peer, const Matmul& m);

/// By cublasGemmEx, on a GPU: float32, float64, bfloat16 with float32 sums; and float32 rounded to TF32 for
/// tensor cores. The launch's scratch is its workspace.
std::vector<PeerProduct> cublas_products(const PeerCalls& peer, const Matmul& m);

/// By cuDNN, on a GPU: softmax, both ways, in float32 and float64, and ReLU and SiLU forwards in float32. None for any other case.
std::vector<PeerWay> cudnn_ways(const PeerCalls& peer, const Case& c);
/// Why this case cannot be done; null if it can.
const char* cudnn_why_not(const Case& c);

}  // namespace hewn::cli
