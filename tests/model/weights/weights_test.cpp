// Files of parameters that do not fit the model, or hold something else.

#include "model/weights/weights.h"

#include <cstring>

#include "tests/model/weights/exportable.h"
#include "tests/support/catch.h"
#include "tests/support/errors.h"
#include "tests/support/write_safetensors.h"

namespace hewn {
namespace {

using test::fails;

/// A model of two tables, [2, 2] and [3, 2], and a norm of two numbers.
ModelConfig without_layers() {
  return test::with(test::gpt2_like(), [](auto& c) {
    c.vocab_size = 2, c.block_size = 3, c.n_embd = 2, c.n_head = 1, c.n_layer = 0, c.bias = false;
  });
}

}  // namespace

TEST_CASE("parameters that do not fit the model are all listed, and none is changed", "[weights]") {
  const test::TempDir dir;
  const std::string path = (dir / "model.safetensors").string();
  const std::vector<float> values(6, 7.0f);
  test::write_safetensors(path, {{"transformer.wpe.weight", DType::f32, {2, 2}, values.data(), 16},
                                 {"transformer.ln_f.weight", DType::f32, {2}, values.data(), 8},
                                 {"extra", DType::f32, {1}, values.data(), 4}});
  const auto model = make_model(without_layers(), cpu());
  const auto norm = [&] { return model->parameters().find("transformer.ln_f.weight")->value.doubles(); };
  CHECK(fails(ErrorCode::input,
              {path, "does not fit the model", "missing: transformer.wte.weight [2, 2]",
               "transformer.wpe.weight is [2, 2], but the model needs [3, 2]", "unknown: extra"},
              [&] { load_weights(path, *model); }));
  CHECK(norm() == std::vector<double>{1, 1});
}

TEST_CASE("tensors of integers are no parameters", "[weights]") {
  const test::TempDir dir;
  const std::string path = (dir / "model.safetensors").string();
  const std::vector<int32_t> values{1, 2, 3, 4, 5, 6};
  const TensorEntry norm{"transformer.ln_f.weight", DType::i32, {2}, values.data(), 8};
  const std::string reason = "transformer.ln_f.weight is i32; expected floating-point numbers";
  CHECK(fails(ErrorCode::input, {reason}, [&] { values_of<float>(norm); }));
  CHECK(fails(ErrorCode::input, {reason}, [&] { values_of<double>(norm); }));
  test::write_safetensors(path,
                          {{"transformer.wte.weight", DType::f32, {2, 2}, values.data(), 16},
                           {"transformer.wpe.weight", DType::f32, {3, 2}, values.data(), 24},
                           norm},
                          weights_metadata(without_layers()));
  const auto model = make_model(without_layers(), cpu());
  const auto table = [&] { return model->parameters().find("transformer.wte.weight")->value.doubles(); };
  const std::vector<double> before = table();
  CHECK(fails(ErrorCode::input, {path, reason}, [&] { load_weights(path, *model); }));
  CHECK(table() == before);
  CHECK(fails(ErrorCode::input, {path, reason}, [&] { open_weights(path, cpu()); }));
}

TEST_CASE("parameters of a file are read wherever they lie in it", "[weights]") {
  const test::Exportable e(without_layers());
  std::string bytes = test::read_file(e.path("model.safetensors"));
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), sizeof length);
  bytes.insert(sizeof length + length++, " ");  // behind the header: no float is aligned
  std::memcpy(bytes.data(), &length, sizeof length);
  test::write_file(e.path("shifted.safetensors"), bytes);
  const auto shifted = open_weights(e.path("shifted.safetensors"), cpu());
  for (Parameter& p : shifted->parameters().all()) {
    INFO(p.name);
    CHECK(reinterpret_cast<uintptr_t>(p.value.data()) % sizeof(float) == 0);
    CHECK(p.value.values<float>() == e.model->parameters().find(p.name)->value.values<float>());
  }
  CHECK(values_of<float>({.name = "none", .dtype = DType::f32, .shape = {0, 2}}).empty());
}

TEST_CASE("a file of parameters without a configuration is not opened as a model", "[weights]") {
  const test::TempDir dir;
  const std::string path = (dir / "model.safetensors").string();
  const float value = 1;
  test::write_safetensors(path, {{"a", DType::f32, {1}, &value, 4}}, {{"format", "pt"}});
  CHECK(fails(ErrorCode::input, {path, "no model configuration", "not written by Hewn"},
              [&] { open_weights(path, cpu()); }));
  CHECK(fails(ErrorCode::input, {path, "no model configuration"}, [&] { open_foreign(path); }));
}

}  // namespace hewn
