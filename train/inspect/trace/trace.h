#pragma once
// A forward and backward pass as data: the inputs, value, saved tensors and gradients of every node.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/tape.h"
#include "train/config.h"
#include "train/inspect/profile.h"
#include "train/inspect/trace/summary.h"

namespace hewn {

/// An input of a node.
struct TracedInput {
  Edge edge = {};
  Contribution write = Contribution::none;        ///< how the node contributed to its gradient
  std::optional<TensorSummary> grad_so_far = {};  ///< its gradient after that; none unless the recorder keeps
                                                  ///< sums
  std::optional<TensorSummary> constant = {};     ///< the value, if a constant
};

struct TracedSaved {
  std::string name = {};
  size_t bytes = 0;
  int64_t freed_by = -1;  ///< the node whose backward freed it; -1: kept
};

/// A kernel launched for a node.
struct TracedLaunch {
  StepProfile::Launch kernel = {};
  Phase phase = Phase::forward;  ///< phase: for the node's value, or for its gradients
};

struct Trace;

/// The tensors of a node themselves.
struct NodeTensors {
  Tensor y, dy;                         ///< dy: undefined if the backward pass did not reach the node
  std::vector<Tensor> inputs;           ///< undefined for inputs that are left out
  std::map<std::string, Tensor> saved;  ///< by the name of the field
};

struct TracedNode {
  int64_t id = 0;
  std::string scope = {};
  const OpInfo* info = nullptr;
  std::vector<TracedInput> inputs = {};
  TensorSummary value = {};
  /// The gradient of the loss with respect to the value; none if the backward pass did not reach the node.
  std::optional<TensorSummary> grad = {};
  std::vector<TracedSaved> saved = {};
  std::vector<TracedLaunch> launches = {};    ///< launches, without those of the nodes in `inside`
  std::shared_ptr<NodeTensors> tensors = {};  ///< null unless the recorder keeps them
  std::shared_ptr<Trace> inside = {};  ///< the nested tape of a node that records and runs one in its
                                       ///< backward pass
};

struct TracedLeaf {
  std::string name = {};
  std::optional<TensorSummary> value = {};  ///< none if `note_leaf` was not called for it
  std::optional<TensorSummary> grad = {};
  std::optional<TensorSummary> m = {}, v = {}, updated = {};  ///< after the step in `Trace::update`
  /// The nodes that use it, each with the index of the input.
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

/// A step of the optimizer.
struct TracedUpdate {
  OptimizerConfig optimizer = {};
  double learning_rate = 0, grad_norm = 0, clip_factor = 1;
};

struct Trace {
  std::vector<TracedNode> nodes;
  std::vector<TracedLeaf> leaves;  ///< in order of first use
  std::vector<TraceEvent> events;
  std::vector<TracedLaunch> launches;  ///< launches that belong to no node
  std::optional<TracedUpdate> update;  ///< see `take_first_update`
};

/// The total time of these launches, in seconds.
double seconds_of(const std::vector<TracedLaunch>& launches);

/// Records a trace of the tape that it observes.
class TraceRecorder final : public TapeObserver {
 public:
  /// Keeps the values of tensors of at most `most_values` elements. With a profile that watches the same
  /// pass, finds the launches of each node; then `take` must be called after the profile's step has ended.
  explicit TraceRecorder(int64_t most_values, const StepProfile* profile = nullptr)
      : most_values_(most_values), claims_(profile ? std::make_shared<Claims>(*profile) : nullptr) {}

  /// Keeps the tensors of all nodes, so that the memory of all results and gradients stays in use.
  void keep_tensors() { keeps_tensors_ = true; }
  /// Keeps the gradient of each input after every contribution.
  void keep_sums() { keeps_sums_ = true; }

  void recorded(const Node& node, const Tensor& y) override;
  void reads(const Node& node, std::span<const Tensor> inputs) override;
  void before_backward(const Node& node, const Tensor& dy) override;
  void after_backward(const Node& node, size_t input, const Tensor& grad, Contribution how) override;
  void completed(const Variable& leaf) override;
  void freed(int64_t id) override;
  TapeObserver* inside(const Node& node) override;

  /// Notes the value of a leaf.
  void note_leaf(const std::string& name, const Tensor& value);
  /// Returns the recorded trace.
  Trace take();

 private:
  /// The owners of a pass's launches, in order. A nested tape shares them with its outer tape.
  struct Claims {
    struct Claim {
      TraceRecorder* by = nullptr;  // null: no node
      int64_t node = -1;
      Phase phase = Phase::forward;
    };
    explicit Claims(const StepProfile& p) : profile(p) {}
    const StepProfile& profile;
    std::vector<Claim> claims;
  };

  void claim_forward(const Node& node);
  void claim_backward(const Node& node);
  void leave_launches();
  void hand_out_launches();
  TracedLeaf& leaf(const std::string& name);
  void add_event(TraceEvent event, const Device& device);

  int64_t most_values_;
  Trace trace_;
  Device* device_ = nullptr;  // of the last tensor seen
  std::map<int64_t, std::unique_ptr<TraceRecorder>> inside_;
  std::shared_ptr<Claims> claims_;  // null: no profile
  bool is_inside_ = false, keeps_tensors_ = false, keeps_sums_ = false;
};

}  // namespace hewn
