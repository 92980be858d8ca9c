#pragma once
// A case is one op at one size with its own memory. The conformance tests and `hewn bench kernels` drive
// every rung of every room through this interface, so the timed code is the tested code.

#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/base/not_copied.h"
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
  double magnitude = 0;  ///< outputs: lower bound for the size of values whose terms may cancel
  HugeVector<uint8_t> memory;
  std::vector<uint8_t> initial;  ///< values before the run; those of large operands repeat, and only one
                                 ///< period is kept

  uint8_t* data();
  double value(int64_t i) const;
};

/// Distribution of a case's values.
enum class Fill : uint8_t {
  normal,  ///< standard normals
  harsh,   ///< in tests: normals with outliers, ties, zeros and offsets, which naive kernels get wrong
  square,  ///< squares of normals
  zero
};

/// Where an operand is, as a pointer of the type that the arguments have.
struct Place {
  void* data = nullptr;
  template <class T>
  operator T*() const {  // NOLINT(google-explicit-constructor)
    return static_cast<T*>(data);
  }
};

/// An address that is not null, for an operand that the arguments of a sketch may lack.
inline char any_byte;
inline constexpr Place wanted{&any_byte};

/// Creates and owns the buffers of a case. All contents follow from the seed.
class CaseMemory {
 public:
  explicit CaseMemory(uint64_t seed, bool bench = false) : rng_(seed), bench_(bench) {}
  /// Creates nothing: the operands of another memory have been copied to `places`, which are returned in this order.
  explicit CaseMemory(std::vector<void*> places) : rng_(0), places_(std::move(places)) {}
  /// n elements, `scale` times the fill's values. Values repeat after a million elements, so that large cases
  /// are created quickly.
  Place input(std::string name, DType dtype, int64_t n, Fill fill = Fill::normal, double scale = 1);
  /// n elements given by a function of the index.
  Place input(std::string name, DType dtype, int64_t n, const std::function<double(Rng&, int64_t)>& value);
  /// n elements to be written or added to. If the terms of a sum cancel, its error has the size of the terms, not of the
  /// sum: `magnitude` is the size to expect without cancellation.
  Place output(std::string name, DType dtype, int64_t n, double tolerance, double magnitude = 1e-6,
               Fill fill = Fill::normal);
  /// Whether values are to be as in a model, for timing, or such as find errors.
  bool bench() const { return bench_; }
  /// Whether it creates operands.
  bool creates() const { return places_.empty(); }
  Rng& rng() { return rng_; }
  std::vector<Operand>& operands() { return operands_; }
  /// The same values in other memory, without `initial`.
  CaseMemory twin() const;

 private:
  Operand& add(std::string name, DType dtype, int64_t n);
  Rng rng_;
  bool bench_ = false;
  std::vector<Operand> operands_;
  std::vector<void*> places_;
  size_t placed_ = 0;
};

/// Expected outputs of a case.
struct Reference {
  std::vector<std::vector<double>> values;  ///< per output: of all elements, or of those in `at`
  std::vector<std::vector<int64_t>> at;     ///< per output: the computed elements, ascending; empty: all
};

class Case : NotCopied {
 public:
  Case(CaseMemory memory, std::string shape, DType dtype)
      : memory_(std::move(memory)), shape_(std::move(shape)), dtype_(dtype) {}
  virtual ~Case() = default;

  virtual const char* op() const = 0;
  virtual size_t rungs() const = 0;
  /// Why the ladder has no GPU rung; null if it has one.
  virtual const char* why_no_gpu() const = 0;
  virtual const char* rung_name(size_t rung) const = 0;
  virtual const char* rung_idea(size_t rung) const = 0;
  /// Where the rung is listed: a file, and a line from its entry to the end of the ladder.
  virtual std::pair<const char*, int> rung_place(size_t rung) const = 0;
  /// Why this rung declines these arguments; null if it accepts.
  virtual const char* why_not(size_t rung) const = 0;
  /// Whether the rung has its own code for this instruction set (scalar rungs only for `scalar`).
  virtual bool has(size_t rung, Isa isa) const = 0;
  /// Runs a rung that accepts the arguments; scratch belongs to the case.
  virtual void run(size_t rung, Isa isa, int threads) = 0;
  /// The same work on copies of the operands, with their current values and fences, in the memory of a
  /// device. Supports only `why_not`, `run`, `arguments`, `twin` and `fetch`. This case and the device must outlive it.
  /// Each operand begins `shift` elements (of eight bytes if it is a struct) after a multiple of 256 bytes.
  virtual std::unique_ptr<Case> on(Executor& device, int64_t shift = 0) = 0;
  /// For a case made by `on`: copies its memory back to the original case.
  void fetch();
  /// For a case made by `on`: copies only the outputs, to the original case or, with `refresh_outputs`, from it.
  void fetch_outputs();
  void refresh_outputs();
  virtual Cost cost() const = 0;
  virtual Needs needs() const = 0;
  /// The argument struct of the op, for kernels that are not rungs of the ladder.
  virtual const void* arguments() const = 0;
  virtual size_t arguments_bytes() const = 0;
  /// The same work on separate memory, with the operands' current values; supports only `run`. The twin of a
  /// case on a device is on that device.
  virtual std::unique_ptr<Case> twin() = 0;

  /// "[64, 65]", "256x2304x768 NT add"
  const std::string& shape() const { return shape_; }
  DType dtype() const { return dtype_; }
  std::vector<Operand>& operands() { return memory_.operands(); }
  /// Bytes of all operands.
  size_t bytes();

  /// Resets the outputs to their initial values.
  void reset();
  /// The current values of the outputs.
  std::vector<std::vector<double>> outputs();
  /// The result of the first rung, restricted to excerpts of the work if all of it would take too long; the
  /// excerpts are computed on `threads` threads.
  Reference reference(int threads);
  /// Compares the outputs with a reference. Returns "" or a description of the difference. NaN equals only
  /// NaN, infinities must agree, the rest must be within the tolerance by norm and within thirty times the
  /// tolerance element by element. A nonzero tolerance below `least` is raised to it.
  std::string difference(const Reference& reference, double least = 0);
  /// Returns "" or names the operand whose canaries were overwritten, or the input that was changed.
  std::string damage();
  /// For a case on a device: the stream that orders work on its operands; otherwise null.
  void* stream() const { return device_ ? device_->stream() : nullptr; }
  /// Scratch of exactly this size, fenced, in the same memory as the operands; the same block for the same
  /// size, shared by a case and its twins.
  void* scratch(size_t bytes);

 protected:
  /// Copies a case's operands to a device.
  void stand_on(Executor& device, Case& home, int64_t shift);
  /// The same for a copy next to a case that is already on the device, with its values and its scratch.
  void stand_beside(const Case& other);
  /// Where the operands begin, in this memory or on the device.
  std::vector<void*> places();
  bool on_device() const { return device_ != nullptr; }
  void share_scratch(const Case& with) { scratch_ = with.scratch_; }
  /// Runs the first rung on the excerpts; false if there are none.
  virtual bool run_excerpts(int threads) = 0;
  /// Calls run(launch, i) for i = 0 .. n - 1 on this many threads, each with its own scratch of this size.
  static void each_excerpt(int threads, int64_t n, size_t scratch_bytes,
                           const std::function<void(const Launch&, int64_t)>& run);

  CaseMemory memory_;

 private:
  using Block = std::shared_ptr<Storage>;
  /// A block on the device that holds, from byte `shift` on, the operand's bytes and its fences.
  Block upload(Operand& o, size_t shift) const;
  void download(Operand& o, const Block& block, size_t shift) const;
  size_t shift_of(const Operand& o) const {
    return static_cast<size_t>(shift_) * (o.dtype == DType::u8 ? 8 : size_of(o.dtype));
  }

  std::string shape_;
  DType dtype_;
  std::shared_ptr<std::map<size_t, Operand>> scratch_ = std::make_shared<std::map<size_t, Operand>>();
  // For a case on a device:
  Executor* device_ = nullptr;
  Case* home_ = nullptr;       ///< the case that owns these operands
  int64_t shift_ = 0;          ///< of the operands in their blocks, in elements
  std::vector<Block> blocks_;  ///< in the order of the operands
  std::shared_ptr<std::map<size_t, Block>> scratch_there_ = std::make_shared<std::map<size_t, Block>>();
};

/// A part of a case's work, which writes some elements of the outputs exactly as the whole does.
template <class A>
struct Excerpt {
  A args;
  /// Computes part number `part` of these arguments, with the scratch of the first rung; null: the first rung
  /// computes every part.
  void (*run)(const Launch&, const A&, int64_t part) = nullptr;
  int64_t part = 0;
};

template <class A>
class CaseOf final : public Case {
 public:
  static_assert(std::is_trivially_copyable_v<A>);
  /// Sets the pointers among the arguments to operands of a memory. For a twin it is called again with a memory that
  /// creates nothing; therefore the arguments alone decide which operands it asks for, and in which order.
  using FillIn = std::function<void(CaseMemory&, A&)>;

  /// No two excerpts write the same element.
  CaseOf(CaseMemory memory, std::string shape, DType dtype, const A& args, FillIn fill,
         std::vector<Excerpt<A>> excerpts = {})
      : Case(std::move(memory), std::move(shape), dtype),
        args_(args),
        fill_(std::move(fill)),
        excerpts_(std::move(excerpts)),
        ladder_(ladder_of(args)) {}

  const char* op() const override { return ladder_.op; }
  size_t rungs() const override { return ladder_.rungs.size(); }
  const char* why_no_gpu() const override { return ladder_.why_no_gpu; }
  const char* rung_name(size_t rung) const override { return ladder_.rungs[rung].name; }
  const char* rung_idea(size_t rung) const override { return ladder_.rungs[rung].idea; }
  std::pair<const char*, int> rung_place(size_t rung) const override {
    return {ladder_.rungs[rung].file, ladder_.rungs[rung].line};
  }
  const char* why_not(size_t rung) const override {
    const Rung<A>& r = ladder_.rungs[rung];
    return r.why_not ? r.why_not(args_) : nullptr;
  }
  bool has(size_t rung, Isa isa) const override {
    return ladder_.rungs[rung].run[static_cast<size_t>(isa)] != nullptr;
  }
  void run(size_t rung, Isa isa, int threads) override { run(ladder_.rungs[rung], isa, threads); }
  std::unique_ptr<Case> on(Executor& device, int64_t shift) override {
    auto there = std::make_unique<CaseOf>(CaseMemory(0), shape(), dtype(), args_, fill_);
    there->stand_on(device, *this, shift);
    there->point_to_operands();
    return there;
  }
  /// Runs a rung that need not be on the ladder.
  void run(const Rung<A>& r, Isa isa, int threads) { run(r, isa, threads, args_); }
  Cost cost() const override { return ladder_.cost(args_); }
  Needs needs() const override { return ladder_.needs ? ladder_.needs(args_) : Needs{}; }
  const A& args() const { return args_; }
  const void* arguments() const override { return &args_; }
  size_t arguments_bytes() const override { return sizeof(A); }
  std::unique_ptr<Case> twin() override {
    auto other = std::make_unique<CaseOf>(memory_.twin(), shape(), dtype(), args_, fill_);
    on_device() ? other->stand_beside(*this) : other->share_scratch(*this);
    other->point_to_operands();
    return other;
  }

 private:
  void run(const Rung<A>& r, Isa isa, int threads, const A& args) {
    Launch launch{.threads = threads, .stream = stream()};
    if (r.scratch_bytes) {
      launch.scratch_bytes = r.scratch_bytes(args, threads);
      launch.scratch = scratch(launch.scratch_bytes);
    }
    call(r, r.run[static_cast<size_t>(isa)], launch, args);
  }
  void point_to_operands() {
    CaseMemory there(places());
    fill_(there, args_);
  }
  bool run_excerpts(int threads) override {
    const Rung<A>& first = ladder_.rungs[0];
    size_t scratch_bytes = 0;
    for (const Excerpt<A>& e : excerpts_)
      if (first.scratch_bytes) scratch_bytes = std::max(scratch_bytes, first.scratch_bytes(e.args, 1));
    each_excerpt(
        threads, static_cast<int64_t>(excerpts_.size()), scratch_bytes, [&](const Launch& launch, int64_t i) {
          const Excerpt<A>& e = excerpts_[static_cast<size_t>(i)];
          e.run ? e.run(launch, e.args, e.part) : first.run[static_cast<size_t>(Isa::scalar)](launch, e.args);
        });
    return !excerpts_.empty();
  }

  A args_;
  FillIn fill_;
  std::vector<Excerpt<A>> excerpts_;
  const Ladder<A>& ladder_;
};

using Cases = std::vector<std::unique_ptr<Case>>;

/// Selects the cases to create.
struct CaseRequest {
  DType dtype = DType::f32;
  uint64_t seed = 1;
  bool bench = false;  ///< sizes of real models, for timing; else small odd sizes around `width`, for testing
  int width = 16;      ///< vector width in elements the test sizes should straddle: 1, w-1, w, w+1, 8w+2
  std::string shape = {};  ///< a single size in the room's notation ("256x2304x768"); "": the whole set
};

/// A case that has not been created yet, with separate memory: one of a room's own, or one with the sizes of a launch.
struct Sketch {
  std::string shape;  ///< shape of the case
  DType dtype = DType::f32;
  /// Creates it with the request's seed and, in benchmarks, with values as in a model and with excerpts.
  std::function<std::unique_ptr<Case>(const CaseRequest&)> make{};
};

/// The sketch of a case with the sizes of `args`. `fill` and `excerpts` as in CaseOf. A pointer among the arguments that
/// is not null, be it of a launch or `wanted`, tells `fill` that its operand is to be made, if it may be null.
template <class A>
Sketch sketch_of(const A& args, DType dtype, std::string shape, typename CaseOf<A>::FillIn fill,
                 std::vector<Excerpt<A>> (*excerpts)(const A&) = nullptr) {
  return {shape, dtype, [=](const CaseRequest& request) -> std::unique_ptr<Case> {
            A own = args;
            CaseMemory memory(request.seed, request.bench);
            fill(memory, own);
            return std::make_unique<CaseOf<A>>(
                std::move(memory), shape, dtype, own, fill,
                request.bench && excerpts ? excerpts(own) : std::vector<Excerpt<A>>{});
          }};
}

/// Builds the sketch of a launch of `op` with `like`, which has one overload per argument type of a room. The
/// sketch is empty if none of them belongs to this op.
template <class... A>
Sketch sketch_of_launch(std::string_view op, const void* args, Sketch (*... like)(const A&)) {
  Sketch sketch;
  const auto take = [&]<class B>(Sketch (*like_b)(const B&)) {
    if (op == ladder_of(B{}).op) sketch = like_b(*static_cast<const B*>(args));
  };
  (take(like), ...);
  return sketch;
}

/// The operand from element `first` on; null stays null.
inline void* shifted(const void* operand, DType t, int64_t first) {
  if (!operand) return nullptr;
  return static_cast<uint8_t*>(const_cast<void*>(operand)) + static_cast<size_t>(first) * size_of(t);
}
/// The number of elements of an operation's `shape`, and one more than the largest index that these strides reach.
template <class A>
int64_t elements_of(const A& a) {
  int64_t n = 1;
  for (int d = 0; d < a.rank; ++d) n *= a.shape[d];
  return n;
}
template <class A>
int64_t reach(const A& a, const int64_t* stride) {
  int64_t last = 0;
  for (int d = 0; d < a.rank; ++d) last += (a.shape[d] - 1) * stride[d];
  return last + 1;
}
/// A step's state as bytes among a case's inputs.
const StepState* state_input(CaseMemory& memory, const StepState& state);
/// " add" or "".
inline const char* name_of(Write write) { return write == Write::add ? " add" : ""; }
/// "256x768"
std::string sizes_text(std::initializer_list<int64_t> sizes);

/// Sizes that find errors at vector tails: 1, w-1, w, w+1, 8w+2.
std::vector<int64_t> sizes_around(int width);
/// At least min(n, count) places in [0, n), ascending, where tiled kernels are likely to err: [0, n) is
/// divided into blocks of a power of two, of which each contributes its beginning, its end or an inner place
/// in rotation; the last two places are always included.
std::vector<int64_t> sampled_places(int64_t n, int64_t count);
/// Excerpts of work on n independent elements or rows: `few` runs, or slightly more, of `length` each at
/// sampled_places; `part(a, first, n)` restricts the arguments to n of them.
template <class A>
std::vector<Excerpt<A>> sampled_parts(const A& a, int64_t n, int64_t few, int64_t length,
                                      A (*part)(A, int64_t, int64_t)) {
  std::vector<Excerpt<A>> parts;
  int64_t free = 0;
  for (const int64_t place : sampled_places(n, few)) {
    const int64_t first = std::max(place, free), end = std::min(place + length, n);
    if (first < end) parts.push_back({part(a, first, end - first)});
    free = std::max(free, end);
  }
  return parts;
}
/// "256x2304x768" as numbers. Throws usage unless there are exactly `count` positive ones; `form` is shown in
/// the message, e.g. "MxNxK".
std::vector<int64_t> parse_sizes(const std::string& text, size_t count, const char* form);

}  // namespace hewn
