#include "apps/bench/peers/peer_calls.h"

namespace hewn::cli {

void set_threads(const PeerCalls& peer, int threads) {
  if (peer.set_threads) reinterpret_cast<void (*)(int64_t)>(peer.set_threads)(threads);
}

std::vector<PeerProduct> cblas_products(const PeerCalls& peer, const Matmul& m) {
  using Sgemm =
      void (*)(int, int, int, int, int, int, float, const float*, int, const float*, int, float, float*, int);
  if (m.dtype != DType::f32) return {};
  return {{peer.name, [peer](const Launch& on, const Matmul& a) {
             constexpr int row_major = 101, as_it_is = 111, transposed = 112;
             const auto n = [](int64_t size) { return static_cast<int>(size); };
             set_threads(peer, on.threads);
             reinterpret_cast<Sgemm>(peer.entry)(
                 row_major, a.trans_a ? transposed : as_it_is, a.trans_b ? transposed : as_it_is, n(a.M),
                 n(a.N), n(a.K), static_cast<float>(a.alpha), floats(a.a), n(a.lda), floats(a.b), n(a.ldb),
                 beta_of(a), static_cast<float*>(a.c), n(a.ldc));
           }}};
}

}  // namespace hewn::cli
