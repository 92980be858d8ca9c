#pragma once
// Reads Python's pickles as data (docs.python.org, "pickle"; CPython's pickletools.py describes the opcodes).
// A pickle is a program for a stack machine. This reader implements only the instructions that build plain
// values and PyTorch's tensors, and refuses all others by name: nothing is imported, nothing is called.

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace hewn {

enum class PickleKind : uint8_t {
  none,
  boolean,
  integer,
  real,
  text,
  list,
  tuple,
  dict,
  global,
  storage,
  tensor
};

/// "an integer", "a list", ...
std::string_view name_of(PickleKind kind);

class PickleValue;

/// A parsed pickle of protocol 2 to 5. Holds pointers into the bytes it was parsed from.
class Pickle {
 public:
  /// Throws ErrorCode::input naming the refused instruction and its position. Time and memory are
  /// proportional to the pickle's length; at most a million instructions are executed.
  explicit Pickle(std::string_view bytes);

  PickleValue root() const;

 private:
  friend class PickleValue;
  friend class PickleMachine;
  using Place = uint32_t;  // index in nodes_
  struct Text {
    const char* begin;
    size_t size;
  };
  struct Range {
    size_t begin, size;
  };
  // Small, since one byte of a pickle can make one.
  struct Node {
    PickleKind kind = PickleKind::none;
    Place list = nowhere;  // of the items of a list or dict, in lists_
    union {
      int64_t integer = 0;  // also for booleans
      double real;
      Text text;    // of a text, or the name of a global
      Range items;  // of a tuple, storage or tensor, in fixed_
    };
  };
  static constexpr Place nowhere = UINT32_MAX;
  std::span<const Place> items(const Node& node) const;

  std::deque<Node> nodes_;  // indices instead of pointers, since values may be shared or contain themselves
  std::deque<std::vector<Place>> lists_;  // of a dict: key, value, key, value, ...
  std::vector<Place> fixed_;              // items of values of fixed size, one after another
  Place root_ = 0;
};

/// A value of a pickle; cheap to copy. Accessors throw ErrorCode::input if the value has another kind.
class PickleValue {
 public:
  PickleKind kind() const { return node().kind; }
  bool boolean() const { return expect(PickleKind::boolean).integer != 0; }
  int64_t integer() const { return expect(PickleKind::integer).integer; }
  double real() const;  ///< accepts an integer too
  std::string_view text() const { return text_of(expect(PickleKind::text)); }
  /// The name of a global: "torch.FloatStorage".
  std::string_view global() const { return text_of(expect(PickleKind::global)); }

  /// Number of items of a list or tuple, or of entries of a dict. Storages and tensors have the items from
  /// which they were constructed: (global, key, place, numel), and (storage, offset, shape, strides, ...).
  size_t size() const;
  PickleValue item(size_t i) const;  ///< of anything but a dict; throws if out of range
  PickleValue key(size_t i) const;   ///< of a dict, in order of insertion; i < size()
  PickleValue value(size_t i) const;
  /// The dict entry with this text as its key; the last one if repeated, as in Python.
  std::optional<PickleValue> find(std::string_view key) const;
  /// The same; throws ErrorCode::input if there is none.
  PickleValue at(std::string_view key) const;

 private:
  friend class Pickle;
  PickleValue(const Pickle& pickle, Pickle::Place place) : pickle_(&pickle), place_(place) {}
  const Pickle::Node& node() const { return pickle_->nodes_[place_]; }
  const Pickle::Node& expect(PickleKind kind) const;
  std::span<const Pickle::Place> items() const { return pickle_->items(node()); }
  std::span<const Pickle::Place> items(PickleKind kind) const { return pickle_->items(expect(kind)); }
  static std::string_view text_of(const Pickle::Node& node) { return {node.text.begin, node.text.size}; }
  PickleValue other(Pickle::Place place) const { return {*pickle_, place}; }

  const Pickle* pickle_;
  Pickle::Place place_;
};

}  // namespace hewn
