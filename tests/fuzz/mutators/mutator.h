#pragma once
// Mutators that know a format: each parses a file's skeleton, changes one thing in it (a number becomes a boundary
// value, a part is copied, moved or left out) and writes the file again, so that the rest of it stays valid. Bytes
// changed at random rarely get past a length or a checksum.

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace hewn::test {

/// Choices that follow from a seed.
class Dice {
 public:
  explicit Dice(uint32_t seed) : engine_(seed) {}
  uint64_t bits() { return engine_() << 32 ^ engine_(); }
  /// 0 to n - 1; 0 if n is 0.
  size_t below(size_t n) { return n == 0 ? 0 : bits() % n; }
  bool one_in(size_t n) { return below(n) == 0; }
  template <class T>
  T one_of(std::initializer_list<T> values) {
    return values.begin()[below(values.size())];
  }
  template <class T>
  T& one_of(std::vector<T>& values) {
    return values[below(values.size())];
  }

 private:
  std::minstd_rand engine_;
};

/// A number at which readers go wrong: 0, 1, the largest ones, powers of two where types end, the neighbours of
/// the right value, or its double.
uint64_t boundary(uint64_t right, Dice& dice);

/// Copies, removes or swaps items of a list; does nothing to an empty one.
template <class Item>
void rearrange(std::vector<Item>& items, Dice& dice) {
  if (items.empty()) return;
  const size_t a = dice.below(items.size()), b = dice.below(items.size());
  switch (dice.below(4)) {
    case 0: items.erase(items.begin() + static_cast<std::ptrdiff_t>(a)); break;
    case 1: std::swap(items[a], items[b]); break;
    default: {
      Item copy = items[a];
      items.insert(items.begin() + static_cast<std::ptrdiff_t>(b), std::move(copy));
    }
  }
}

/// The changed file; nothing if the bytes are not a file of the format, or too broken to be parsed.
using Mutate = std::optional<std::string> (*)(std::string_view file, Dice& dice);
std::optional<std::string> mutate_safetensors(std::string_view file, Dice& dice);
std::optional<std::string> mutate_gguf(std::string_view file, Dice& dice);
std::optional<std::string> mutate_pickle(std::string_view file, Dice& dice);
std::optional<std::string> mutate_torch(std::string_view file, Dice& dice);
std::optional<std::string> mutate_toml(std::string_view file, Dice& dice);

/// The mutator for a fuzz target, nullptr if there is none.
Mutate mutator_for(std::string_view target);

/// The same, up to four times until something has changed.
std::optional<std::string> mutate_until_changed(Mutate mutate, std::string_view file, Dice& dice);

/// Changes `size` bytes at `data` in place to at most `most`. Returns the new size; nothing, with the bytes
/// unchanged, if the mutator has no result of that size.
std::optional<size_t> mutate_in_place(Mutate mutate, uint8_t* data, size_t size, size_t most, uint32_t seed);

// ---- for the mutators ---------------------------------------------------------------------------------------

/// Takes little-endian numbers and texts from the front of a file.
class Taker {
 public:
  explicit Taker(std::string_view left) : left_(left) {}
  bool good() const { return good_; }
  size_t left() const { return left_.size(); }
  /// The next bytes; all that are left, and no longer good(), if they are too few.
  std::string_view take(uint64_t bytes) {
    good_ = good_ && bytes <= left_.size();
    const std::string_view taken = left_.substr(0, good_ ? static_cast<size_t>(bytes) : left_.size());
    left_.remove_prefix(taken.size());
    return taken;
  }
  uint64_t number(size_t bytes) {
    uint64_t value = 0;
    for (size_t shift = 0; const char c : take(bytes)) {
      if (shift < 64) value |= uint64_t{static_cast<unsigned char>(c)} << shift;
      shift += 8;
    }
    return value;
  }

 private:
  std::string_view left_;
  bool good_ = true;
};

/// The lowest bytes of a number.
std::string number_bytes(uint64_t value, size_t bytes);

}  // namespace hewn::test
