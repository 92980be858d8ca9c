#pragma once
// A case is one op at one size with memory of its own. The conformance tests and `hewn bench kernels` drive
// every rung of every room through this one interface, so that what is timed is what is tested.

#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <vector>

#include "core/rng.h"
#include "kernels/contract/contract.h"
#include "kernels/contract/huge_pages.h"

namespace hewn {

/// One buffer of a case, fenced by canary bytes.
struct Operand {
  std::string name;
  DType dtype = DType::f32;
  int64_t n = 0;
  bool output = false;
  double tolerance = 0;  ///< outputs: allowed |difference| / |reference| by norm; 0: exactly equal
  double magnitude = 0;  ///< outputs: the least size to take values for, where terms may cancel
  HugeVector<uint8_t> memory;
  std::vector<uint8_t> initial;  ///< outputs: what stood there before, for Write::add

  uint8_t* data();
  double value(int64_t i) const;
};

/// Values of a case's inputs.
enum class Fill : uint8_t {
  normal,  ///< standard normals
  harsh,   ///< normals with outliers, ties, zeros and offsets: what naive kernels get wrong
  zero
};

/// Makes and owns the buffers of a case. Everything in them follows from the seed.
class CaseMemory {
 public:
  explicit CaseMemory(uint64_t seed) : rng_(seed) {}
  /// n elements, `scale` times the fill's values; they repeat after a million, so that large cases are made
  /// soon.
  void* input(std::string name, DType dtype, int64_t n, Fill fill = Fill::normal, double scale = 1);
  /// n elements given by a function of the index.
  void* input(std::string name, DType dtype, int64_t n, const std::function<double(Rng&, int64_t)>& value);
  /// n elements to be written or added to; they start as normals. A sum whose terms may cancel has an error
  /// of the terms' size, not its own: `magnitude` is what its values would be without luck.
  void* output(std::string name, DType dtype, int64_t n, double tolerance, double magnitude = 1e-6);
  Rng& rng() { return rng_; }
  std::vector<Operand>& operands() { return operands_; }
  /// The same values in other memory, without `initial`. Those of the pointers that point into the
  /// operands are moved to the new memory.
  CaseMemory twin(const std::vector<void*>& pointers);

 private:
  Operand& add(std::string name, DType dtype, int64_t n);
  Rng rng_;
  std::vector<Operand> operands_;
};

/// What the outputs of a case should be.
struct Reference {
  std::vector<std::vector<double>> values;
  std::vector<std::vector<bool>> reached;  ///< the elements that are known; empty: all
};

class Case {
 public:
  Case(CaseMemory memory, std::string shape, DType dtype)
      : memory_(std::move(memory)), shape_(std::move(shape)), dtype_(dtype) {}
  virtual ~Case() = default;
  Case(const Case&) = delete;
  Case& operator=(const Case&) = delete;

  virtual const char* op() const = 0;
  virtual size_t rungs() const = 0;
  virtual const char* rung_name(size_t rung) const = 0;
  virtual const char* rung_idea(size_t rung) const = 0;
  /// Why this rung declines these arguments; null when it accepts.
  virtual const char* why_not(size_t rung) const = 0;
  /// Whether the rung has code of its own for this instruction set (scalar rungs only for `scalar`).
  virtual bool has(size_t rung, Isa isa) const = 0;
  /// Runs a rung that accepts; scratch is the case's own.
  virtual void run(size_t rung, Isa isa, int threads) = 0;
  /// The same work on operands that stand on a device with memory of its own, as they are now, with all that
  /// stands around them: for `run`, `arguments`, `twin` and `fetch` alone. This case and the device have to
  /// outlive it.
  virtual std::unique_ptr<Case> on(Executor& device) = 0;
  /// Of a case made by `on`: copies its memory back to the case it was made of.
  void fetch();
  /// Runs a rung that accepts on such a device, there and back.
  void run_on(Executor& device, size_t rung);
  virtual Cost cost() const = 0;
  virtual Needs needs() const = 0;
  /// The argument struct of the op, for kernels that are no rungs of the ladder.
  virtual const void* arguments() const = 0;
  virtual size_t arguments_bytes() const = 0;
  /// The same work on memory of its own, with the values the operands have now; for `run` alone. Of a case on
  /// a device, there.
  virtual std::unique_ptr<Case> twin() = 0;

  /// "[64, 65]", "256x2304x768 NT add"
  const std::string& shape() const { return shape_; }
  DType dtype() const { return dtype_; }
  std::vector<Operand>& operands() { return memory_.operands(); }
  /// Bytes of all operands.
  size_t bytes();

  /// Puts the outputs back to what they were before any run.
  void reset();
  /// The outputs' values now.
  std::vector<std::vector<double>> outputs();
  /// What the first rung makes of the work, or of excerpts of it where all would take too long.
  Reference reference(int threads);
  /// Compares the outputs with a reference's; "" or what differs, by how much. NaN equals only NaN,
  /// infinities must agree, the rest is within tolerance by norm and, thirty times wider, element by element;
  /// a tolerance that is
  /// less than `least`, but not 0, counts as that.
  std::string difference(const Reference& reference, double least = 0);
  /// "" or the operand whose canaries were overwritten, or the input that was changed.
  std::string damage();
  /// Of a case on a device: the stream that orders what is done with its operands; else null.
  void* stream() const { return device_ ? device_->stream() : nullptr; }
  /// Scratch of exactly this size, fenced, where the operands are; the same block for the same size, and for
  /// a case and its twins.
  void* scratch(size_t bytes);

 protected:
  /// Puts copies of a case's operands on a device. Those of the pointers that point to them are moved.
  void stand_on(Executor& device, Case& home, const std::vector<void*>& pointers);
  /// The same beside a case that stands there, with its values and its scratch.
  void stand_beside(const Case& other, const std::vector<void*>& pointers);
  bool on_device() const { return device_ != nullptr; }
  void share_scratch(const Case& with) { scratch_ = with.scratch_; }
  /// Runs the first rung on the excerpts; false when there are none.
  virtual bool run_excerpts(int threads) = 0;

  CaseMemory memory_;

 private:
  using Block = std::shared_ptr<Storage>;
  /// A block on the device with the operand's bytes and its fences.
  Block upload(Operand& o) const;
  void download(Operand& o, const Block& block) const;

  std::string shape_;
  DType dtype_;
  std::shared_ptr<std::map<size_t, Operand>> scratch_ = std::make_shared<std::map<size_t, Operand>>();
  // Of a case on a device:
  Executor* device_ = nullptr;
  Case* home_ = nullptr;       ///< whose operands these are
  std::vector<Block> blocks_;  ///< in the order of the operands
  std::shared_ptr<std::map<size_t, Block>> scratch_there_ = std::make_shared<std::map<size_t, Block>>();
};

/// Where arguments hold pointers, which a twin turns to operands of its own: members, or functions that give
/// a reference to one. Each room says it beside its cases. Not guessed from the bytes, since what lies
/// between the members is whatever lay there before, pointers not excepted.
template <class A>
inline constexpr auto pointers_in = nullptr;

template <class A>
class CaseOf final : public Case {
 public:
  static_assert(std::is_trivially_copyable_v<A>);
  using Pointers = std::vector<void*> (*)(A&);

  /// `excerpts` are arguments for parts of the work: each writes some elements of the outputs just as the
  /// whole does, none writes one twice.
  CaseOf(CaseMemory memory, std::string shape, DType dtype, const A& args, std::vector<A> excerpts = {},
         Pointers pointers = pointers_of)
      : Case(std::move(memory), std::move(shape), dtype),
        args_(args),
        excerpts_(std::move(excerpts)),
        pointers_(pointers),
        ladder_(ladder_of(args)) {}

  const char* op() const override { return ladder_.op; }
  size_t rungs() const override { return ladder_.rungs.size(); }
  const char* rung_name(size_t rung) const override { return ladder_.rungs[rung].name; }
  const char* rung_idea(size_t rung) const override { return ladder_.rungs[rung].idea; }
  const char* why_not(size_t rung) const override {
    const Rung<A>& r = ladder_.rungs[rung];
    return r.why_not ? r.why_not(args_) : nullptr;
  }
  bool has(size_t rung, Isa isa) const override {
    return ladder_.rungs[rung].run[static_cast<size_t>(isa)] != nullptr;
  }
  void run(size_t rung, Isa isa, int threads) override { run(ladder_.rungs[rung], isa, threads); }
  std::unique_ptr<Case> on(Executor& device) override {
    auto there =
        std::make_unique<CaseOf>(CaseMemory(0), shape(), dtype(), args_, std::vector<A>{}, pointers_);
    there->stand_on(device, *this, pointers_(there->args_));
    return there;
  }
  /// Runs a rung that need not stand on the ladder.
  void run(const Rung<A>& r, Isa isa, int threads) { run(r, isa, threads, args_); }
  Cost cost() const override { return ladder_.cost(args_); }
  Needs needs() const override { return ladder_.needs ? ladder_.needs(args_) : Needs{}; }
  const A& args() const { return args_; }
  const void* arguments() const override { return &args_; }
  size_t arguments_bytes() const override { return sizeof(A); }
  std::unique_ptr<Case> twin() override {
    A args = args_;
    if (on_device()) {
      auto beside =
          std::make_unique<CaseOf>(CaseMemory(0), shape(), dtype(), args, std::vector<A>{}, pointers_);
      beside->stand_beside(*this, pointers_(beside->args_));
      return beside;
    }
    CaseMemory memory = memory_.twin(pointers_(args));
    auto other =
        std::make_unique<CaseOf>(std::move(memory), shape(), dtype(), args, std::vector<A>{}, pointers_);
    other->share_scratch(*this);
    return other;
  }

 private:
  void run(const Rung<A>& r, Isa isa, int threads, const A& args) {
    Launch launch{.threads = threads, .stream = stream()};
    if (r.scratch_bytes) {
      launch.scratch_bytes = r.scratch_bytes(args, threads);
      launch.scratch = scratch(launch.scratch_bytes);
    }
    r.run[static_cast<size_t>(isa)](launch, args);
  }
  static std::vector<void*> pointers_of(A& args) {
    std::vector<void*> places;
    std::apply([&](auto... pointer) { (places.push_back(&std::invoke(pointer, args)), ...); },
               pointers_in<A>);
    return places;
  }
  bool run_excerpts(int threads) override {
    for (const A& args : excerpts_) run(ladder_.rungs[0], Isa::scalar, threads, args);
    return !excerpts_.empty();
  }

  A args_;
  std::vector<A> excerpts_;
  Pointers pointers_;
  const Ladder<A>& ladder_;
};

using Cases = std::vector<std::unique_ptr<Case>>;

/// What cases to make.
struct CaseRequest {
  DType dtype = DType::f32;
  uint64_t seed = 1;
  bool bench = false;  ///< the sizes of real models, to time; else small odd sizes around `width`, to test
  int width = 16;      ///< vector width in elements the test sizes should straddle: 1, w-1, w, w+1, 8w+2
  std::string shape = {};  ///< one size instead, as the room writes shapes ("256x2304x768"); "" for the set
};

/// A case yet to be made, with memory of its own, of the sizes that a launch had.
struct Sketch {
  std::string shape;  ///< the case's
  DType dtype = DType::f32;
  std::function<std::unique_ptr<Case>()> make{};
};

/// The sketch of a launch: `fill(memory, args)` puts operands of a case where `args`, with its sizes, has
/// pointers. `excerpts` as a case takes them.
template <class A, class FillIn>
Sketch sketch_of(const A& args, DType dtype, std::string shape, FillIn fill,
                 std::vector<A> (*excerpts)(const A&) = nullptr) {
  return {shape, dtype, [=]() -> std::unique_ptr<Case> {
            A own = args;
            CaseMemory memory(1);
            fill(memory, own);
            return std::make_unique<CaseOf<A>>(std::move(memory), shape, dtype, own,
                                               excerpts ? excerpts(own) : std::vector<A>{});
          }};
}

/// What `like`, one function for each kind of arguments in a room, makes of a launch of `op`; a sketch that
/// makes nothing when none of them is of this op.
template <class... A>
Sketch sketch_of_launch(std::string_view op, const void* args, Sketch (*... like)(const A&)) {
  Sketch sketch;
  const auto take = [&]<class B>(Sketch (*like_b)(const B&)) {
    if (op == ladder_of(B{}).op) sketch = like_b(*static_cast<const B*>(args));
  };
  (take(like), ...);
  return sketch;
}

/// A step's state as bytes among a case's inputs.
const StepState* state_input(CaseMemory& memory, const StepState& state);
/// " add" or "".
inline const char* name_of(Write write) { return write == Write::add ? " add" : ""; }
/// "256x768"
std::string sizes_text(std::initializer_list<int64_t> sizes);

/// Sizes that find errors at vector tails: 1, w-1, w, w+1, 8w+2.
std::vector<int64_t> sizes_around(int width);
/// "256x2304x768" as numbers. Throws usage unless there are exactly `count` positive ones; `form` is shown in
/// the message, e.g. "MxNxK".
std::vector<int64_t> parse_sizes(const std::string& text, size_t count, const char* form);

}  // namespace hewn
