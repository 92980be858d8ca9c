#include "model/parameters.h"

#include "core/error.h"
#include "core/rng.h"
#include "kernels/contract/contract.h"
#include "kernels/contract/parallel.h"
#include "kernels/copy/op.h"
#include "kernels/matmul/abi.h"

namespace hewn {
namespace {

/// Draws the initial values, in place on a CPU: a copy of a large matrix costs as much as it.
template <class T>
void draw_initial(Tensor& t, const Init& init, const Rng& stream) {
  const bool in_place = t.device().kind() == Device::Kind::cpu;
  std::vector<T> copy(in_place ? 0 : static_cast<size_t>(t.numel()));
  T* const values = in_place ? t.ptr<T>() : copy.data();
  const uint64_t words = init.deviation > 0 ? 4 : 2;  // of the stream, for a value
  const Launch launch{.threads = executor(t.device()).threads()};
  parallel_elements(launch, t.numel(), [&](int64_t begin, int64_t end) {
    Rng rng = stream;
    rng.skip(words * static_cast<uint64_t>(begin));
    for (int64_t i = begin; i < end; ++i)
      values[i] = static_cast<T>(init.deviation > 0 ? init.deviation * rng.normal()
                                 : init.bound > 0   ? init.bound * (2 * rng.uniform_double() - 1)
                                                    : init.constant);
  });
  if (in_place)
    t.changed();
  else
    t.upload(copy.data());
}

}  // namespace

void InputStatistics::add(const Tensor& x) {
  const int64_t cols = x.cols();
  squares.resize(static_cast<size_t>(cols));
  const auto* row = x.ptr<float>();
  for (int64_t r = 0; r < x.rows(); ++r, row += cols)
    for (int64_t c = 0; c < cols; ++c)
      squares[static_cast<size_t>(c)] += static_cast<double>(row[c]) * static_cast<double>(row[c]);
  rows += x.rows();
  if (!with_products) return;
  if (!products.defined()) products = Tensor::zeros(x.device(), DType::f32, {cols, cols});
  run(x.device(), Matmul{.dtype = DType::f32,
                         .M = cols,
                         .N = cols,
                         .K = x.rows(),
                         .trans_a = true,
                         .trans_b = false,
                         .a = x.data(),
                         .lda = cols,
                         .b = x.data(),
                         .ldb = cols,
                         .c = products.data(),
                         .ldc = cols,
                         .to_c = Write::add});
}

std::vector<float> InputStatistics::mean_squares() const {
  std::vector<float> means;
  for (const double sum : squares) means.push_back(static_cast<float>(sum / static_cast<double>(rows)));
  return means;
}

Tensor elements_of(const Slab& slab, DType dtype) {
  return Tensor::over(slab.storage(), dtype, {static_cast<int64_t>(slab.bytes() / size_of(dtype))});
}

Tensor value_of(const Parameter& p) {
  if (!p.new_rows) return p.value;
  return concat({p.value.sliced(0, 0, p.new_rows->first), p.new_rows->values->value}, 0);
}

void take_new_rows(Parameter& p) {
  if (!p.new_rows) return;
  Tensor& rows = p.new_rows->values->value;
  rows.copy_from(p.value.sliced(0, p.new_rows->first, rows.dim(0)));
}

Tensor bf16_of(Parameter& p) {
  if (p.new_rows && p.value_bf16.defined()) return as_type(value_of(p), DType::bf16);
  const uint64_t version = p.value.storage()->version;
  if (p.value_bf16.defined() && p.bf16_version != version) {
    copy_into(p.value_bf16, p.value, Write::set);
    p.value_bf16.changed();
    p.bf16_version = version;
  }
  return p.value_bf16;
}

Parameter* Parameters::add(std::string name, const Shape& shape, Init init) {
  require(!allocated(), "parameter ", name, " is declared after allocation");
  require(!find(name), "parameter ", name, " is declared twice");
  all_.push_back({.name = std::move(name), .shape = shape, .init = init, .value = {}, .value_bf16 = {}});
  Parameter* added = &all_.back();
  by_name_.emplace(added->name, added);
  return added;
}

Parameter* Parameters::find(const std::string& name) {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

int64_t Parameters::numel() const {
  int64_t n = 0;
  for (const Parameter& p : all_) n += p.shape.numel();
  return n;
}

int64_t Parameters::numel_trained() const {
  int64_t n = 0;
  for (const Parameter& p : all_) n += p.trains ? p.shape.numel() : 0;
  return n;
}

size_t Parameters::bytes_read() const {
  size_t bytes = 0;
  for (const Parameter& p : all_)
    bytes += p.blocks ? static_cast<size_t>(p.blocks->bytes())
                      : (p.value_bf16.defined() ? p.value_bf16.bytes() : p.value.bytes());
  return bytes;
}

void Parameters::settle_on(Device& device, DType dtype) {
  require(!allocated(), "parameters are allocated twice");
  require(dtype == DType::f32 || dtype == DType::f64 || dtype == DType::bf16, "parameters of ",
          name_of(dtype), "; expected f32, f64 or bf16");
  device_ = &device;
  mixed_ = dtype == DType::bf16;
  dtype_ = mixed_ ? DType::f32 : dtype;
}

void Parameters::adopt(Device& device, DType dtype,
                       const std::function<std::shared_ptr<Storage>(const Parameter&)>& storage_of) {
  settle_on(device, dtype);
  const MemUseScope use(MemUse::parameter);
  std::vector<Parameter*> copied;
  std::vector<size_t> bytes;
  for (Parameter& p : all_) {
    p.value = Tensor::over(storage_of(p), dtype_, p.shape);
    if (!mixed_ || !p.decayed()) continue;
    copied.push_back(&p);
    bytes.push_back(static_cast<size_t>(p.shape.numel()) * size_of(DType::bf16));
  }
  if (copied.empty()) return;
  const Slab slab(device, MemUse::parameter, bytes);
  for (size_t i = 0; i < copied.size(); ++i) {
    copied[i]->value_bf16 = Tensor::over(slab.slice(i), DType::bf16, copied[i]->shape);
    copied[i]->bf16_version = copied[i]->value.storage()->version - 1;  // the copy is outdated
  }
}

void Parameters::allocate(Device& device, DType dtype, uint64_t seed, bool grads) {
  reserve(device, dtype, grads);
  uint64_t stream = 0;
  for (Parameter& p : all_) initialise(p, seed, stream++);
}

void Parameters::reserve(Device& device, DType dtype, bool grads) {
  require(!grads || all_.empty() || numel_trained() > 0, "none of the parameters trains");
  settle_on(device, dtype);
  lay_out(slab_, true, grads);
  lay_out(fixed_, false, false);
}

/// Allocates the parameters that train, or all others.
void Parameters::lay_out(ParameterSlab& slab, bool trained, bool grads) {
  std::vector<size_t> bytes;
  size_t decayed_members = 0;
  for (const bool decayed : {true, false}) {
    for (Parameter& p : all_) {
      if (p.decayed() != decayed || p.trains != trained || p.blocks) continue;
      slab.members.push_back(&p);
      bytes.push_back(static_cast<size_t>(p.shape.numel()) * size_of(dtype_));
    }
    if (decayed) decayed_members = bytes.size();
  }
  if (bytes.empty()) return;
  slab.values = std::make_unique<Slab>(*device_, MemUse::parameter, bytes);
  if (grads) slab.grads = std::make_unique<Slab>(*device_, MemUse::gradient, bytes);
  slab.n = static_cast<int64_t>(slab.values->bytes() / size_of(dtype_));
  slab.n_decayed = decayed_members == bytes.size()
                       ? slab.n
                       : static_cast<int64_t>(slab.values->offset(decayed_members) / size_of(dtype_));
  for (size_t i = 0; i < slab.members.size(); ++i) {
    Parameter& p = *slab.members[i];
    p.value = Tensor::over(slab.values->slice(i), dtype_, p.shape);
    if (grads) require_grad(p.value, p.name, Tensor::over(slab.grads->slice(i), dtype_, p.shape));
  }
  if (mixed_ && slab.n_decayed > 0) add_bf16(slab);
}

void Parameters::add_bf16(ParameterSlab& slab) {
  const MemUseScope use(MemUse::parameter);
  slab.values_bf16 = Tensor::zeros(*device_, DType::bf16, {slab.n_decayed});
  for (size_t i = 0; i < slab.members.size(); ++i) {
    Parameter& p = *slab.members[i];
    if (!p.decayed()) return;
    auto* data = static_cast<uint8_t*>(slab.values_bf16.data()) + slab.values->offset(i) / 2;
    p.value_bf16 =
        Tensor::over(Storage::borrow(*device_, data, p.value.bytes() / 2, slab.values_bf16.storage()),
                     DType::bf16, p.shape);
    p.bf16_version = p.value.storage()->version - 1;  // the copy is outdated
  }
}

void Parameters::initialise(Parameter& p, uint64_t seed, uint64_t stream) {
  if (device_->kind() == Device::Kind::meta) return;
  const Rng rng(seed, stream);
  dtype_ == DType::f64 ? draw_initial<double>(p.value, p.init, rng)
                       : draw_initial<float>(p.value, p.init, rng);
}

void Parameters::clear_grads() {
  for (Parameter* p : slab_.members) clear_grad(p->value);
}

std::unique_ptr<Slab> Parameters::slab_like_values(MemUse use) const {
  std::vector<size_t> bytes;
  for (const Parameter* p : slab_.members) bytes.push_back(p->value.bytes());
  return std::make_unique<Slab>(*device_, use, bytes);
}

void Parameters::write_grads_to(const Slab& grads) {
  for (size_t i = 0; i < slab_.members.size(); ++i) {
    Parameter& p = *slab_.members[i];
    p.value.variable()->grad = Tensor::over(grads.slice(i), dtype_, p.shape);
  }
}

void Parameters::complete_grads() {
  for (Parameter* p : slab_.members) {
    Variable& v = *p->value.variable();
    if (!v.has_grad) v.grad.zero();
    v.has_grad = true;
  }
}

void Parameters::updated(bool all_copies) {
  for (Parameter* p : slab_.members) {
    p->value.changed();
    if (!p->value_bf16.defined() || (!all_copies && !p->only_multiplied)) continue;
    p->value_bf16.changed();
    p->bf16_version = p->value.storage()->version;
  }
}

}  // namespace hewn
