#include "tests/support/fixture.h"

#include <cstring>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/tape.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/env.h"

namespace hewn::test {
namespace {

template <class T>
std::vector<double> widen(std::string_view bytes) {
  std::vector<double> out(bytes.size() / sizeof(T));
  for (size_t i = 0; i < out.size(); ++i) {
    T v;
    std::memcpy(&v, bytes.data() + i * sizeof(T), sizeof(T));
    out[i] = static_cast<double>(v);
  }
  return out;
}

std::vector<double> widen(const std::string& dtype, std::string_view bytes) {
  if (dtype == "F32") return widen<float>(bytes);
  if (dtype == "F64") return widen<double>(bytes);
  if (dtype == "I32") return widen<int32_t>(bytes);
  if (dtype == "I64") return widen<int64_t>(bytes);
  fail(ErrorCode::input, "a fixture holds ", dtype);
}

template <class T>
Tensor narrow(Device& device, const std::vector<double>& values, const Shape& shape) {
  std::vector<T> typed;
  for (const double v : values) typed.push_back(static_cast<T>(v));
  return Tensor::from(device, typed, shape);
}

}  // namespace

Fixture::Fixture(const std::filesystem::path& safetensors) {
  const std::string file = read_file(safetensors);
  uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof length);
  const auto header = nlohmann::json::parse(file.substr(8, length));
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") continue;
    const auto sizes = entry.at("shape").get<std::vector<int64_t>>();
    const auto range = entry.at("data_offsets").get<std::vector<size_t>>();
    const auto bytes = std::string_view(file).substr(8 + length + range.at(0), range.at(1) - range.at(0));
    values_[name] = {Shape(std::span<const int64_t>(sizes)),
                     widen(entry.at("dtype").get<std::string>(), bytes)};
  }
}

std::vector<std::string> Fixture::names() const {
  std::vector<std::string> all;
  for (const auto& [name, values] : values_) all.push_back(name);
  return all;
}

const Fixture::Values& Fixture::at(const std::string& name) const {
  const auto found = values_.find(name);
  require(found != values_.end(), "the fixture holds no tensor ", name);
  return found->second;
}

Tensor Fixture::tensor(Device& device, const std::string& name, DType dtype) const {
  const auto& [shape, values] = at(name);
  switch (dtype) {
    case DType::f32: return narrow<float>(device, values, shape);
    case DType::f64: return narrow<double>(device, values, shape);
    case DType::i32: return narrow<int32_t>(device, values, shape);
    case DType::i64: return narrow<int64_t>(device, values, shape);
    default: fail(ErrorCode::usage, "a fixture as ", name_of(dtype));
  }
}

std::vector<OpFixture> op_fixtures(std::string_view op) {
  std::vector<OpFixture> all;
  for (const std::filesystem::path& folder : oracles("ops")) {
    const auto index = nlohmann::json::parse(read_file(folder / "index.json"));
    const auto& entry = index.at("ops").at(std::string(op));
    OpFixture& fixture =
        all.emplace_back(OpFixture{Fixture(folder / entry.at("file").get<std::string>()), {}});
    for (const auto& c : entry.at("cases")) {
      OpFixture::Case& added = fixture.cases.emplace_back();
      added.name = c.at("case").get<std::string>();
      for (const auto& [key, value] : c.items())
        if (value.is_number()) added.parameters[key] = value.get<double>();
    }
  }
  return all;
}

namespace {

using Compute = std::function<Tensor(const std::vector<Tensor>& inputs, const OpFixture::Case&)>;

void check_case(Device& device, std::string_view op, const std::vector<std::string>& inputs,
                const Compute& compute, const Fixture& from, const OpFixture::Case& c, DType dtype) {
  const double tolerance = dtype == DType::f32 ? 1e-5 : 1e-7;
  std::vector<Tensor> tensors;
  for (const std::string& input : inputs) {
    const std::string name = c.name + "." + input;
    Tensor& t = tensors.emplace_back();
    if (!from.has(name)) continue;
    const bool floating = from.has(c.name + ".grad_" + input);
    t = from.tensor(device, name, floating ? dtype : DType::i32);
    if (floating) require_grad(t);
  }
  INFO(op << " " << c.name << " " << name_of(dtype));
  Tape tape;
  const Tensor y = compute(tensors, c);
  if (!y.defined()) return;
  CHECK(close_by_norm(y.doubles(), from.values(c.name + ".out"), tolerance));
  tape.backward(y, from.tensor(device, c.name + ".grad_out", dtype));
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!tensors[i].requires_grad()) continue;
    INFO("gradient of " << inputs[i]);
    CHECK(
        close_by_norm(grad_of(tensors[i]).doubles(), from.values(c.name + ".grad_" + inputs[i]), tolerance));
  }
}

}  // namespace

void check_op_fixture(Device& device, std::string_view op, const std::vector<std::string>& inputs,
                      const Compute& compute) {
  for (const OpFixture& fixture : op_fixtures(op))
    for (const OpFixture::Case& c : fixture.cases)
      for (const DType dtype : {DType::f32, DType::f64})
        check_case(device, op, inputs, compute, fixture.tensors, c, dtype);
}

}  // namespace hewn::test
