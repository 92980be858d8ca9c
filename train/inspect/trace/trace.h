#pragma once
// A forward and backward pass as data: what every node read, computed, kept and passed on.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/tape.h"

namespace hewn {

/// The numbers of a tensor in short, and all of them if they are few.
struct TensorSummary {
  Shape shape = {};
  DType dtype = DType::f32;
  double mean = 0, deviation = 0, least = 0, most = 0;  ///< of the finite elements
  int64_t zeros = 0, not_finite = 0;
  /// Elements in equal parts of [least, most]; empty without finite ones.
  std::vector<int64_t> histogram = {};
  std::vector<double> values = {};  ///< all elements in row-major order; empty if there are too many
};

/// Summarises a tensor of any number type, with its values if it has at most `most_values`.
TensorSummary summarise(const Tensor& t, int64_t most_values);

/// What is known of an input of a node.
struct TracedInput {
  Edge edge = {};
  Contribution write = Contribution::none;  ///< what the node did to its gradient
};

struct TracedSaved {
  std::string name = {};
  size_t bytes = 0;
  int64_t freed_by = -1;  ///< the node whose backward freed it: its own; -1: kept
};

struct Trace;

struct TracedNode {
  int64_t id = 0;
  std::string scope = {};
  const OpInfo* info = nullptr;
  std::vector<TracedInput> inputs = {};
  TensorSummary value = {};
  /// Of the loss by the value; none if the backward pass did not reach the node.
  std::optional<TensorSummary> grad = {};
  std::vector<TracedSaved> saved = {};
  std::shared_ptr<Trace> inside = {};  ///< the tape of a node that records and runs one in its backward pass
};

struct TracedLeaf {
  std::string name = {};
  std::optional<TensorSummary> value = {};  ///< none if the recorder was not given the leaf
  std::optional<TensorSummary> grad = {};
  /// Nodes and the number of their input, as recorded.
  std::vector<std::pair<int64_t, size_t>> consumers = {};
};

/// A step of the passes, in the order of time.
struct TraceEvent {
  enum class Kind : uint8_t { recorded, backward, freed, completed };
  Kind kind = Kind::recorded;
  int64_t node = -1;      ///< of all kinds but `completed`
  std::string leaf = {};  ///< of `completed`
  size_t bytes = 0;       ///< in use on the device after it
};

struct Trace {
  std::vector<TracedNode> nodes;
  std::vector<TracedLeaf> leaves;  ///< in order of first use
  std::vector<TraceEvent> events;
};

/// Records a trace of the tape that it observes.
class TraceRecorder final : public TapeObserver {
 public:
  /// Keeps the values of tensors of at most `most_values` elements.
  explicit TraceRecorder(int64_t most_values) : most_values_(most_values) {}

  void recorded(const Node& node, const Tensor& y) override;
  void before_backward(const Node& node, const Tensor& dy) override;
  void after_backward(const Node& node, size_t input, const Tensor& grad, Contribution how) override;
  void completed(const Variable& leaf) override;
  void freed(int64_t id) override;
  TapeObserver* inside(const Node& node) override;

  /// Notes the value of a leaf.
  void note_leaf(const std::string& name, const Tensor& value);
  /// What was recorded.
  Trace take();

 private:
  TracedLeaf& leaf(const std::string& name);
  void add_event(TraceEvent event, const Device& device);

  int64_t most_values_;
  Trace trace_;
  Device* device_ = nullptr;  // of the last tensor seen
  std::map<int64_t, std::unique_ptr<TraceRecorder>> inside_;
};

}  // namespace hewn
