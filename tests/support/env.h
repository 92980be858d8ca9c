#pragma once
// Where things are, what may be skipped, and how much to run.

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

/// Directories (or files) of reference values: that of tests/fixtures, which scripts/fixtures/make.py writes, and a second,
/// independent set, `shared("fixtures/" + relative)`, where there is one.
std::vector<std::filesystem::path> oracles(std::string_view relative);

/// The directory of the shared test data, which may be absent: HEWN_SHARED, else `../shared` beside the source tree.
std::filesystem::path shared_root();
/// The prose of the documentation: a real text of some 400,000 characters.
std::string documentation();

/// Says on stderr why the running test was skipped, for scripts/test.sh to count by reason; a test without a single
/// assertion after this is counted as skipped, not as passed.
void skip(std::string_view why);

/// Whether the long tests were asked for: HEWN_SLOW=1, as `scripts/test.sh --full` sets.
bool full();

/// How often to repeat something long: `sample` times usually, `whole` times when full().
inline int repeats(int sample, int whole) { return full() ? whole : sample; }

/// Whether HEWN_TEST_SAMPLE asks for a sample of the longest tests.
bool sampled();

/// Whether a test that walks all cases of all rooms takes the next one. All of them; where a run is slow, as
/// under sanitizers, HEWN_TEST_SAMPLE=N takes one in N, from another beginning with each seed.
bool in_sample();
/// Whether the running test is to end at once: `if (test::left_out()) return;` stands first in those that take
/// longest. With HEWN_TEST_SAMPLE=N one in N of them is run, another with each seed, and the rest skipped.
bool left_out();

/// The whole of a file; fails the test when it cannot be read.
std::string read_file(const std::filesystem::path& path);
/// Writes (and replaces) a file.
void write_file(const std::filesystem::path& path, std::string_view bytes);

/// A file system in memory with 256 MB left, for thousands of small files that need not be on a disk; without one, the
/// usual directory for temporary files.
std::filesystem::path directory_in_memory();

/// A fresh directory, removed with all its content at the end of the scope.
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
