// Tensors of GPUs that are exchanged through memory of the host.

#include "train/ranks/tensors/staged.h"

#include <chrono>

#include "tests/support/gpu.h"
#include "tests/support/random.h"
#include "tests/train/ranks/mailboxes.h"

namespace hewn::test {

TEST_CASE("staged: exchanges of any sizes, under way together, bring what the other rank has",
          "[gpu][ranks]") {
  if (!make_test_gpu()) return;
  Mailboxes(2, run_seed(), 0).run([](Ranks& ranks) {
    const auto device = make_test_gpu();
    StagedTransport transport(ranks.messages(), *device);
    transport.settle();  // nothing was started
    const int me = ranks.rank(), other = 1 - me;
    const auto values_of = [](int rank, int64_t n, int round) {
      std::vector<float> values(static_cast<size_t>(n));
      for (size_t i = 0; i < values.size(); ++i)
        values[i] = static_cast<float>(1000 * round + 2 * static_cast<int>(i) + rank);
      return values;
    };
    // Pinned memory of an earlier round is used again, of the smallest size that is large enough.
    for (int round = 0; round < 6; ++round) {
      const bool waits = round % 2 == 0;
      std::vector<Tensor> received;
      std::vector<std::unique_ptr<TensorExchange>> exchanges;
      const std::vector<int64_t> sizes =
          round < 3 ? std::vector<int64_t>{300, 0, 7, 90} : std::vector<int64_t>{80, 8, 200, 7};
      for (const int64_t n : sizes) {
        const Tensor mine = Tensor::from(*device, values_of(me, n, round), {n});
        received.push_back(Tensor::zeros(*device, DType::f32, {n}));
        exchanges.push_back(transport.start(Topic::values, {{other, mine, received.back()}}));
      }
      const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
      for (const auto& exchange : exchanges) {
        if (waits) exchange->wait();
        while (!exchange->arrived()) {
          require(std::chrono::steady_clock::now() < end, "it never arrives");
          device->gpu()->rest();
        }
        exchange->wait();  // there is nothing left to wait for
        require(exchange->arrived(), "it is no longer there");
      }
      transport.join();
      transport.settle();
      for (size_t i = 0; i < sizes.size(); ++i)
        require(received[i].values<float>() == values_of(other, sizes[i], round), "round ", round,
                ": other values of tensor ", i);
    }
    require(transport.seconds_waited() >= 0, "a negative time");
  });
}

}  // namespace hewn::test
