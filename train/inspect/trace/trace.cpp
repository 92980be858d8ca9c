#include "train/inspect/trace/trace.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"

namespace hewn {
namespace {

constexpr int histogram_bins = 24;

// Bytes of a saved value: views count their own elements only.
size_t bytes_of(const SavedField& field) { return field.value->defined() ? field.value->peek().bytes() : 0; }

template <class T>
void add_values(TensorSummary& s, const std::vector<T>& values, int64_t most_values) {
  double sum = 0, squares = 0;
  int64_t n = 0;
  for (const T value : values) {
    const auto v = static_cast<double>(value);
    if (!std::isfinite(v)) continue;
    s.least = n == 0 ? v : std::min(s.least, v);
    s.most = n == 0 ? v : std::max(s.most, v);
    sum += v;
    s.zeros += v == 0;
    ++n;
  }
  s.not_finite = std::ssize(values) - n;
  if (std::ssize(values) <= most_values) s.values.assign(values.begin(), values.end());
  if (n == 0) return;
  s.mean = sum / static_cast<double>(n);
  s.histogram.resize(histogram_bins);
  const double width = (s.most - s.least) / histogram_bins;
  const double bins_per_unit = width > 0 ? 1 / width : 0;
  for (const T value : values) {
    const auto v = static_cast<double>(value);
    if (!std::isfinite(v)) continue;
    squares += (v - s.mean) * (v - s.mean);
    const double bin = (v - s.least) * bins_per_unit;  // NaN if the range overflows
    ++s.histogram[bin < histogram_bins ? static_cast<size_t>(bin) : histogram_bins - 1];
  }
  s.deviation = std::sqrt(squares / static_cast<double>(n));
}

}  // namespace

TensorSummary summarise(const Tensor& t, int64_t most_values) {
  TensorSummary s{.shape = t.shape(), .dtype = t.dtype()};
  switch (t.dtype()) {  // without a copy in double precision of the largest tensors
    case DType::f32: add_values<float>(s, t.values<float>(), most_values); break;
    case DType::f64: add_values<double>(s, t.values<double>(), most_values); break;
    default: add_values<double>(s, t.doubles(), most_values);
  }
  return s;
}

void TraceRecorder::recorded(const Node& node, const Tensor& y) {
  device_ = &y.device();
  TracedNode traced{.id = node.id, .scope = Scope::path(node.scope), .info = &node.info()};
  const std::vector<Edge> edges = Tape::current()->edges(static_cast<size_t>(node.id));
  for (size_t i = 0; i < edges.size(); ++i) {
    if (edges[i].from == Edge::From::leaf) leaf(edges[i].name).consumers.emplace_back(node.id, i);
    traced.inputs.push_back({edges[i]});
  }
  traced.value = summarise(y, most_values_);
  for (const SavedField& field : node.saved()) traced.saved.push_back({field.name, bytes_of(field)});
  trace_.nodes.push_back(std::move(traced));
  add_event({.kind = TraceEvent::Kind::recorded, .node = node.id}, y.device());
}

void TraceRecorder::before_backward(const Node& node, const Tensor& dy) {
  trace_.nodes.at(static_cast<size_t>(node.id)).grad = summarise(dy, most_values_);
}

void TraceRecorder::after_backward(const Node& node, size_t input, const Tensor& grad, Contribution how) {
  trace_.nodes.at(static_cast<size_t>(node.id)).inputs.at(input).write = how;
  if (grad.defined()) device_ = &grad.device();
  if (trace_.events.empty() || trace_.events.back().kind != TraceEvent::Kind::backward ||
      trace_.events.back().node != node.id)
    add_event({.kind = TraceEvent::Kind::backward, .node = node.id}, *device_);
}

void TraceRecorder::completed(const Variable& variable) {
  leaf(variable.name).grad = summarise(variable.grad, most_values_);
  add_event({.kind = TraceEvent::Kind::completed, .leaf = variable.name}, variable.grad.device());
}

void TraceRecorder::freed(int64_t id) {
  for (TracedSaved& saved : trace_.nodes.at(static_cast<size_t>(id)).saved) saved.freed_by = id;
  add_event({.kind = TraceEvent::Kind::freed, .node = id}, *device_);
}

TapeObserver* TraceRecorder::inside(const Node& node) {
  auto& recorder = inside_[node.id];
  recorder = std::make_unique<TraceRecorder>(most_values_);
  return recorder.get();
}

void TraceRecorder::note_leaf(const std::string& name, const Tensor& value) {
  leaf(name).value = summarise(value, most_values_);
}

Trace TraceRecorder::take() {
  for (auto& [node, recorder] : inside_)
    trace_.nodes.at(static_cast<size_t>(node)).inside = std::make_shared<Trace>(recorder->take());
  return std::exchange(trace_, {});
}

TracedLeaf& TraceRecorder::leaf(const std::string& name) {
  const auto at = std::find_if(trace_.leaves.begin(), trace_.leaves.end(),
                               [&](const TracedLeaf& l) { return l.name == name; });
  if (at != trace_.leaves.end()) return *at;
  trace_.leaves.push_back({.name = name});
  return trace_.leaves.back();
}

void TraceRecorder::add_event(TraceEvent event, const Device& device) {
  event.bytes = device.pool().stats().live;
  trace_.events.push_back(std::move(event));
}

}  // namespace hewn
