#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/paged_attention/abi.h"
#include "kernels/paged_attention/page.h"

namespace hewn {
namespace {

/// Query i of head h of sequence b. Scratch: [most_keys] scores, [D] sums.
void attend(const PagedAttention& a, int64_t b, int64_t h, int64_t i, double* score) {
  double* const sum = score + a.most_keys;
  const PageLayout& layout = a.pages.layout;
  const int64_t kv = h / (a.H / layout.Hkv), end = a.pages.length[b] + i + 1,
                first = std::max<int64_t>(0, end - a.window);
  const auto at = [&](const auto& x) { return b * x.batch + h * x.head + i * x.row; };
  const float* q = static_cast<const float*>(a.q.data) + at(a.q);
  float* y = static_cast<float*>(a.y.data) + at(a.y);
  double most = -std::numeric_limits<double>::infinity(), total = 0;
  for (int64_t t = first; t < end; ++t) {
    char* const head = page_head(a.pages, a.base, b, t, kv);
    double dot = 0;
    for (int64_t d = 0; d < layout.D; ++d)
      dot += static_cast<double>(q[d]) * static_cast<double>(in_page(layout, head, false, t, d));
    score[t] = a.scale * dot;
    most = std::fmax(most, score[t]);
  }
  std::fill_n(sum, layout.D, 0.0);
  for (int64_t t = first; t < end; ++t) {
    char* const head = page_head(a.pages, a.base, b, t, kv);
    const double p = std::exp(score[t] - most);
    total += p;
    for (int64_t d = 0; d < layout.D; ++d)
      sum[d] += p * static_cast<double>(in_page(layout, head, true, t, d));
  }
  for (int64_t d = 0; d < layout.D; ++d) y[d] = static_cast<float>(sum[d] / total);
}

}  // namespace

template <>
void kernel<"reference">(const Launch& launch, const PagedAttention& a) {
  for (int64_t b = 0; b < a.B; ++b)
    for (int64_t h = 0; h < a.H; ++h)
      for (int64_t i = 0; i < a.T; ++i) attend(a, b, h, i, static_cast<double*>(launch.scratch));
}

}  // namespace hewn
