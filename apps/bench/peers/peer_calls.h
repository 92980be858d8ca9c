#pragma once
// How `hewn bench kernels --compare` calls other libraries.

#include <functional>
#include <string>
#include <vector>

#include "apps/cli/system/shared_library.h"
#include "core/error.h"
#include "kernels/contract/case.h"
#include "kernels/matmul/abi.h"

namespace hewn::cli {

/// A loaded library and the functions found in it.
struct PeerCalls {
  std::string name;  ///< "openblas"
  SharedLibrary library;
  void* entry = nullptr;        ///< its sgemm; for libraries with handles, a characteristic function
  void* set_threads = nullptr;  ///< null: no such function
};

/// A library's function for the work of a case.
struct PeerWay {
  std::string name;  ///< "onednn", "onednn.sgemm"
  /// For cases that differ only in addresses; runs on the launch's threads or stream.
  std::function<void(const Launch&, Case&)> run{};
  double tolerance = 0;  ///< as in Contender
};

/// A library's function for a product.
struct PeerProduct {
  std::string name;
  std::function<void(const Launch&, const Matmul&)> run{};
  double tolerance = 0;
};

/// A function of a library; throws, naming both, if it does not exist.
template <class F>
F function_in(const PeerCalls& peer, const char* name) {
  const auto f = peer.library.symbol<F>(name);
  if (!f) fail(ErrorCode::failed, "--compare: the library loaded as ", peer.name, " has no function ", name);
  return f;
}

/// Sets the number of threads with the library's own function. Called before each product, since libraries
/// may share one OpenMP runtime and its thread count. BLIS takes 64 bits, the others an int, which is the
/// lower half of the same register.
void set_threads(const PeerCalls& peer, int threads);
/// 0 if the product overwrites C, 1 if it is added.
inline float beta_of(const Matmul& m) { return m.to_c == Write::add ? 1.0f : 0.0f; }
inline const float* floats(const void* p) { return static_cast<const float*>(p); }

/// Products by cblas_sgemm: float32 only.
std::vector<PeerProduct> cblas_products(const PeerCalls& peer, const Matmul& m);

/// Products by oneDNN 3's matmul primitive (float32 and bfloat16), on operands in place, with primitives created
/// once as in frameworks; and by dnnl_sgemm. Runs on OpenMP or oneTBB, depending on the library's build.
std::vector<PeerProduct> onednn_products(const PeerCalls& peer, const Matmul& m);

/// Products by cublasGemmEx, on a GPU: float32, float64, bfloat16 with float32 sums, and float32 rounded to
/// TF32 for tensor cores. The launch's scratch is its workspace.
std::vector<PeerProduct> cublas_products(const PeerCalls& peer, const Matmul& m);

/// cuDNN's functions, on a GPU: softmax forward and backward in float32 and float64, and ReLU and SiLU
/// forward in float32. Empty for any other case.
std::vector<PeerWay> cudnn_ways(const PeerCalls& peer, const Case& c);
/// The reason why cuDNN cannot handle this case; null if it can.
const char* cudnn_why_not(const Case& c);

}  // namespace hewn::cli
