#pragma once
// Reads Python's pickles as data (docs.python.org, "pickle"; CPython's pickletools.py describes the opcodes).
// A pickle is a program for a stack machine. This reader implements only the instructions that build plain
// values and PyTorch's tensors, and refuses all others by name: nothing is imported, nothing is called.

#include <cstdint>
#include <deque>
#include <optional>
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
  struct Node {
    PickleKind kind = PickleKind::none;
    union {
      int64_t integer = 0;  // also for booleans
      double real;
    };
    std::string_view text = {};     // of a text, or the name of a global
    std::vector<Place> items = {};  // of a dict: key, value, key, value, ...
  };
  std::deque<Node> nodes_;  // indices instead of pointers, since values may be shared or contain themselves
  Place root_ = 0;
};

/// A value of a pickle; cheap to copy. Accessors throw ErrorCode::input if the value has another kind.
class PickleValue {
 public:
  PickleKind kind() const { return node().kind; }
  bool boolean() const { return expect(PickleKind::boolean).integer != 0; }
  int64_t integer() const { return expect(PickleKind::integer).integer; }
  double real() const;  ///< accepts an integer too
  std::string_view text() const { return expect(PickleKind::text).text; }
  /// The name of a global: "torch.FloatStorage".
  std::string_view global() const { return expect(PickleKind::global).text; }

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
  PickleValue other(Pickle::Place place) const { return {*pickle_, place}; }

  const Pickle* pickle_;
  Pickle::Place place_;
};

}  // namespace hewn
