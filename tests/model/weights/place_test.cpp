// Tensors of other programs by name, and which of them belong to a model.

#include "model/weights/place.h"

#include "kernels/devices/devices.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"

namespace hewn {

using test::fails;

TEST_CASE("a name that two tensors have is refused", "[place]") {
  const TensorEntry a{.name = "a", .shape = {1}}, b{.name = "b", .shape = {2}};
  const TensorList both({a, b}, nullptr);
  REQUIRE(both.find("b") != nullptr);
  CHECK(both.find("b")->shape == std::vector<int64_t>{2});
  CHECK(both.find("c") == nullptr);
  CHECK(fails(ErrorCode::input, {"tensor a appears twice"}, [&] { TensorList({a, b, a}, nullptr); }));
}

TEST_CASE("unless a naming passes tensors over, all must be parameters", "[place]") {
  ModelConfig config;
  config.arch = "bigram";
  config.vocab_size = 2;
  const auto model = make_model(config, cpu());
  const auto named = [](const Parameter& p, const ModelConfig&) {
    return Origin{{{"their." + p.name, p.shape[p.shape.rank() - 1]}}};
  };
  std::vector<TensorEntry> tensors;
  for (const Parameter& p : model->parameters().all())
    tensors.push_back({.name = "their." + p.name, .shape = {p.shape.sizes().begin(), p.shape.sizes().end()}});
  REQUIRE(!tensors.empty());
  CHECK_NOTHROW(check_fit(TensorList(tensors, nullptr), {.origin = named}, *model));
  tensors.push_back({.name = "mask", .shape = {2, 2}});
  const TensorList more(tensors, nullptr);
  CHECK(fails(ErrorCode::input, {"unknown: mask"}, [&] { check_fit(more, {.origin = named}, *model); }));
  const auto is_mask = [](std::string_view name, const ModelConfig&) { return name == "mask"; };
  CHECK_NOTHROW(check_fit(more, {.origin = named, .passed_over = is_mask}, *model));
}

}  // namespace hewn
