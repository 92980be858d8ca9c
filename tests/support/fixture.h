#pragma once
// Reference values (`oracles`): trusted safetensors files, read without the bounds checks of model/weights.

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/tensor.h"

namespace hewn::test {

/// The tensors of one safetensors file, by name.
class Fixture {
 public:
  explicit Fixture(const std::filesystem::path& safetensors);

  bool has(const std::string& name) const { return values_.contains(name); }
  std::vector<std::string> names() const;
  const Shape& shape(const std::string& name) const { return at(name).shape; }
  /// The values in double; throws when there is no such tensor.
  const std::vector<double>& values(const std::string& name) const { return at(name).values; }
  /// The values as a tensor of f32, f64, i32 or i64.
  Tensor tensor(Device& device, const std::string& name, DType dtype) const;

 private:
  struct Values {
    Shape shape;
    std::vector<double> values;
  };
  const Values& at(const std::string& name) const;
  std::map<std::string, Values> values_;
};

/// The cases of one op in fixtures/ops: tensors "c0.x", ... and parameters from index.json.
struct OpFixture {
  Fixture tensors;
  struct Case {
    std::string name;                          ///< "c0"
    std::map<std::string, double> parameters;  ///< numeric parameters: "eps", "dim", ...
  };
  std::vector<Case> cases;
};

/// The cases of every oracle.
std::vector<OpFixture> op_fixtures(std::string_view op);

/// Checks an op against all cases of its fixture, in f32 and f64: "out", and "grad_NAME" for each of the
/// named floating inputs, to 1e-5 by norm in f32 and, since the fixtures are stored in f32, 1e-7 in f64. An
/// input missing from a case is an undefined tensor; integer inputs are i32 constants. A case for which
/// compute returns an undefined tensor is skipped.
void check_op_fixture(
    Device& device, std::string_view op, const std::vector<std::string>& inputs,
    const std::function<Tensor(const std::vector<Tensor>& inputs, const OpFixture::Case&)>& compute);

}  // namespace hewn::test
