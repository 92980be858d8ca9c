// Ranks that begin with other parameters than rank 0.

#include "train/ranks/value_exchange.h"

#include "tests/train/ranks/mailboxes.h"
#include "tests/train/tiny.h"

namespace hewn::test {

TEST_CASE("ranks: all parameters are those of rank 0, also those that do not train", "[ranks]") {
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16})
    for (const int size : {1, 2, 4, 8}) {
      INFO(name_of(dtype) << ", " << size << " ranks");
      // Each parameter, and what products read of it.
      std::vector<std::string> values(static_cast<size_t>(size)), copies = values;
      Mailboxes(size, run_seed(), 4000).run([&](Ranks& ranks) {
        const auto me = static_cast<size_t>(ranks.rank());
        const auto device = make_cpu(1);
        const auto model = declare_model(tiny_model());
        model->parameters().add("nothing", {0, 3}, {});
        for (Parameter& p : model->parameters().all()) p.trains = p.name.find(".h.0.") == p.name.npos;
        model->parameters().allocate(*device, dtype, 7 + me);
        for (Parameter& p : model->parameters().all()) bf16_of(p);
        broadcast_parameters(model->parameters(), ranks);
        for (Parameter& p : model->parameters().all()) {
          values[me] += bytes_of(p.value);
          if (const Tensor copy = bf16_of(p); copy.defined()) copies[me] += bytes_of(copy);
        }
      });
      CHECK(copies[0].empty() == (dtype != DType::bf16));
      for (const std::string& one : values) CHECK((one == values[0]));
      for (const std::string& one : copies) CHECK((one == copies[0]));
      const auto first = make_model(tiny_model(), cpu(), dtype, 7);
      std::string expected;
      for (const Parameter& p : first->parameters().all()) expected += bytes_of(p.value);
      CHECK((values[0] == expected));
    }
}

}  // namespace hewn::test
