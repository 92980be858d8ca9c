// float32 matrix products of this project beside OpenBLAS's and oneDNN's, in one process and in turn, so that
// clock, caches and neighbours are the same for all three. The best time of each counts.
//
// Build and run: scripts/peers/gemm_peers.sh, or by hand from the root of the repository after building
// build/kernels/libhewn_kernels.a:
//   g++ -std=c++20 -O2 -fopenmp -pthread -I. scripts/peers/gemm_peers.cpp build/kernels/libhewn_kernels.a \
//       build/core/libhewn_core.a -ldl -o gemm_peers
//   OPENBLAS_CORETYPE=SkylakeX ./gemm_peers [-t THREADS]... [-s SECONDS] [-c]
//   [MxNxK[:NN|NT|TN]]...
// With -c every call takes another copy of b, which comes from memory, as weights do in training.
// Without shapes it goes through those of docs/performance.md. HEWN_OPENBLAS and HEWN_ONEDNN name other
// libraries. Run on a quiet machine; a ratio below 1 says how much slower than the faster peer we are.

#include <dlfcn.h>
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "core/rng.h"
#include "kernels/devices.h"
#include "kernels/matmul/abi.h"

namespace {

using CblasSgemm = void (*)(int, int, int, int, int, int, float, const float*, int, const float*, int, float,
                            float*, int);
using DnnlSgemm = int (*)(char, char, int64_t, int64_t, int64_t, float, const float*, int64_t, const float*,
                          int64_t, float, float*, int64_t);

struct Shape {
  int M, N, K;
  bool trans_a, trans_b;
};

// Square ones, GPT-2 124M with 256 and 1024 tokens, the character model with 768, and what their backward
// passes ask for.
const std::vector<Shape> all_shapes = [] {
  std::vector<Shape> s{
      {512, 512, 512, false, false}, {1024, 1024, 1024, false, false}, {2048, 2048, 2048, false, false}};
  for (const int rows : {256, 1024}) {
    for (const auto& [n, k] : {std::pair{2304, 768}, {768, 768}, {3072, 768}, {768, 3072}})
      for (const bool trans_b : {false, true}) s.push_back({rows, n, k, false, trans_b});
    for (const bool trans_b : {false, true}) s.push_back({rows, 50257, 768, false, trans_b});
  }
  for (const auto& [n, k] : {std::pair{384, 128}, {128, 128}, {512, 128}, {128, 512}, {65, 128}})
    for (const bool trans_b : {false, true}) s.push_back({768, n, k, false, trans_b});
  for (const auto& [m, n] : {std::pair{128, 384}, {128, 128}, {128, 512}, {512, 128}, {65, 128}})
    s.push_back({m, n, 768, true, false});
  for (const auto& [m, n] : {std::pair{768, 2304}, {768, 768}, {768, 3072}, {3072, 768}, {50257, 768}})
    s.push_back({m, n, 256, true, false});
  s.push_back({256, 768, 50257, false, false});
  for (const auto& [n, k] : {std::pair{2304, 768}, {3072, 768}, {50257, 768}})
    for (const bool trans_b : {false, true}) s.push_back({1, n, k, false, trans_b});
  return s;
}();

void* library(const char* variable, std::initializer_list<const char*> names) {
  if (const char* named = std::getenv(variable)) return dlopen(named, RTLD_NOW | RTLD_LOCAL);
  for (const char* name : names)
    if (void* handle = dlopen(name, RTLD_NOW | RTLD_LOCAL)) return handle;
  return nullptr;
}

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

struct Peers {
  CblasSgemm openblas = nullptr;
  DnnlSgemm onednn = nullptr;
  void (*openblas_threads)(int) = nullptr;
};

struct Result {
  double hewn = 0, openblas = 0, onednn = 0, difference = 0;
};

Result measure(const Shape& s, int threads, double seconds, bool cold, const Peers& peers) {
  using namespace hewn;
  const auto size = [](int a, int b) { return static_cast<size_t>(a) * static_cast<size_t>(b); };
  std::vector<float> a(size(s.M, s.K)), b(size(s.K, s.N)), c(size(s.M, s.N)), d(c.size());
  // 256 MiB of copies are more than any cache holds.
  const size_t copies = cold ? 1 + (size_t{64} << 20) / b.size() : 1;
  Rng rng(1, 0);
  for (float& x : a) x = static_cast<float>(rng.uniform_double() - 0.5);
  for (float& x : b) x = static_cast<float>(rng.uniform_double() - 0.5);
  const size_t b_size = b.size();
  b.resize(copies * b_size);
  for (size_t copy = 1; copy < copies; ++copy)
    std::copy_n(b.begin(), b_size, b.begin() + static_cast<std::ptrdiff_t>(copy * b_size));
  size_t turn_of = 0;
  const auto next_b = [&] { return b.data() + turn_of++ % copies * b_size; };
  const int lda = s.trans_a ? s.M : s.K, ldb = s.trans_b ? s.K : s.N;
  const float beta = s.trans_a ? 1 : 0;  // a transposed is the gradient of a weight: it adds
  const auto device = make_cpu(threads);
  Matmul m{};
  m.dtype = DType::f32;
  m.M = s.M, m.N = s.N, m.K = s.K;
  m.trans_a = s.trans_a, m.trans_b = s.trans_b;
  m.a = a.data(), m.lda = lda, m.b = b.data(), m.ldb = ldb, m.c = c.data(), m.ldc = s.N;
  m.to_c = s.trans_a ? Write::add : Write::set;
  omp_set_num_threads(threads);
  if (peers.openblas_threads) peers.openblas_threads(threads);

  const std::function<void()> work[3] = {
      [&] { m.b = next_b(), run(*device, m); },
      [&] {
        peers.openblas(101, s.trans_a ? 112 : 111, s.trans_b ? 112 : 111, s.M, s.N, s.K, 1, a.data(), lda,
                       next_b(), ldb, beta, d.data(), s.N);
      },
      [&] {
        peers.onednn(s.trans_a ? 'T' : 'N', s.trans_b ? 'T' : 'N', s.M, s.N, s.K, 1, a.data(), lda, next_b(),
                     ldb, beta, d.data(), s.N);
      }};
  const bool have[3] = {true, peers.openblas != nullptr, peers.onednn != nullptr};

  Result result;
  work[0]();
  if (have[1] || have[2]) {
    work[have[1] ? 1 : 2]();
    double squares = 0, norm = 0;
    for (size_t i = 0; i < c.size(); ++i) {
      const double e = static_cast<double>(c[i]) - static_cast<double>(d[i]);
      squares += e * e, norm += static_cast<double>(d[i]) * static_cast<double>(d[i]);
    }
    result.difference = std::sqrt(squares / norm);
  }
  // Each takes its turn for a few milliseconds, so that it finds its own state of the caches. Before that the
  // threads of the one before, which go on looking for work for a while, get time to fall asleep.
  const double flops = 2.0 * s.M * s.N * s.K;
  const int calls = static_cast<int>(std::clamp(3e-3 / (flops / 2e11), 1.0, 100.0));
  double best[3] = {1e9, 1e9, 1e9}, spent = 0;
  for (int round = 0; round < 3 || spent < seconds; ++round) {
    for (int p = 0; p < 3; ++p) {
      if (!have[p]) continue;
      std::this_thread::sleep_for(std::chrono::milliseconds(threads > 1 ? 10 : 0));
      double turn = 0;
      for (int call = 0; call < calls && turn < 0.05; ++call) {
        const double t = seconds_of(work[p]);
        best[p] = std::min(best[p], t), spent += t, turn += t;
      }
    }
  }
  const auto rate = [&](int p) { return have[p] ? flops / best[p] * 1e-9 : 0; };
  result.hewn = rate(0), result.openblas = rate(1), result.onednn = rate(2);
  return result;
}

Shape parse(const std::string& text) {
  Shape s{};
  char a = 'N', b = 'N';
  if (std::sscanf(text.c_str(), "%dx%dx%d:%c%c", &s.M, &s.N, &s.K, &a, &b) < 3) {
    std::fprintf(stderr, "%s is not MxNxK[:NN|NT|TN|TT]\n", text.c_str());
    std::exit(2);
  }
  s.trans_a = a == 'T', s.trans_b = b == 'T';
  return s;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<Shape> shapes;
  std::vector<int> threads;
  double seconds = 0.5;
  bool cold = false;
  for (int i = 1; i < argc; ++i) {
    if (!std::strcmp(argv[i], "-t") && i + 1 < argc)
      threads.push_back(std::atoi(argv[++i]));
    else if (!std::strcmp(argv[i], "-s") && i + 1 < argc)
      seconds = std::atof(argv[++i]);
    else if (!std::strcmp(argv[i], "-c"))
      cold = true;
    else
      shapes.push_back(parse(argv[i]));
  }
  if (shapes.empty()) shapes = all_shapes;
  if (threads.empty()) threads = {1, 2};

  void* openblas = library(
      "HEWN_OPENBLAS", {"openblas-openmp/libopenblas.so.0",
                        "/usr/lib/x86_64-linux-gnu/openblas-openmp/libopenblas.so.0", "libopenblas.so.0"});
  void* onednn = library("HEWN_ONEDNN", {"libdnnl.so.2", "libdnnl.so.3"});
  Peers peers;
  if (openblas) {
    peers.openblas = reinterpret_cast<CblasSgemm>(dlsym(openblas, "cblas_sgemm"));
    peers.openblas_threads = reinterpret_cast<void (*)(int)>(dlsym(openblas, "openblas_set_num_threads"));
    if (const auto core = reinterpret_cast<char* (*)()>(dlsym(openblas, "openblas_get_corename")))
      std::printf("OpenBLAS runs its %s kernels\n", core());
  }
  if (onednn) peers.onednn = reinterpret_cast<DnnlSgemm>(dlsym(onednn, "dnnl_sgemm"));
  std::printf("| M x N x K | op | threads | hewn GFLOP/s | OpenBLAS | oneDNN | hewn / best | difference |\n");
  std::printf("|---|---|---|---|---|---|---|---|\n");
  for (const Shape& s : shapes) {
    for (const int t : threads) {
      const Result r = measure(s, t, seconds, cold, peers);
      const double peer = std::max(r.openblas, r.onednn);
      std::printf("| %d x %d x %d | %c%c%s | %d | %.1f | %.1f | %.1f | %.2f | %.0e |\n", s.M, s.N, s.K,
                  s.trans_a ? 'T' : 'N', s.trans_b ? 'T' : 'N', s.trans_a ? " add" : "", t, r.hewn,
                  r.openblas, r.onednn, peer > 0 ? r.hewn / peer : 0.0, r.difference);
      std::fflush(stdout);
    }
  }
}
