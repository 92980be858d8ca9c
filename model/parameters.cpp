#include "model/parameters.h"

#include "core/error.h"
#include "core/rng.h"
#include "kernels/copy/op.h"

namespace hewn {
namespace {

template <class T>
void upload_initial(Tensor& t, const Init& init, Rng rng) {
  std::vector<T> values(static_cast<size_t>(t.numel()));
  for (T& v : values) v = static_cast<T>(init.deviation > 0 ? init.deviation * rng.normal() : init.constant);
  t.upload(values.data());
}

}  // namespace

Tensor bf16_of(Parameter& p) {
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
  for (Parameter& p : all_) {
    p.value = Tensor::over(storage_of(p), dtype_, p.shape);
    if (!mixed_ || !p.decayed()) continue;
    p.value_bf16 = Tensor::empty(device, DType::bf16, p.shape);
    p.bf16_version = p.value.storage()->version - 1;  // the copy is outdated
  }
}

void Parameters::allocate(Device& device, DType dtype, uint64_t seed, bool grads) {
  require(!all_.empty(), "no parameters are declared");
  settle_on(device, dtype);
  dtype = dtype_;
  std::vector<size_t> bytes;
  size_t decayed_members = 0;
  for (const bool decayed : {true, false}) {
    for (Parameter& p : all_) {
      if (p.decayed() != decayed) continue;
      slab_.members.push_back(&p);
      bytes.push_back(static_cast<size_t>(p.shape.numel()) * size_of(dtype));
    }
    if (decayed) decayed_members = bytes.size();
  }
  slab_.values = std::make_unique<Slab>(device, MemUse::parameter, bytes);
  if (grads) slab_.grads = std::make_unique<Slab>(device, MemUse::gradient, bytes);
  slab_.n = static_cast<int64_t>(slab_.values->bytes() / size_of(dtype));
  slab_.n_decayed = decayed_members == bytes.size()
                        ? slab_.n
                        : static_cast<int64_t>(slab_.values->offset(decayed_members) / size_of(dtype));
  for (size_t i = 0; i < slab_.members.size(); ++i) {
    Parameter& p = *slab_.members[i];
    p.value = Tensor::over(slab_.values->slice(i), dtype, p.shape);
    if (grads) require_grad(p.value, p.name, Tensor::over(slab_.grads->slice(i), dtype, p.shape));
  }
  if (mixed_ && slab_.n_decayed > 0) add_bf16();
  uint64_t stream = 0;
  for (Parameter& p : all_) initialise(p, seed, stream++);
}

void Parameters::add_bf16() {
  const MemUseScope use(MemUse::parameter);
  slab_.values_bf16 = Tensor::zeros(*device_, DType::bf16, {slab_.n_decayed});
  for (size_t i = 0; i < slab_.members.size(); ++i) {
    Parameter& p = *slab_.members[i];
    if (!p.decayed()) return;
    auto* data = static_cast<uint8_t*>(slab_.values_bf16.data()) + slab_.values->offset(i) / 2;
    p.value_bf16 =
        Tensor::over(Storage::borrow(*device_, data, p.value.bytes() / 2, slab_.values_bf16.storage()),
                     DType::bf16, p.shape);
    p.bf16_version = p.value.storage()->version - 1;  // the copy is outdated
  }
}

void Parameters::initialise(Parameter& p, uint64_t seed, uint64_t stream) {
  if (device_->kind() == Device::Kind::meta) return;
  const Rng rng(seed, stream);
  dtype_ == DType::f64 ? upload_initial<double>(p.value, p.init, rng)
                       : upload_initial<float>(p.value, p.init, rng);
}

void Parameters::clear_grads() {
  for (Parameter& p : all_) clear_grad(p.value);
}

void Parameters::complete_grads() {
  for (Parameter& p : all_) {
    Variable& v = *p.value.variable();
    if (!v.has_grad) v.grad.zero();
    v.has_grad = true;
  }
}

void Parameters::updated() {
  for (Parameter& p : all_) {
    p.value.changed();
    if (!p.value_bf16.defined()) continue;
    p.value_bf16.changed();
    p.bf16_version = p.value.storage()->version;
  }
}

}  // namespace hewn
