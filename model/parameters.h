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

/// A low-rank change of a matrix by two parameters; see `LowRank` in kernels/linear.
struct Adapter {
  Parameter* a = nullptr;  ///< [r, in]
  Parameter* b = nullptr;  ///< [r, out]
  double scale = 1;
  double dropout = 0;
  uint32_t site = 0;  ///< the number of its dropout in the model
};

/// The rows of new tokens at the end of a frozen table, which are trained.
struct NewRows {
  int64_t first = 0;
  Parameter* values = nullptr;  ///< [rows, C]
};

/// Statistics of the inputs x of products with a matrix: sums over the rows of x.
struct InputStatistics {
  int64_t rows = 0;
  std::vector<double> squares = {};  ///< of each column of x, [in]
  bool with_products = false;
  Tensor products = {};  ///< optional sums of products of column pairs, x^T x, [in, in]

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
  /// Whether only products read the matrix: in mixed precision, only the update then reads the float32
  /// values.
  bool only_multiplied = false;
  /// A matrix of an adapter, or new rows; weight files do not contain it under its own name.
  bool of_adapter = false;
  std::optional<Adapter> adapter = {};
  std::optional<NewRows> new_rows = {};  ///< trained in place of the value's last rows
  bool trains = true;  ///< false: frozen, without a gradient, not a leaf; set before `allocate`
  Tensor value;        ///< a leaf of the tape, once allocated with gradients
  Tensor value_bf16;   ///< a matrix in mixed precision: the value as bf16, see bf16_of
  uint64_t bf16_version = 0;  ///< the version of the value that was copied
  /// Instead of a value, set before `reserve`: the matrix in blocks, [out, in], used without conversion and
  /// not trained.
  std::optional<BlockMatrix> blocks = {};
  InputStatistics* inputs = nullptr;  ///< where products with the matrix record statistics of their inputs;
                                      ///< null: nowhere

  /// Weight decay applies only to matrices (embeddings included), not to biases and norms.
  bool decayed() const { return shape.rank() >= 2; }
};

/// Parameters that are contiguous in memory, those with weight decay first; gradients in the same layout.
struct ParameterSlab {
  std::vector<Parameter*> members;
  std::unique_ptr<Slab> values, grads;  ///< null: none
  int64_t n = 0;                        ///< elements, gaps included
  int64_t n_decayed = 0;                ///< number of elements with weight decay, gaps included
  /// [n_decayed], in mixed precision: the bf16 copy of each element, at the same index; else undefined.
  Tensor values_bf16;
};

/// Initialises the new rows, if any, with the last rows of the value.
void take_new_rows(Parameter& p);

/// All elements of a slab as a vector, gaps included.
Tensor elements_of(const Slab& slab, DType dtype);

/// The value of a parameter, including its new rows.
Tensor value_of(const Parameter& p);

/// The value as bf16 in mixed precision, copied again if it has changed; else undefined.
Tensor bf16_of(Parameter& p);

class Parameters : NotCopied {
 public:
  /// Declares a parameter; it has a value after `allocate`. The address stays valid.
  Parameter* add(std::string name, const Shape& shape, Init init);

  /// Allocates all declared parameters, and gradients of those that train unless `grads` is false. Initial
  /// values are drawn from `seed`, with stream n for parameter n, so they are the same on every device.
  /// `dtype` is f32, f64, or bf16 for mixed precision (Micikevicius et al., "Mixed precision training", 2018,
  /// section 3.1); values and gradients are then float32, and each matrix has a bf16 copy for the matrix
  /// products.
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
  /// The number of trained elements.
  int64_t numel_trained() const;
  /// The size of all values in the form that products read: blocks, bf16 copies, or the values.
  size_t bytes_read() const;
  Device& device() const { return *device_; }
  /// The dtype of values, gradients and moments: f32 or f64.
  DType dtype() const { return dtype_; }
  /// The dtype of the operands of matrix products: bf16 in mixed precision, else `dtype()`.
  DType product_dtype() const { return mixed_ ? DType::bf16 : dtype_; }
  /// The slab laid out by `allocate`: the trained parameters, which the optimizer updates.
  const ParameterSlab& slab() const { return slab_; }

  /// Discards all gradients: the next backward pass overwrites them.
  void clear_grads();
  /// Allocates a slab of zeros laid out like the trained values.
  std::unique_ptr<Slab> slab_like_values(MemUse use) const;
  /// Makes later backward passes write to `grads`, which is laid out like the values.
  void write_grads_to(const Slab& grads);
  /// Zeroes gradients that the backward pass did not reach, so that the optimizer reads no stale values.
  void complete_grads();
  /// Call this after the optimizer has changed the values in place, along with all bf16 copies, or only the
  /// copies of `only_multiplied` matrices; the other copies then become stale.
  void updated(bool all_copies = true);

 private:
  void settle_on(Device& device, DType dtype);
  void lay_out(ParameterSlab& slab, bool trained, bool grads);
  void add_bf16(ParameterSlab& slab);
  void initialise(Parameter& parameter, uint64_t seed, uint64_t stream);

  std::deque<Parameter> all_;
  std::unordered_map<std::string_view, Parameter*> by_name_;  // views into the names in all_
  ParameterSlab slab_, fixed_;                                // the trained ones, and the others
  Device* device_ = nullptr;
  DType dtype_ = DType::f32;
  bool mixed_ = false;
};

}  // namespace hewn
