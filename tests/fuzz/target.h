#pragma once
// Fuzz targets: each hands bytes that nobody vouches for to one reader. libFuzzer makes the bytes
// (scripts/fuzz.sh), or they come from tests/fuzz/corpus (replay_test.cpp).

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace hewn {
class Tokenizer;
}

namespace hewn::test {

/// A target; its seeds are in tests/fuzz/corpus/NAME. `read` returns, or throws the Error with
/// ErrorCode::input that a user would see; anything else is a finding.
struct FuzzTarget {
  std::string_view name;
  std::function<void(std::string_view bytes)> read;
};

/// All of them, in the order of their names.
std::vector<FuzzTarget>& fuzz_targets();

/// A file-scope object of this type adds a target.
struct AddFuzzTarget {
  AddFuzzTarget(std::string_view name, std::function<void(std::string_view bytes)> read);
};

/// Runs a target. Throws std::logic_error when it throws anything but an Error of ErrorCode::input.
void run_fuzz_target(const FuzzTarget& target, std::string_view bytes);

/// A file in memory with these bytes, for readers that take a path. One at a time: the next call replaces it.
std::string memory_file(std::string_view bytes);

/// Writes a file as it is, for readers that look for files by name: into fuzz_directory().
void put_file(const std::filesystem::path& path, std::string_view bytes);

/// A directory of this process, made once and removed at its end.
const std::filesystem::path& fuzz_directory();

/// Touches every byte, so that a sanitizer sees those that are not there.
void touch(const void* data, size_t bytes);

/// What was read has to work: encodes a text, and decodes every token.
void use_tokenizer(const Tokenizer& tokenizer);

}  // namespace hewn::test
