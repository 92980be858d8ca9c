#pragma once
// What layernorm and rmsnorm are to compute if x or y is bf16, on any device.

#include <functional>

#include "core/tape.h"
#include "kernels/devices/devices.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/random.h"

namespace hewn::test {

/// norm(x and parameters, type of y)
using Norm = std::function<Tensor(const std::vector<Tensor>&, DType)>;

/// A tensor on the device with these values, which `type` represents exactly.
inline Tensor exactly(Device& device, const std::vector<double>& values, const Shape& shape, DType type) {
  if (type == DType::f64) return Tensor::from(device, values, shape);
  std::vector<float> floats;
  std::vector<BFloat16> bf16s;
  for (const double v : values) {
    floats.push_back(static_cast<float>(v));
    bf16s.emplace_back(floats.back());
  }
  return type == DType::bf16 ? Tensor::from(device, bf16s, shape) : Tensor::from(device, floats, shape);
}

/// Leaves: x of this shape and type, then the parameters.
inline std::vector<Tensor> norm_leaves(Device& device, const std::vector<std::vector<double>>& values,
                                       const Shape& shape, DType x_type, DType parameter_type) {
  std::vector<Tensor> leaves;
  for (const auto& v : values) {
    const bool is_x = leaves.empty();
    leaves.push_back(exactly(device, v, is_x ? shape : Shape{shape[-1]}, is_x ? x_type : parameter_type));
    require_grad(leaves.back());
  }
  return leaves;
}

/// Records norm(in), runs the backward pass from dy and returns y.
inline Tensor with_gradients(const Norm& norm, const std::vector<Tensor>& in, DType y_dtype,
                             const std::vector<double>& dy) {
  Tape tape;
  Tensor y = norm(in, y_dtype);
  REQUIRE(y.dtype() == y_dtype);
  tape.backward(y, exactly(y.device(), dy, y.shape(), y_dtype));
  return y;
}

/// Compares a norm with bf16 results with the same norm in double: y and, if x is bf16, its gradient are
/// rounded once, also when a second gradient is added to the first; the gradients of parameters are sums in
/// float.
inline void check_bf16_norm(Device& device, int n_parameters, const Norm& norm) {
  Random random("bf16 norms");
  const auto bf16_normals = [&](int64_t n) {
    std::vector<double> values = random.normals<double>(n);
    for (double& v : values) v = static_cast<double>(static_cast<float>(BFloat16(static_cast<float>(v))));
    return values;
  };
  for (const Shape& shape : {Shape{5, 40}, Shape{3, 37}}) {
    for (const DType x_type : {DType::bf16, DType::f32}) {
      INFO(name_of(x_type) << " " << shape.numel() << " elements in rows of " << shape[-1]);
      std::vector<std::vector<double>> values{bf16_normals(shape.numel())};
      for (int i = 0; i < n_parameters; ++i) values.push_back(bf16_normals(shape[-1]));
      const std::vector<Tensor> in = norm_leaves(device, values, shape, x_type, DType::f32),
                                exact = norm_leaves(cpu(), values, shape, DType::f64, DType::f64);
      for (const bool add : {false, true}) {
        const std::vector<double> dy = bf16_normals(shape.numel());
        std::vector<std::vector<double>> want;  // gradients before this pass, then after it
        for (const Tensor& t : in)
          want.push_back(add ? grad_of(t).doubles() : std::vector<double>(static_cast<size_t>(t.numel())));
        CHECK(close_to_bf16(with_gradients(norm, in, DType::bf16, dy).doubles(),
                            with_gradients(norm, exact, DType::f64, dy).doubles(), 3e-6));
        for (size_t i = 0; i < in.size(); ++i) {
          INFO("gradient of input " << i << (add ? ", added" : ""));
          const std::vector<double> term = grad_of(exact[i]).doubles();
          for (size_t k = 0; k < term.size(); ++k) want[i][k] += term[k];
          clear_grad(exact[i]);
          const std::vector<double> got = grad_of(in[i]).doubles();
          if (in[i].dtype() == DType::bf16)
            CHECK(close_to_bf16(got, want[i], 3e-6));
          else
            CHECK(close_by_norm(got, want[i], 3e-6));
        }
      }
    }
  }
}

}  // namespace hewn::test
