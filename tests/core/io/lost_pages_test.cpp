// Mapped files that are shortened while they are in use.

#include "core/io/limits.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <memory>

#include "core/io/file.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"

using namespace hewn;
using test::error_of;
using test::fails;
using test::TempDir;

namespace {

constexpr size_t test_bytes = size_t{1} << 20;

std::string content() { return std::string(test_bytes, 'x'); }

size_t sum_of(const MappedFile& file) {
  return static_cast<size_t>(std::count(file.text().begin(), file.text().end(), 'x'));
}

void survive() {
  static const bool once = (survive_lost_pages(), true);
  (void)once;
}

}  // namespace

TEST_CASE("a mapped file that is shortened reads as zeros from there and is reported", "[lost_pages]") {
  survive();
  const TempDir dir;
  test::write_file(dir / "data", content());
  const MappedFile file(dir / "data");
  CHECK(sum_of(file) == test_bytes);
  check_mapped_files();
  std::filesystem::resize_file(dir / "data", 8192);
  CHECK(sum_of(file) == 8192);
  CHECK(fails(ErrorCode::input, {"data: was shortened", "restore or recreate it"},
              [] { check_newly_lost_pages(); }));
  CHECK_FALSE(error_of([] { check_newly_lost_pages(); }));
  CHECK(fails(ErrorCode::input, {"data: was shortened"}, [] { check_mapped_files(); }));  // it still is
}

TEST_CASE("a file shortened within its last page is reported, although no page is missing", "[lost_pages]") {
  const TempDir dir;
  test::write_file(dir / "data", "hello");
  const MappedFile file(dir / "data");
  std::filesystem::resize_file(dir / "data", 4);
  CHECK(fails(ErrorCode::input, {"data: was shortened"}, [] { check_mapped_files(); }));
}

TEST_CASE("a file whose pages were missing is reported, although it has its length again", "[lost_pages]") {
  survive();
  const TempDir dir;
  test::write_file(dir / "data", content());
  const MappedFile file(dir / "data");
  std::filesystem::resize_file(dir / "data", 8192);
  CHECK(sum_of(file) == 8192);
  std::filesystem::resize_file(dir / "data", test_bytes);
  CHECK(fails(ErrorCode::input, {"data: was shortened"}, [] { check_mapped_files(); }));
}

TEST_CASE("of several mapped files, those with missing pages are reported", "[lost_pages]") {
  survive();
  const TempDir dir;
  for (const char* name : {"a", "b", "c"}) test::write_file(dir / name, content());
  test::write_file(dir / "large", content() + content());
  auto a = std::make_unique<MappedFile>(dir / "a");
  const MappedFile b(dir / "b"), c(dir / "c");
  std::filesystem::resize_file(dir / "b", 0);
  CHECK(sum_of(b) == 0);
  CHECK(sum_of(*a) == test_bytes);
  CHECK(fails(ErrorCode::input, {"b: was shortened"}, [] { check_newly_lost_pages(); }));
  a.reset();
  const MappedFile large(dir / "large");  // in the place of a on the list, but not in memory
  std::filesystem::resize_file(dir / "c", 4096);
  CHECK(sum_of(c) == 4096);
  CHECK(sum_of(large) == 2 * test_bytes);
  CHECK(fails(ErrorCode::input, {"c: was shortened"}, [] { check_newly_lost_pages(); }));
  CHECK_FALSE(error_of([] { check_newly_lost_pages(); }));
}

TEST_CASE("a file that is renamed, removed or replaced while it is mapped is whole", "[lost_pages]") {
  const TempDir dir;
  test::write_file(dir / "data", content());
  const MappedFile file(dir / "data");
  write_file_atomically(dir / "data", "shorter");
  std::filesystem::remove(dir / "data");
  CHECK(sum_of(file) == test_bytes);
  CHECK_FALSE(error_of([] { check_mapped_files(); }));
}

TEST_CASE("a lost page is reported after the file was closed, too", "[lost_pages]") {
  survive();
  const TempDir dir;
  test::write_file(dir / "data", content());
  {
    MappedFile first(dir / "data"), second;
    second = std::move(first);  // a mapping is watched wherever it is moved
    std::filesystem::resize_file(dir / "data", 0);
    CHECK(sum_of(second) == 0);
  }
  CHECK(fails(ErrorCode::input, {"data: was shortened"}, [] { check_mapped_files(); }));
  CHECK_FALSE(error_of([] { check_mapped_files(); }));
}

TEST_CASE("each of several files that were shortened and closed is reported once", "[lost_pages]") {
  const TempDir dir;
  for (const char* name : {"a", "b"}) test::write_file(dir / name, "hello");
  {
    const MappedFile a(dir / "a"), b(dir / "b");  // b is closed first
    for (const char* name : {"a", "b"}) std::filesystem::resize_file(dir / name, 4);
  }
  for (const char* name : {"b", "a"})
    CHECK(fails(ErrorCode::input, {(dir / name).string() + ": was shortened"}, [] { check_mapped_files(); }));
  CHECK_FALSE(error_of([] { check_mapped_files(); }));
}

TEST_CASE("no file is made of what is missing in another", "[lost_pages]") {
  survive();
  const TempDir dir;
  test::write_file(dir / "data", content());
  const MappedFile file(dir / "data");
  std::filesystem::resize_file(dir / "data", 4096);
  CHECK(fails(ErrorCode::input, {"data: was shortened"},
              [&] { write_file_atomically(dir / "copy", file.text()); }));
  CHECK_FALSE(std::filesystem::exists(dir / "copy"));
  write_file_atomically(dir / "other", "what is made without it");  // it was reported
}

TEST_CASE("many files can be mapped at once", "[lost_pages]") {
  survive();
  const TempDir dir;
  test::write_file(dir / "data", "hello");
  const auto descriptors = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  };
  const auto before = descriptors();
  std::vector<std::unique_ptr<MappedFile>> files;
  for (int i = 0; i < 4200; ++i)
    files.push_back(std::make_unique<MappedFile>(dir / "data"));  // more than are watched
  CHECK(files.back()->text() == "hello");
  CHECK(descriptors() <= before + 64);
  files.clear();
  CHECK(descriptors() == before);
  CHECK_FALSE(error_of([] { check_mapped_files(); }));
}

TEST_CASE("a file that is watched without a descriptor is reported if it is still under its path",
          "[lost_pages]") {
  const TempDir dir;
  test::write_file(dir / "other", "hello");
  std::vector<std::unique_ptr<MappedFile>> others;
  for (int i = 0; i < 64; ++i) others.push_back(std::make_unique<MappedFile>(dir / "other"));
  test::write_file(dir / "data", "hello");
  {
    const MappedFile file(dir / "data");
    std::filesystem::rename(dir / "data", dir / "renamed");
    test::write_file(dir / "data", "new");  // shorter, but another file
    CHECK_FALSE(error_of([] { check_mapped_files(); }));
    std::filesystem::rename(dir / "renamed", dir / "data");
    std::filesystem::resize_file(dir / "data", 4);
    CHECK(fails(ErrorCode::input, {"data: was shortened"}, [] { check_mapped_files(); }));
  }
  others.pop_back();
  const MappedFile with_descriptor(dir / "data");
  std::filesystem::rename(dir / "data", dir / "renamed");
  std::filesystem::resize_file(dir / "renamed", 3);
  CHECK(fails(ErrorCode::input, {"data: was shortened"}, [] { check_mapped_files(); }));
}

TEST_CASE("SIGBUS from anything else ends the process as before", "[lost_pages]") {
  survive();
  if (!test::sanitizers().empty()) return test::skip("sanitizers handle SIGBUS in their own way");
  const TempDir dir;
  test::write_file(dir / "data", content());
  for (const bool sent : {true, false}) {
    const pid_t child = ::fork();
    if (child == 0) {
      std::signal(SIGABRT, SIG_DFL);
      if (sent) ::raise(SIGBUS);
      const int fd = ::open((dir / "data").c_str(), O_RDONLY | O_CLOEXEC);
      auto* const data =
          static_cast<const volatile char*>(::mmap(nullptr, test_bytes, PROT_READ, MAP_PRIVATE, fd, 0));
      std::filesystem::resize_file(dir / "data", 0);
      ::_exit(data[0]);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGBUS);
  }
}
