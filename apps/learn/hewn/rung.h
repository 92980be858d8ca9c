#pragma once
// The vocabulary of a rung of the matmul ladder: pointers to the matrices of a product, vectors,
// parallel_for, and RUNG, which exports a function as a rung for `hewn bench kernels --rung`. `hewn learn
// check` writes this header, and those that it includes, next to the lesson.

#include <algorithm>
#include <vector>

#include "kernels/contract/parallel.h"
#include "kernels/contract/plugin.h"
#include "kernels/matmul/abi.h"
#include "kernels/simd/vec.h"

namespace hewn::lesson {

/// C = A B, in float. a[i * lda + k] is the element of row i and column k of A, b[k * ldb + j] that of row k and column
/// j of B, c[i * ldc + j] that of row i and column j of C. Rows of A begin lda elements apart, which may be
/// more than K; likewise for B and C.
struct Product {
  int64_t M, N, K;  ///< A has M rows and K columns, B has K rows and N columns, C has M rows and N columns
  const float* a;
  int64_t lda;
  const float* b;
  int64_t ldb;
  float* c;  ///< uninitialised; set every element
  int64_t ldc;
};

/// Declines all products except plain ones.
inline const char* plain_only(const Matmul& m) {
  const Epilogue& e = m.epilogue;
  if (m.dtype != DType::f32) return "f32 only";
  if (m.trans_a || m.trans_b || m.to_c != Write::set || m.alpha != 1 || m.outer * m.inner != 1)
    return "plain products only";
  const bool more =
      e.bias || e.pre || e.slope_at || e.residual || e.activation != Activation::none || m.b_sums;
  return more ? "no epilogue" : nullptr;
}

template <void (*multiply)(const Launch&, const Product&)>
void run(const Launch& launch, const Matmul& m) {
  multiply(launch, {m.M, m.N, m.K, static_cast<const float*>(m.a), m.lda, static_cast<const float*>(m.b),
                    m.ldb, static_cast<float*>(m.c), m.ldc});
}

}  // namespace hewn::lesson

// Names for lessons, which are single files without namespaces.
using hewn::fma;
using hewn::Launch;
using hewn::load;
using hewn::load_part;
using hewn::parallel_for;
using hewn::set1;
using hewn::store;
using hewn::store_part;
using hewn::vf;
using hewn::W;
using hewn::lesson::Product;

#ifndef HEWN_LESSON_ENTRY
#define HEWN_LESSON_ENTRY hewn_rung
#endif

/// Begins the function of a rung: RUNG(multiply, (const Launch& launch, const Product& m)) { ... }
#define RUNG(name, parameters)                                                                               \
  static void name parameters;                                                                               \
  extern "C" const hewn::RungPlugin* HEWN_LESSON_ENTRY() {                                                   \
    static constexpr auto rung =                                                                             \
        hewn::rung_plugin<hewn::Matmul, hewn::lesson::run<name>, hewn::lesson::plain_only>("matmul", #name); \
    return &rung;                                                                                            \
  }                                                                                                          \
  static void name parameters
