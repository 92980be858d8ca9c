#pragma once
// Python's pickles as data (docs.python.org, "pickle"; the opcodes are described in CPython's
// pickletools.py). A pickle is a program for a machine with a stack. This one knows the instructions that
// make plain values and PyTorch's tensors, and refuses all others by name: nothing is imported, nothing is
// called.

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

/// A pickle of protocol 2 to 5, read. Holds pointers into the bytes it was made of.
class Pickle {
 public:
  /// Throws ErrorCode::input naming what it would do otherwise, and where. Takes time and memory in
  /// proportion to the pickle's length, a million instructions at most.
  explicit Pickle(std::string_view bytes);

  PickleValue root() const;

 private:
  friend class PickleValue;
  friend class PickleMachine;
  using Place = uint32_t;  // in nodes_
  struct Node {
    PickleKind kind = PickleKind::none;
    union {
      int64_t integer = 0;  // also of a boolean
      double real;
    };
    std::string_view text = {};     // of a text, or a global's name
    std::vector<Place> items = {};  // of a dict: key, value, key, value
  };
  std::deque<Node> nodes_;  // values may be shared and may hold themselves: places instead of pointers
  Place root_ = 0;
};

/// One of its values; copies are cheap. The accessors throw ErrorCode::input where the value is of another
/// kind.
class PickleValue {
 public:
  PickleKind kind() const { return node().kind; }
  bool boolean() const { return expect(PickleKind::boolean).integer != 0; }
  int64_t integer() const { return expect(PickleKind::integer).integer; }
  double real() const;  ///< also of an integer
  std::string_view text() const { return expect(PickleKind::text).text; }
  /// The name of a global: "torch.FloatStorage".
  std::string_view global() const { return expect(PickleKind::global).text; }

  /// How many items a list or tuple has, or entries a dict. A storage and a tensor are what they were made
  /// of: (global, key, place, numel), and (storage, offset, shape, strides, ...).
  size_t size() const;
  PickleValue item(size_t i) const;  ///< of anything but a dict; throws where there are fewer
  PickleValue key(size_t i) const;   ///< of a dict, in order of insertion; i < size()
  PickleValue value(size_t i) const;
  /// The entry of a dict with this text as its key, the last one as in Python.
  std::optional<PickleValue> find(std::string_view key) const;
  /// The same; throws ErrorCode::input where there is none.
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
