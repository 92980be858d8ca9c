#pragma once
// Files that are as unpleasant for a reader as their size allows: deep, repetitive, or of many tiny parts.

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace hewn::test {

/// Files of one kind in any size.
struct Family {
  std::string_view reader;  ///< a fuzz target, or a reader of bounds_test.cpp
  std::string_view name;
  std::function<std::string(size_t bytes)> file;  ///< of about this size, at most
};

std::vector<Family>& families();

/// A file-scope object of this type adds a family.
struct AddFamily {
  AddFamily(std::string_view reader, std::string_view name, std::function<std::string(size_t bytes)> file) {
    families().push_back({reader, name, std::move(file)});
  }
};

/// `part(i)` for i = 0, 1, ... as long as `bytes` are not exceeded.
std::string parts(size_t bytes, const std::function<std::string(size_t i)>& part);
/// `part` as often as it fits.
std::string repeated(size_t bytes, std::string_view part);

/// The little-endian bytes of a number.
template <class T>
std::string bytes_of(T number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

/// A short name that is different for each i: "a", "b", ..., of letters and digits.
std::string name_of_number(size_t i);

}  // namespace hewn::test
