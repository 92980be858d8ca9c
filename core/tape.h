#pragma once
// The tape: reverse-mode differentiation, define-by-run.
//
// While a `Tape` lives, every operation on a tensor that requires a gradient leaves a node on it: what ran,
// where, on which inputs, and what its backward needs. `backward` walks the nodes from the newest to the
// oldest, hands each the gradient of its output, and frees it. There is no recursion and no graph search:
// creation order is already a topological order (Griewank and Walther, Evaluating Derivatives, 2nd ed.,
// section 3.2).

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "core/scope.h"
#include "core/tensor.h"
#include "core/write.h"

namespace hewn {

class Tape;

/// Called when a leaf's gradient is complete: all its consumers have contributed.
struct LeafHook {
  std::function<void(const Tensor& grad)> call;
  bool last_micro_step_only = false;  ///< skip all but the last backward of an accumulated step
};

/// The tape's side of a tensor that requires a gradient: a leaf (parameter, input) or the output of a node.
struct Variable {
  Tape* tape = nullptr;   ///< null for a leaf
  int64_t node = -1;      ///< index of the producing node on its tape, -1 for a leaf
  Tensor grad;            ///< leaf: its buffer, kept; otherwise: what has arrived so far
  bool has_grad = false;  ///< whether `grad` holds a value (the next contribution adds, the first one sets)
  int consumers = 0;      ///< leaf: nodes on living tapes that have yet to contribute
  std::string name;       ///< leaf: "h.0.attn.c_attn.weight"
  std::vector<LeafHook> hooks;
};

/// Makes a leaf of a constant: gradients are gathered for it, in `grad_buffer` if given, else in one of its
/// own.
void require_grad(Tensor& t, std::string name = {}, Tensor grad_buffer = {});
/// The gradient gathered in a leaf (undefined if none has arrived).
Tensor grad_of(const Tensor& leaf);
/// Forgets a leaf's gradient: the next one sets, so that nothing has to be zeroed.
void clear_grad(const Tensor& leaf);

/// A value kept for the backward pass: storage without graph edges (so that there are no cycles) and its
/// version.
class Saved {
 public:
  Saved() = default;
  Saved(const Tensor& t);  // NOLINT: implicit, so that SoftmaxNode{.y = y} reads well
  /// The value. Throws failed when it was changed in place since it was saved.
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
  bool last_micro_step = true;  ///< whether hooks that wait for the last micro-step run
  bool keep = false;            ///< keep nodes and interior gradients for inspection instead of freeing them
};

/// Where the gradients of a node's inputs go.
class Grads {
 public:
  struct Target {
    Tensor tensor;  ///< contiguous, of the input's shape and dtype
    Write write;    ///< whether to overwrite or add to it
  };

  /// Whether input i requires a gradient at all.
  bool wants(size_t i) const { return inputs_[i] != nullptr; }
  /// The buffer to write input i's gradient into, and how.
  Target at(size_t i);
  /// Hands over a finished gradient of input i, of its shape (any contiguous view; may share storage with
  /// dy).
  void give(size_t i, const Tensor& grad);
  /// Of the backward pass, for a node that makes one within it.
  const BackwardOptions& options() const { return options_; }

 private:
  friend class Tape;
  Grads(std::vector<std::shared_ptr<Variable>>& inputs, std::vector<Tensor>& likes,
        const BackwardOptions& options)
      : inputs_(inputs), likes_(likes), options_(options) {}
  std::vector<std::shared_ptr<Variable>>& inputs_;
  std::vector<Tensor>& likes_;  // shape, dtype and device of each input; no storage of its own is kept
  const BackwardOptions& options_;
};

/// One recorded operation. An op derives from it, with its saved fields as named members.
struct Node {
  virtual ~Node() = default;
  virtual const OpInfo& info() const = 0;
  /// Turns dy, the gradient of the output (contiguous, of its shape), into those of the inputs.
  virtual void backward(const Tensor& dy, Grads& grads) = 0;
  /// The saved fields by name, so that tools can print, count and free them.
  virtual std::vector<SavedField> saved() const { return {}; }

  int64_t id = -1;  ///< position on the tape
  int scope = 0;    ///< Scope number at recording
  Shape shape;      ///< of the output
};

/// Watches a tape, for tools that print, check or time; costs nothing when there is none.
class TapeObserver {
 public:
  virtual ~TapeObserver() = default;
  /// After `node` was recorded with output y.
  virtual void recorded(const Node& node, const Tensor& y) { (void)node, (void)y; }
  /// Before a node's backward, with the gradient of its output.
  virtual void before_backward(const Node& node, const Tensor& dy) { (void)node, (void)dy; }
  /// After a node's backward: what has arrived so far for its input i.
  virtual void after_backward(const Node& node, size_t input, const Tensor& grad) {
    (void)node, (void)input, (void)grad;
  }
};

/// Records from its construction on, on this thread; tapes nest, the innermost one records.
class Tape {
 public:
  Tape();
  ~Tape();
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  /// Gradients of `y` (a scalar when dy is left out, which is then `seed`) with respect to every leaf it
  /// depends on. Throws usage when y was not recorded on this tape, dy has another shape, or a backward ran
  /// here already.
  void backward(const Tensor& y, const BackwardOptions& options = {}, double seed = 1.0);
  void backward(const Tensor& y, const Tensor& dy, const BackwardOptions& options = {});

  /// Forgets everything recorded.
  void clear();
  size_t size() const { return entries_.size(); }
  /// Node `id`; null once it was freed.
  const Node* node(size_t id) const { return entries_[id].node.get(); }
  /// The gradient that arrived at a node's output, after a backward with `keep`.
  const Tensor& output_grad(size_t id) const { return entries_[id].output->grad; }
  void observe(TapeObserver* observer) { observer_ = observer; }

  /// The recording tape of this thread; null when there is none or under `NoGrad`.
  static Tape* current();

 private:
  friend Tensor record(Tensor y, std::initializer_list<Tensor> inputs, std::unique_ptr<Node> node);
  friend Tensor record(Tensor y, const std::vector<Tensor>& inputs, std::unique_ptr<Node> node);
  struct Entry {
    std::unique_ptr<Node> node;
    std::shared_ptr<Variable> output;
    std::vector<std::shared_ptr<Variable>> inputs;  // null where no gradient is wanted
    std::vector<Tensor> likes;
    bool settled = false;  // its leaves no longer wait for it
  };
  Tensor push(Tensor y, const Tensor* inputs, size_t n_inputs, std::unique_ptr<Node> node);
  void run(Entry& entry, const BackwardOptions& options);
  void settle(Entry& entry, const BackwardOptions& options);

  std::vector<Entry> entries_;
  TapeObserver* observer_ = nullptr;
  Tape* outer_;
};

/// Nothing is recorded on this thread while it lives.
class NoGrad {
 public:
  NoGrad();
  ~NoGrad();
  NoGrad(const NoGrad&) = delete;
  NoGrad& operator=(const NoGrad&) = delete;
};

/// Operations are recorded again while it lives, whatever `NoGrad` is around it: for a node that runs a part
/// of the model once more in its backward.
class WithGrad {
 public:
  WithGrad();
  ~WithGrad();
  WithGrad(const WithGrad&) = delete;
  WithGrad& operator=(const WithGrad&) = delete;

 private:
  int no_grad_depth_;
};

/// Whether an operation on these inputs has to be recorded.
bool recording(std::initializer_list<Tensor> inputs);

/// Puts a node on the current tape and returns y as its output. Without a tape, or when no input requires a
/// gradient, y comes back as it is. An undefined input is a constant.
Tensor record(Tensor y, std::initializer_list<Tensor> inputs, std::unique_ptr<Node> node);
Tensor record(Tensor y, const std::vector<Tensor>& inputs, std::unique_ptr<Node> node);
template <class N>
Tensor record(Tensor y, std::initializer_list<Tensor> inputs, N node) {
  if (!recording(inputs)) return y;
  return record(std::move(y), inputs, std::unique_ptr<Node>(std::make_unique<N>(std::move(node))));
}

}  // namespace hewn
