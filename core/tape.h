#pragma once
// The tape: define-by-run reverse-mode differentiation.
//
// While a `Tape` lives, every operation on a tensor that requires a gradient records a node on it: the
// operation, its scope, its inputs and the values that its backward pass needs. `backward` visits the nodes
// from the newest to the oldest, passes each one the gradient of its output, and frees it. There is no
// recursion and no graph search: the order of creation is already a topological order (Griewank and Walther,
// Evaluating Derivatives, 2nd ed., section 3.2).

#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/not_copied.h"
#include "core/scope.h"
#include "core/tensor.h"
#include "core/write.h"

namespace hewn {

class Tape;

/// Called when a leaf's gradient is complete, that is, when all its consumers have contributed.
struct LeafHook {
  std::function<void(const Tensor& grad)> call;
  bool last_micro_step_only = false;  ///< run only in the last backward pass of an accumulated step
};

/// The tape's side of a tensor that requires a gradient: a leaf (parameter, input) or the output of a node.
struct Variable {
  Tape* tape = nullptr;   ///< null for a leaf
  int64_t node = -1;      ///< index of the producing node on its tape, -1 for a leaf
  Tensor grad;            ///< leaf: its buffer, kept; otherwise: the sum of the contributions so far
  bool has_grad = false;  ///< whether `grad` holds a value (the next contribution adds, the first one sets)
  int consumers = 0;      ///< leaf: nodes on living tapes that have yet to contribute
  std::string name;       ///< leaf: "h.0.attn.c_attn.weight"
  std::vector<LeafHook> hooks;
};

/// Makes a constant a leaf: its gradients are accumulated in `grad_buffer`, or in a new buffer if none is given.
void require_grad(Tensor& t, std::string name = {}, Tensor grad_buffer = {});
/// The gradient accumulated in a leaf (undefined if none has arrived).
Tensor grad_of(const Tensor& leaf);
/// Discards a leaf's gradient: the next contribution overwrites, so nothing has to be zeroed.
void clear_grad(const Tensor& leaf);

/// A value kept for the backward pass: its storage, without graph edges (so that there are no cycles), and
/// the storage's version.
class Saved {
 public:
  Saved() = default;
  Saved(const Tensor& t);  // NOLINT: implicit, so that SoftmaxNode{.y = y} reads well
  /// The value. Throws ErrorCode::failed if it was changed in place after it was saved.
  const Tensor& get() const;
  const Tensor& operator*() const { return get(); }
  const Tensor* operator->() const { return &get(); }
  bool defined() const { return tensor_.defined(); }
  /// The value without the check, for tools.
  const Tensor& peek() const { return tensor_; }

 private:
  Tensor tensor_;
  uint64_t version_ = 0;
};

struct SavedField {
  const char* name;
  const Saved* value;
};

struct BackwardOptions {
  bool last_micro_step = true;  ///< whether hooks with `last_micro_step_only` run
  bool keep = false;            ///< keep nodes and intermediate gradients for inspection
};

/// The kind of a node's input.
struct Edge {
  enum class From : uint8_t { nothing, node, leaf, constant };
  From from = From::nothing;  ///< nothing: an undefined input, such as a bias that is left out
  int64_t node = -1;          ///< of `node`: its position on the tape
  std::string name = {};      ///< of `leaf` and `constant`: "h.0.attn.c_attn.weight", "tokens"; may be empty
  Shape shape = {};
  DType dtype = DType::f32;
};

/// How a node's backward pass contributed to the gradient of an input: not at all, as none was required or it
/// is zero; wrote the first contribution; added to it; or passed on a finished tensor, without a copy.
enum class Contribution : uint8_t { none, set, add, give };

class TapeObserver;

/// Where a node's backward pass puts the gradients of its inputs.
class Grads {
 public:
  struct Target {
    Tensor tensor;  ///< contiguous, of the input's shape and dtype
    Write write;    ///< whether to overwrite or add to it
  };

  /// Whether input i requires a gradient.
  bool wants(size_t i) const { return inputs_[i] != nullptr; }
  /// The buffer for the gradient of input i, and whether to overwrite it or add to it.
  Target at(size_t i);
  /// The same for the arguments of a kernel, which stay unset unless input i requires a gradient.
  void at(size_t i, void*& data, Write& write);
  /// Passes on a finished gradient of input i, which has its shape (any contiguous view; it may share
  /// storage with dy).
  void give(size_t i, const Tensor& grad);
  /// The options of this backward pass, for a node that runs its own backward pass.
  const BackwardOptions& options() const { return options_; }
  /// The observer of this backward pass, for such a node; null if there is none.
  TapeObserver* observer() const { return observer_; }

 private:
  friend class Tape;
  Grads(std::vector<std::shared_ptr<Variable>>& inputs, std::vector<Tensor>& likes,
        const BackwardOptions& options, TapeObserver* observer)
      : inputs_(inputs), likes_(likes), options_(options), observer_(observer) {
    if (observer_) made_.resize(inputs.size());
  }
  // Records the first contribution if a node makes several to one input.
  void note(size_t i, Contribution how) {
    if (observer_ && made_[i] == Contribution::none) made_[i] = how;
  }

  std::vector<std::shared_ptr<Variable>>& inputs_;
  std::vector<Tensor>& likes_;  // shape, dtype and device of each input, without its storage
  const BackwardOptions& options_;
  TapeObserver* observer_;
  std::vector<Contribution> made_;  // only with an observer
};

/// A recorded operation. Each op derives its own node, with the saved fields as named members.
struct Node {
  virtual ~Node() = default;
  virtual const OpInfo& info() const = 0;
  /// Computes the gradients of the inputs from dy, the gradient of the output (contiguous, of the output's shape).
  virtual void backward(const Tensor& dy, Grads& grads) = 0;
  /// The saved fields by name, so that tools can print, count and free them.
  virtual std::vector<SavedField> saved() const { return {}; }

  int64_t id = -1;  ///< position on the tape
  int scope = 0;    ///< Scope number at recording
  Shape shape;      ///< of the output
};

/// Observes a tape, for tools that print, check or time. Without an observer, it costs nothing.
class TapeObserver {
 public:
  virtual ~TapeObserver() = default;
  /// Called after `node` was recorded with output y.
  virtual void recorded(const Node& node, const Tensor& y) { (void)node, (void)y; }
  /// Called after `recorded`, with the tensors that the node was computed from; undefined for an input that
  /// is left out.
  virtual void reads(const Node& node, std::span<const Tensor> inputs) { (void)node, (void)inputs; }
  /// Called before a node's backward, with the gradient of its output.
  virtual void before_backward(const Node& node, const Tensor& dy) { (void)node, (void)dy; }
  /// Called after a node's backward, with the gradient accumulated so far for its input i, and the node's
  /// contribution.
  virtual void after_backward(const Node& node, size_t input, const Tensor& grad, Contribution how) {
    (void)node, (void)input, (void)grad, (void)how;
  }
  /// Called when all consumers of a leaf have contributed to its gradient.
  virtual void completed(const Variable& leaf) { (void)leaf; }
  /// Called after node `id` was freed with the values that it saved; not with `BackwardOptions::keep`.
  virtual void freed(int64_t id) { (void)id; }
  /// The observer of the tape that `node` records and runs in its own backward pass (see `recomputed`).
  virtual TapeObserver* inside(const Node& node) { return (void)node, nullptr; }
};

/// "h.0.attn.c_proj linear": the part of the model and the operation of a node.
std::string place_of(const Node& node);

/// An observer of tensors only: passes every value and gradient to `look`, in the order of computation.
class ValueObserver : public TapeObserver {
 public:
  void recorded(const Node& node, const Tensor& y) final { look(node, "values", y); }
  void before_backward(const Node& node, const Tensor& dy) final { look(node, "gradient of its output", dy); }
  void after_backward(const Node& node, size_t input, const Tensor& grad, Contribution) final {
    look(node, "gradient of input " + std::to_string(input), grad);
  }

 protected:
  /// `what` names the tensor within the node.
  virtual void look(const Node& node, const std::string& what, const Tensor& t) = 0;
};

/// Records operations of this thread while it lives. Tapes nest; the innermost one records.
class Tape : NotCopied {
 public:
  Tape();
  ~Tape();

  /// Computes the gradients of y with respect to every leaf that it depends on. Without dy, y must be a
  /// scalar, and `seed` is its gradient. Throws usage if y was not recorded on this tape, if dy has another
  /// shape, or if a backward pass already ran on this tape.
  void backward(const Tensor& y, const BackwardOptions& options = {}, double seed = 1.0);
  void backward(const Tensor& y, const Tensor& dy, const BackwardOptions& options = {});

  /// Removes everything recorded.
  void clear();
  size_t size() const { return entries_.size(); }
  /// Node `id`; null after it was freed.
  const Node* node(size_t id) const { return entries_[id].node.get(); }
  /// The inputs of node `id`; the node must not have been freed.
  std::vector<Edge> edges(size_t id) const;
  /// The gradient that arrived at a node's output, after a backward pass with `keep`.
  const Tensor& output_grad(size_t id) const { return entries_[id].output->grad; }
  void observe(TapeObserver* observer) { observer_ = observer; }

  /// The tape that records on this thread; null if there is none, or under `NoGrad`.
  static Tape* current();

 private:
  friend Tensor record(Tensor y, std::initializer_list<Tensor> inputs, std::unique_ptr<Node> node);
  friend Tensor record(Tensor y, const std::vector<Tensor>& inputs, std::unique_ptr<Node> node);
  struct Entry {
    std::unique_ptr<Node> node;
    std::shared_ptr<Variable> output;
    std::vector<std::shared_ptr<Variable>> inputs;  // null where no gradient is required
    std::vector<Tensor> likes;  // outlines of the inputs, constants included; undefined for undefined inputs
    bool settled = false;       // whether it no longer counts among its leaves' consumers
  };
  Tensor push(Tensor y, const Tensor* inputs, size_t n_inputs, std::unique_ptr<Node> node);
  void run(Entry& entry, const BackwardOptions& options);
  void settle(Entry& entry, const BackwardOptions& options);

  std::vector<Entry> entries_;
  TapeObserver* observer_ = nullptr;
  Tape* outer_;
};

/// Prevents recording on this thread while it lives.
class NoGrad : NotCopied {
 public:
  NoGrad();
  ~NoGrad();
};

/// Enables recording again while it lives, also within a `NoGrad`: for a node whose backward pass recomputes
/// part of the model.
class WithGrad : NotCopied {
 public:
  WithGrad();
  ~WithGrad();

 private:
  int no_grad_depth_;
};

/// Whether an operation on these inputs must be recorded.
bool recording(std::initializer_list<Tensor> inputs);

/// Records a node on the current tape and returns y as its output. Without a tape, or if no input requires a
/// gradient, returns y unchanged. An undefined input counts as a constant.
Tensor record(Tensor y, std::initializer_list<Tensor> inputs, std::unique_ptr<Node> node);
Tensor record(Tensor y, const std::vector<Tensor>& inputs, std::unique_ptr<Node> node);
template <class N>
Tensor record(Tensor y, std::initializer_list<Tensor> inputs, N node) {
  if (!recording(inputs)) return y;
  return record(std::move(y), inputs, std::unique_ptr<Node>(std::make_unique<N>(std::move(node))));
}

}  // namespace hewn
