#pragma once
// Paths for tests, skipped tests, and the amount of testing.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hewn::test {

/// Root of the source tree and of the build tree.
std::filesystem::path source_dir();
std::filesystem::path build_dir();

/// The `hewn` program: HEWN_PROGRAM from the environment, else the one of this build.
std::filesystem::path hewn_program();

/// The compiler of this build, and the sanitizers it was built with ("address,undefined"; "" for none).
std::string compiler();
std::string sanitizers();

/// Directories (or files) of reference values: the one in tests/fixtures, written by
/// scripts/fixtures/make.py, and if present a second, independent set, `shared("fixtures/" + relative)`.
std::vector<std::filesystem::path> oracles(std::string_view relative);

/// The directory of the shared test data, which may be absent: HEWN_SHARED, else `../shared` beside the source tree.
std::filesystem::path shared_root();
/// The prose of the documentation: a real text of about 400,000 characters.
std::string documentation();

/// Prints on stderr why the running test was skipped; scripts/test.sh counts the reasons. A test without a
/// single assertion after this call counts as skipped, not as passed.
void skip(std::string_view why);

/// Whether the long tests were asked for: HEWN_SLOW=1, as `scripts/test.sh --full` sets.
bool full();

/// The number of repetitions of long work: `sample` by default, `whole` when full().
inline int repeats(int sample, int whole) { return full() ? whole : sample; }

/// Whether HEWN_TEST_SAMPLE asks for a sample of the longest tests.
bool sampled();

/// Whether a test over all cases of all rooms runs the next case. By default it runs all; in slow runs, such
/// as under sanitizers, HEWN_TEST_SAMPLE=N selects one in N, starting at an offset that depends on the seed.
bool in_sample();
/// Whether to skip the running test: the longest tests begin with `if (test::left_out()) return;`.
/// HEWN_TEST_SAMPLE=N runs one in N of them, chosen by the seed.
bool left_out();

/// The content of a file; fails the test when it cannot be read.
std::string read_file(const std::filesystem::path& path);
/// Writes (and replaces) a file.
void write_file(const std::filesystem::path& path, std::string_view bytes);

/// An in-memory file system with 256 MB free, for thousands of small files; if there is none, the usual
/// directory for temporary files.
std::filesystem::path directory_in_memory();

/// A fresh directory, removed with its content at the end of the scope.
class TempDir {
 public:
  explicit TempDir(const std::filesystem::path& parent = std::filesystem::temp_directory_path());
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace hewn::test
