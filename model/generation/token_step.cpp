#include "model/generation/token_step.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "kernels/embedding/op.h"
#include "model/cache.h"

namespace hewn {
namespace {

std::vector<Cache*> caches_of(const ForwardOptions& options) {
  return options.cache ? std::vector<Cache*>{options.cache} : options.caches;
}

template <class T>
std::vector<double> widened(const void* values, size_t n) {
  const T* const first = static_cast<const T*>(values);
  return {first, first + n};
}

}  // namespace

Tensor tokens_on_device(const Model& model, const std::vector<int32_t>& tokens, const Shape& shape) {
  if (executor(model.device()).gpu()) check_ids(tokens, model.config().vocab_size, "token");
  return Tensor::from(model.device(), tokens, shape);
}

TokenStep::TokenStep(Model& model, bool graphs)
    : model_(model), device_(executor(model.device())), graphs_(graphs), work_(device_) {}

TokenStep::~TokenStep() {
  work_.forget();
  if (done_) device_.gpu()->drop_event(done_);
  if (logits_) device_.gpu()->release_pinned(logits_);
}

void TokenStep::make_room(int64_t sequences) {
  if (inputs_.defined() && inputs_.dim(1) == sequences) return;
  GpuRuntime& gpu = *device_.gpu();
  work_.forget();
  const MemUseScope use(MemUse::data);
  inputs_ = Tensor::empty(device_, DType::i32, {2, sequences, 1});
  if (!done_) done_ = gpu.make_event();
  if (logits_) gpu.release_pinned(std::exchange(logits_, nullptr));
  const size_t bytes = static_cast<size_t>(sequences * model_.config().vocab_size) * sizeof(double);
  logits_ = gpu.allocate_pinned(bytes);
  if (!logits_) fail(ErrorCode::memory, "out of host memory: ", bytes, " bytes of pinned memory for logits");
}

std::vector<double> TokenStep::logits(const std::vector<int32_t>& tokens, ForwardOptions options) {
  const auto B = static_cast<int64_t>(tokens.size());
  const Shape shape{B, 1};
  if (!device_.gpu()) return model_.logits(tokens_on_device(model_, tokens, shape), options).doubles();
  check_ids(tokens, model_.config().vocab_size, "token");
  make_room(B);
  std::vector<int32_t> inputs = tokens;
  std::vector<const void*> addresses;
  const std::vector<Cache*> caches = caches_of(options);
  for (int64_t b = 0; b < B; ++b)
    inputs.push_back(static_cast<int32_t>(caches[caches.size() == 1 ? 0 : static_cast<size_t>(b)]->length()));
  for (Cache* cache : caches) {
    require(cache->length() < cache->capacity(), "a cache is full with ", cache->length(), " tokens");
    for (const void* address : cache->addresses()) addresses.push_back(address);
  }
  if (std::exchange(addresses_, addresses) != addresses) work_.forget();
  for (Parameter& p : model_.parameters().all()) (void)bf16_of(p);  // which a graph does not renew
  inputs_.upload(inputs.data());
  const Tensor ids = inputs_.sliced(0, 0, 1).viewed(shape);
  options.positions = inputs_.sliced(0, 1, 1).viewed(shape);
  const auto work = [&] {
    const Tensor y = model_.logits(ids, options);
    dtype_ = y.dtype();
    device_.gpu()->copy_out(logits_, y.data(), y.bytes());
  };
  if (!graphs_ || !CapturedWork::possible(device_))
    work();
  else if (work_.run(work))
    for (Cache* cache : caches) cache->advance(1);
  device_.gpu()->record(done_);
  device_.gpu()->wait(done_);
  return found(B);
}

std::vector<double> TokenStep::found(int64_t sequences) const {
  const auto n = static_cast<size_t>(sequences * model_.config().vocab_size);
  return dtype_ == DType::f64 ? widened<double>(logits_, n) : widened<float>(logits_, n);
}

}  // namespace hewn
