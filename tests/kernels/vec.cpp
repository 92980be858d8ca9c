#include "tests/kernels/vec.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/random.h"

namespace hewn::test {

TEST_CASE("partial loads and stores touch only their lanes; sums include all lanes", "[vec]") {
  for_each_isa([&]<Isa I>() {
    INFO("instruction set " << name_of(I));
    const int lanes = vec_lanes<I>();
    Random random("lanes");
    for (int64_t n = 0; n <= lanes; ++n) {
      const std::vector<float> x = random.normals(n);  // exactly n: sanitizers detect reads past the end
      std::vector<float> y(static_cast<size_t>(lanes) + 1, 7.0f);
      double results[3];
      vec_parts<I>(x.data(), n, -2.0f, y.data(), results);
      double sum = -2.0 * static_cast<double>(lanes - n);
      double largest = n < lanes ? -2.0 : -std::numeric_limits<double>::infinity(), sum_of_doubles = 0;
      for (size_t i = 0; i < x.size(); ++i) {
        sum += x[i];
        largest = std::max<double>(largest, x[i]);
        if (i < static_cast<size_t>(lanes) / 2) sum_of_doubles += x[i];
      }
      INFO("n = " << n);
      CHECK(std::equal(x.begin(), x.end(), y.begin()));
      CHECK(std::all_of(y.begin() + n, y.end(), [](float v) { return v == 7.0f; }));
      CHECK(std::fabs(results[0] - sum) <= 1e-5);
      CHECK(results[1] == largest);
      CHECK(std::fabs(results[2] - sum_of_doubles) <= 1e-14);
    }
  });
}

}  // namespace hewn::test
