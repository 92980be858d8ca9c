#pragma once
// The parameters of a model: declared by name as layers are built, then laid out in a slab so that the
// optimizer updates all of them in one kernel call.

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/not_copied.h"
#include "core/tape.h"
#include "kernels/qmatmul/op.h"

namespace hewn {

/// How a parameter is initialised: normal with this standard deviation, or uniform between -bound and bound, or a
/// constant if both are 0.
struct Init {
  double deviation = 0;
  double bound = 0;
  double constant = 0;
  static Init normal(double deviation) { return {.deviation = deviation}; }
  static Init uniform(double bound) { return {.bound = bound}; }
  static Init ones() { return {.constant = 1}; }
  static Init zeros() { return {}; }
};

struct Parameter;

/// A low-rank change of a matrix: two parameters of its own, see `LowRank` of kernels/linear.
struct Adapter {
  Parameter* a = nullptr;  ///< [r, in]
  Parameter* b = nullptr;  ///< [r, out]
  double scale = 1;
  double dropout = 0;
  uint32_t site = 0;  ///< the number of its dropout in the model
};

/// The last rows of a table, which train although the table does not: those of new tokens.
struct NewRows {
  int64_t first = 0;
  Parameter* values = nullptr;  ///< [rows, C]
};

/// What products with a matrix have read: sums over the rows of their inputs x.
struct InputStatistics {
  int64_t rows = 0;
  std::vector<double> squares = {};  ///< of each column of x, [in]
  bool with_products = false;
  Tensor products = {};  ///< if wanted, of each column with each other, x^T x, [in, in]

  /// Adds the rows of x [..., in], f32 on a CPU.
  void add(const Tensor& x);
  /// The mean square of each column, [in].
  std::vector<float> mean_squares() const;
};

struct Parameter {
  std::string name;  ///< as in Hugging Face's files: "transformer.h.0.attn.c_attn.weight"
  Shape shape;
  Init init;
  bool takes_adapter = false;  ///< whether the layer of this matrix applies an adapter
  /// Whether only products read the matrix: in mixed precision, nothing but the update reads more than the bf16 copy.
  bool only_multiplied = false;
  /// A matrix of an adapter, or new rows: files of the model's weights do not contain it as such.
  bool of_adapter = false;
  std::optional<Adapter> adapter = {};
  std::optional<NewRows> new_rows = {};  ///< instead of the value's last rows
  bool trains = true;  ///< false: keeps its value, has no gradient, is not a leaf; set before `allocate`
  Tensor value;        ///< a leaf of the tape, once allocated with gradients
  Tensor value_bf16;   ///< a matrix in mixed precision: the value as bf16, see bf16_of
  uint64_t bf16_version = 0;  ///< the version of the value that was copied
  /// Instead of a value, set before `reserve`: the matrix in blocks, [out, in], read as it is. It does not train.
  std::optional<BlockMatrix> blocks = {};
  InputStatistics* inputs = nullptr;  ///< where products with the matrix count what they read; null: nowhere

  /// Weight decay applies only to matrices (embeddings included), not to biases and norms.
  bool decayed() const { return shape.rank() >= 2; }
};

/// Parameters that are contiguous in memory, those with weight decay first; gradients in the same layout.
struct ParameterSlab {
  std::vector<Parameter*> members;
  std::unique_ptr<Slab> values, grads;  ///< null: none
  int64_t n = 0;                        ///< elements, gaps included
  int64_t n_decayed = 0;                ///< those before the first parameter without weight decay
  /// [n_decayed], in mixed precision: the bf16 copy of each element at the element's place; else undefined.
  Tensor values_bf16;
};

/// Sets new rows, if there are any, to the last rows of the value.
void take_new_rows(Parameter& p);

/// All elements of a slab as a vector, gaps included.
Tensor elements_of(const Slab& slab, DType dtype);

/// The value of a parameter, with its new rows if it has any.
Tensor value_of(const Parameter& p);

/// The same as bf16 in mixed precision, copied again if the value has changed since; else undefined.
Tensor bf16_of(Parameter& p);

class Parameters : NotCopied {
 public:
  /// Declares a parameter; it has a value after `allocate`. The address stays valid.
  Parameter* add(std::string name, const Shape& shape, Init init);

  /// Allocates all declared parameters, and gradients of those that train unless `grads` is false. Initial
  /// values are drawn from `seed`, those of parameter n from stream n: the same on every device. `dtype` is
  /// f32, f64, or bf16 for mixed precision (Micikevicius et al., "Mixed precision training", 2018, section
  /// 3.1); values and gradients are then float32, and each matrix has a bf16 copy for the matrix products.
  void allocate(Device& device, DType dtype, uint64_t seed, bool grads = true);
  /// The same without initial values: the caller writes all of them.
  void reserve(Device& device, DType dtype, bool grads = true);
  /// Uses existing values in memory, read-only and without gradients, instead of allocating them.
  /// `storage_of` returns the values of one parameter, row-major, of `dtype` (f32 for bf16). Matrices have
  /// bf16 copies as in `allocate`.
  void adopt(Device& device, DType dtype,
             const std::function<std::shared_ptr<Storage>(const Parameter&)>& storage_of);
  bool allocated() const { return device_ != nullptr; }

  /// In order of declaration.
  const std::deque<Parameter>& all() const { return all_; }
  std::deque<Parameter>& all() { return all_; }
  /// The parameter with this name, or null.
  Parameter* find(const std::string& name);
  int64_t numel() const;
  /// Elements of those that train.
  int64_t numel_trained() const;
  /// Bytes of all values as products read them: blocks, bf16 copies, or the values.
  size_t bytes_read() const;
  Device& device() const { return *device_; }
  /// The dtype of values, gradients and moments: f32 or f64.
  DType dtype() const { return dtype_; }
  /// The dtype of the operands of matrix products: bf16 in mixed precision, else `dtype()`.
  DType product_dtype() const { return mixed_ ? DType::bf16 : dtype_; }
  /// The memory laid out by `allocate`: the parameters that train, which the optimizer updates.
  const ParameterSlab& slab() const { return slab_; }

  /// Discards all gradients: the next backward pass overwrites them.
  void clear_grads();
  /// Allocates a slab of zeros laid out like the values that train.
  std::unique_ptr<Slab> slab_like_values(MemUse use) const;
  /// Has backward passes write to `grads`, laid out like the values, from now on.
  void write_grads_to(const Slab& grads);
  /// Zeroes the gradients that the backward pass has not reached, so that the optimizer reads no old values.
  void complete_grads();
  /// Must be called after the optimizer has changed the values in place, and their bf16 copies: all of them, or only those
  /// of matrices that are `only_multiplied`; the others are then outdated.
  void updated(bool all_copies = true);

 private:
  void settle_on(Device& device, DType dtype);
  void lay_out(ParameterSlab& slab, bool trained, bool grads);
  void add_bf16(ParameterSlab& slab);
  void initialise(Parameter& parameter, uint64_t seed, uint64_t stream);

  std::deque<Parameter> all_;
  std::unordered_map<std::string_view, Parameter*> by_name_;  // views into the names in all_
  ParameterSlab slab_, fixed_;                                // those that train, and the others
  Device* device_ = nullptr;
  DType dtype_ = DType::f32;
  bool mixed_ = false;
};

}  // namespace hewn
