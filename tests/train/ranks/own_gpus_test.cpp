// Ranks that have one GPU together.

#include "tests/support/errors.h"
#include "tests/train/ranks/mailboxes.h"
#include "tests/train/tiny.h"
#include "train/ranks/agreement.h"

namespace hewn::test {

TEST_CASE("two ranks on one GPU are refused by all ranks, and named", "[ranks]") {
  const auto check = [](const std::vector<std::string>& addresses, const std::string& error) {
    Mailboxes(static_cast<int>(addresses.size()), run_seed()).run([&](Ranks& ranks) {
      const auto check_own = [&] { require_own_gpus(ranks, addresses[static_cast<size_t>(ranks.rank())]); };
      if (error.empty()) return check_own();
      const Failure refused =
          fails(ErrorCode::usage, {error, ", that at 0000:65:00.0; start at most as many ranks"}, check_own);
      require(refused.ok, refused.text);
    });
  };
  check({"0000:17:00.0", "0000:65:00.0"}, "");
  check({"", "", "", ""}, "");  // on CPUs, or emulated
  const std::string here = " (" + name_of_host() + ")";
  check({"0000:65:00.0", "0000:65:00.0"}, "rank 1" + here + " has the same GPU as rank 0" + here);
  check({"0000:17:00.0", "0000:65:00.0", "0000:31:00.0", "0000:65:00.0"},
        "rank 3" + here + " has the same GPU as rank 1" + here);
}

TEST_CASE("more ranks on a host than it has GPUs are refused with how many it has", "[ranks]") {
  const auto refused = [](int64_t ranks, int64_t gpus, const std::string& advice) {
    const std::string counts =
        join("--ranks: ", ranks, " ranks need a GPU each, but CUDA finds ", gpus, " on");
    const Failure failure =
        fails(ErrorCode::usage, {counts, advice}, [&] { require_gpu_each("--ranks", ranks, gpus); });
    INFO(failure.text);
    CHECK(failure.ok);
  };
  refused(2, 1, "; give at most 1 rank");
  refused(8, 6, "; give at most 4 ranks");  // the others are no powers of two
  for (const int64_t ranks : {1, 2}) CHECK_NOTHROW(require_gpu_each("--ranks", ranks, 2));
}

}  // namespace hewn::test
