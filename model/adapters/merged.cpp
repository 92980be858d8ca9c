#include "model/adapters/merged.h"

#include "core/error.h"
#include "core/io/checksum.h"
#include "model/weights/huggingface/huggingface_names.h"
#include "model/weights/weights.h"

namespace hewn {
namespace {

using Values = std::vector<double>;

/// W += weight * scale * A^T B in the change's columns.
void add_change(const LowRankChange& change, double weight, const Shape& shape, Values& values) {
  const int64_t in = shape[0], out = shape[1];
  const double factor = weight * change.scale;
  std::vector<double> sums(static_cast<size_t>(change.width));
  for (int64_t i = 0; i < in; ++i) {
    std::fill(sums.begin(), sums.end(), 0.0);
    for (int64_t r = 0; r < change.rank; ++r) {
      const double a = change.a[static_cast<size_t>(r * in + i)];
      const double* b = change.b.data() + r * change.width;
      for (int64_t j = 0; j < change.width; ++j) sums[static_cast<size_t>(j)] += a * b[j];
    }
    double* w = values.data() + i * out + change.first;
    for (int64_t j = 0; j < change.width; ++j) w[j] += factor * sums[static_cast<size_t>(j)];
  }
}

/// The values of a parameter that an adapter holds as a whole, or those of the base.
Values values_before(const ForeignModel& base, Model& base_model, const Parameter& p,
                     const std::vector<WeighedAdapter>& adapters) {
  for (auto adapter = adapters.rbegin(); adapter != adapters.rend(); ++adapter)
    for (const WholeParameter& whole : adapter->files.whole)
      if (whole.parameter == p.name) return whole.values;
  const Parameter* const same = base_model.parameters().find(p.name);
  if (!same || same->shape != p.shape)
    fail(ErrorCode::input, "neither the base model nor the adapter has ", p.name, " ", p.shape);
  return placed_values<double>(*base.tensors, base.naming, p, base.config);
}

Values merged_values(const ForeignModel& base, Model& base_model, const Parameter& p,
                     const std::vector<WeighedAdapter>& adapters) {
  Values values = values_before(base, base_model, p, adapters);
  for (const WeighedAdapter& adapter : adapters)
    for (const LowRankChange& change : adapter.files.changes)
      if (change.parameter == p.name) add_change(change, adapter.weight, p.shape, values);
  return values;
}

/// The merged tensors of a model.
struct MergedValues {
  std::vector<std::vector<float>> narrow;
  std::vector<Values> wide;
};

bool holds_f64(const NamedTensors& tensors) {
  bool any = false;
  tensors.each([&](const TensorEntry& entry) { any |= entry.dtype == DType::f64; });
  return any;
}

}  // namespace

ForeignModel merged(const ForeignModel& base, const ModelConfig& config,
                    const std::vector<WeighedAdapter>& adapters) {
  const auto base_model = declare_model(base.config);
  check_fit(*base.tensors, base.naming, *base_model);
  const auto values = std::make_shared<MergedValues>();
  const bool wide = holds_f64(*base.tensors);
  std::vector<TensorEntry> entries;
  const auto model = declare_model(config);
  const auto add = [&](const Parameter& p, const auto& data) {
    const auto sizes = p.shape.sizes();
    entries.push_back({.name = p.name,
                       .dtype = wide ? DType::f64 : DType::f32,
                       .shape = {sizes.begin(), sizes.end()},
                       .data = data.data(),
                       .bytes = data.size() * sizeof data[0]});
  };
  for (const Parameter& p : model->parameters().all()) {
    Values all = merged_values(base, *base_model, p, adapters);
    if (wide)
      add(p, values->wide.emplace_back(std::move(all)));
    else
      add(p, values->narrow.emplace_back(all.begin(), all.end()));
  }
  return {.format = "Hewn, with merged adapters",
          .config = config,
          .tensors = std::make_unique<TensorList>(std::move(entries), values),
          .naming = gpt2_naming(),
          .tokenizer = base.tokenizer,
          .no_tokenizer = base.no_tokenizer,
          .text_form = base.text_form};
}

uint64_t hash_of_weights(const ForeignModel& model) {
  const auto declared = declare_model(model.config);
  check_fit(*model.tensors, model.naming, *declared);
  Checksum sum;
  for (const Parameter& p : declared->parameters().all()) {
    const std::vector<float> values = placed_values<float>(*model.tensors, model.naming, p, model.config);
    sum.update(p.name.data(), p.name.size());
    sum.update(values.data(), values.size() * sizeof values[0]);
  }
  return sum.value();
}

}  // namespace hewn
