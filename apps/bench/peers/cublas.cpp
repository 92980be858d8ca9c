#include "apps/bench/peers/cublas.h"

#include <limits>
#include <memory>

#include "apps/bench/peers/peer_calls.h"
#include "core/error.h"

namespace hewn::cli {
namespace {

// With a 10-bit fraction, each factor has a relative error of up to 2^-11; long sums have about the same.
constexpr double tf32_tolerance = 2e-3;

/// A handle of the library, and the products computed with it.
class CuBlas {
 public:
  explicit CuBlas(const PeerCalls& peer)
      : set_stream_(function_in<cublas::SetStream>(peer, "cublasSetStream_v2")),
        set_workspace_(function_in<cublas::SetWorkspace>(peer, "cublasSetWorkspace_v2")),
        gemm_(function_in<cublas::GemmEx>(peer, "cublasGemmEx")) {
    check(function_in<cublas::Create>(peer, "cublasCreate_v2")(&handle_), "cublasCreate");
  }

  /// cuBLAS is column-major, Hewn row-major, so this computes C transposed, which is B transposed times A transposed.
  void multiply(const Launch& on, const Matmul& m, cublas::Compute compute) const {
    check(set_stream_(handle_, on.stream), "cublasSetStream");
    check(set_workspace_(handle_, on.scratch, on.scratch_bytes), "cublasSetWorkspace");
    const cublas::Type type = type_of(m.dtype),
                       type_c = m.dtype != DType::bf16 || m.bf16_c ? type : cublas::f32;
    const double alpha = m.alpha, beta = m.to_c == Write::add ? 1 : 0;
    const float alpha_f32 = static_cast<float>(alpha), beta_f32 = static_cast<float>(beta);
    const bool wide = compute == cublas::in_f64;
    check(gemm_(handle_, operation(m.trans_b), operation(m.trans_a), whole(m.N), whole(m.M), whole(m.K),
                wide ? static_cast<const void*>(&alpha) : &alpha_f32, m.b, type, whole(m.ldb), m.a, type,
                whole(m.lda), wide ? static_cast<const void*>(&beta) : &beta_f32, m.c, type_c, whole(m.ldc),
                compute, cublas::preferred),
          "cublasGemmEx");
  }

 private:
  static void check(int status, const char* function) {
    if (status != 0) fail(ErrorCode::failed, "cuBLAS: ", function, " returned ", status);
  }
  static cublas::Type type_of(DType dtype) {
    return dtype == DType::bf16 ? cublas::bf16 : dtype == DType::f64 ? cublas::f64 : cublas::f32;
  }
  static cublas::Operation operation(bool is_transposed) {
    return is_transposed ? cublas::transposed : cublas::as_it_is;
  }
  static int whole(int64_t size) {
    require(size <= std::numeric_limits<int>::max(), "--compare: cuBLAS is called with 32-bit sizes, but ",
            size, " is larger");
    return static_cast<int>(size);
  }

  cublas::SetStream set_stream_;
  cublas::SetWorkspace set_workspace_;
  cublas::GemmEx gemm_;
  void* handle_ = nullptr;  ///< never destroyed: the GPU may be gone when the program ends
};

}  // namespace

std::vector<PeerProduct> cublas_products(const PeerCalls& peer, const Matmul& m) {
  const auto by = [&](cublas::Compute compute) {
    return [&peer, compute](const Launch& on, const Matmul& a) {
      static const CuBlas blas(peer);
      blas.multiply(on, a, compute);
    };
  };
  switch (m.dtype) {
    case DType::f32:
      return {{peer.name, by(cublas::in_f32)}, {peer.name + ".tf32", by(cublas::in_tf32), tf32_tolerance}};
    case DType::bf16: return {{peer.name, by(cublas::in_f32)}};
    case DType::f64: return {{peer.name, by(cublas::in_f64)}};
    default: return {};
  }
}

}  // namespace hewn::cli
