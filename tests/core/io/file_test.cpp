#include "core/io/file.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"
#include "tests/support/random.h"

using namespace hewn;
using test::fails;
using test::Random;
using test::TempDir;

namespace {

int64_t files_in(const TempDir& dir) {
  return std::distance(std::filesystem::directory_iterator(dir.path()),
                       std::filesystem::directory_iterator());
}

/// How many files this process has open.
int64_t open_files() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                       std::filesystem::directory_iterator());
}

bool is_mapped(const std::string& path) {
  return read_small_file("/proc/self/maps", size_t{1} << 24).find(path) != std::string::npos;
}

/// Closes standard input while this lives, so that the next file that is opened has descriptor 0.
class NoStandardInput {
 public:
  NoStandardInput() : saved_(::dup(0)) { ::close(0); }
  ~NoStandardInput() {
    if (saved_.is_open()) ::dup2(saved_.get(), 0);
  }

 private:
  Descriptor saved_;
};

bool is_open(int descriptor) { return ::fcntl(descriptor, F_GETFD) >= 0; }

/// How many open files of this process are in a directory; each must be closed in programs that are started.
int closed_when_starting(const TempDir& dir) {
  int found = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code ignored;  // the iterator's own entry may be gone
    if (std::filesystem::read_symlink(entry.path(), ignored).string().find(dir.path().string()) ==
        std::string::npos)
      continue;
    ++found;
    CHECK((::fcntl(std::stoi(entry.path().filename().string()), F_GETFD) & FD_CLOEXEC) != 0);
  }
  return found;
}

/// Files of this process cannot grow beyond `bytes` while this lives: a full disk, as far as write() can
/// tell.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_{};
};

}  // namespace

TEST_CASE("files are read back as they were written", "[file]") {
  Random random("file round trip");
  const TempDir dir;
  const std::string path = dir / "data";
  for (size_t size :
       {size_t{0}, size_t{1}, size_t{4096}, (size_t{1} << 20) - 1, size_t{1} << 20, size_t{3} << 20}) {
    const std::string bytes = random.bytes(size);
    const FileSum sum = write_file_atomically(path, bytes);
    CHECK(sum == FileSum{size, checksum(bytes)});
    CHECK(sum_file(path) == sum);
    const MappedFile mapped(path);
    CHECK(mapped.text() == bytes);
    CHECK(mapped.size() == size);
    CHECK(read_small_file(path, size) == bytes);
    CHECK(files_in(dir) == 1);
  }
}

TEST_CASE("an atomic file accepts pieces of any size", "[file]") {
  Random random("file pieces");
  const TempDir dir;
  std::string all;
  AtomicFile file(dir / "pieces");
  for (const size_t size :
       std::initializer_list<size_t>{1, 1000, 0, 1 << 20, 7, (1 << 20) - 1, (1 << 20) + 1, 2, 1 << 19,
                                     1 << 19, 3, 1 << 20, (1 << 20) - 1, (1 << 20) - 1, 1 << 20}) {
    const std::string piece = random.bytes(size);
    file.append(piece);
    all += piece;
    CHECK(file.sum() == FileSum{all.size(), checksum(all)});
  }
  CHECK_FALSE(std::filesystem::exists(dir / "pieces"));
  CHECK(file.commit() == FileSum{all.size(), checksum(all)});
  CHECK(test::read_file(dir / "pieces") == all);
  CHECK_THROWS_WITH(file.append("more"), Catch::Contains("append() after commit()"));
  CHECK_THROWS_WITH(file.commit(), Catch::Contains("commit() after commit()"));
}

TEST_CASE("without a commit the old file remains and no temporary file is left", "[file]") {
  const TempDir dir;
  write_file_atomically(dir / "kept", "old");
  {
    AtomicFile file(dir / "kept");
    file.append(std::string(3 << 20, 'x'));
    CHECK(files_in(dir) == 2);
  }
  CHECK(files_in(dir) == 1);
  CHECK(test::read_file(dir / "kept") == "old");
}

TEST_CASE("two writers of the same file do not interfere", "[file]") {
  const TempDir dir;
  AtomicFile first(dir / "same"), second(dir / "same");
  first.append("first");
  second.append("second");
  first.commit();
  CHECK(test::read_file(dir / "same") == "first");
  second.commit();
  CHECK(test::read_file(dir / "same") == "second");
  CHECK(files_in(dir) == 1);
}

TEST_CASE("what a killed writer of a file left is removed by the next one", "[file]") {
  const TempDir dir;
  const std::string longest(255, 'n');
  for (const std::string& name : {std::string("model"), longest}) {
    const pid_t writer = ::fork();
    REQUIRE(writer >= 0);
    if (writer == 0) {
      AtomicFile file(dir / name);
      file.append(std::string(3 << 20, 'x'));
      ::_exit(0);  // without a destructor, as if killed
    }
    REQUIRE(::waitpid(writer, nullptr, 0) == writer);
    CHECK(files_in(dir) == 1);
    CHECK_FALSE(std::filesystem::exists(dir / name));
    const std::filesystem::path left = std::filesystem::directory_iterator(dir.path())->path();
    AtomicFile living(dir / name);  // takes the name of what was left, and keeps it
    CHECK(files_in(dir) == 1);
    CHECK(std::filesystem::exists(left));
    write_file_atomically(dir / name, "whole");
    CHECK(files_in(dir) == 2);
    living.append("later");
    living.commit();
    CHECK(test::read_file(dir / name) == "later");
    CHECK(files_in(dir) == 1);
    std::filesystem::remove(dir / name);
  }
}

TEST_CASE("what is no temporary file but has the name of one is neither written nor removed", "[file]") {
  const TempDir dir;
  test::write_file(dir / "theirs", "theirs");
  std::filesystem::create_symlink(dir / "theirs", dir / ".hewn-tmp-link");
  std::filesystem::create_directory(dir / ".hewn-tmp-folder");
  test::write_file(dir / ".hewn-tmp-folder/file", "theirs");
  REQUIRE(::mkfifo((dir / ".hewn-tmp-pipe").c_str(), 0600) == 0);  // to open one waits for its writer
  for (const std::string name : {"link", "folder", "pipe"}) {
    write_file_atomically(dir / name, "new");
    CHECK(test::read_file(dir / name) == "new");
  }
  CHECK(std::filesystem::is_symlink(dir / ".hewn-tmp-link"));
  CHECK(test::read_file(dir / "theirs") == "theirs");
  CHECK(remove_temporary_files(dir.path()) == 1);  // the link; the directory is not empty
  CHECK(test::read_file(dir / ".hewn-tmp-folder/file") == "theirs");
}

TEST_CASE("a full disk leaves the old file and no partial new one", "[file]") {
  const TempDir dir;
  write_file_atomically(dir / "kept", "old");
  const auto write = [&](size_t piece) {
    AtomicFile file(dir / "kept");
    for (size_t done = 0; done < size_t{4} << 20; done += piece) file.append(std::string(piece, 'x'));
    file.commit();
  };
  for (size_t piece : {size_t{1000}, size_t{1} << 20, size_t{4} << 20}) {
    const FileSizeLimit limit(2'500'000);  // in the middle of a write: the first part is written short
    CHECK(fails(ErrorCode::failed, {"kept: cannot be written: ", "ulimit -f"}, [&] { write(piece); }));
    CHECK(files_in(dir) == 1);
  }
  CHECK(test::read_file(dir / "kept") == "old");
  const FileSizeLimit limit(10);  // found when the buffer is flushed by commit
  CHECK(fails(ErrorCode::failed, {"cannot be written"},
              [&] { write_file_atomically(dir / "new", "eleven bytes"); }));
  CHECK(files_in(dir) == 1);
}

TEST_CASE("errors of write() are reported", "[file]") {
  const int full = ::open("/dev/full", O_WRONLY | O_CLOEXEC);
  REQUIRE(full >= 0);
  CHECK(write_fully(full, "x", 1) == ENOSPC);
  CHECK(write_fully(full, "", 0) == 0);
  ::close(full);
  CHECK(write_fully(-1, "x", 1) == EBADF);
}

TEST_CASE("a write that signals interrupt or cut short goes on where it ended", "[file]") {
  int ends[2];
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  struct sigaction ignore {
  }, before{};
  ignore.sa_handler = [](int) {};  // without SA_RESTART: write() returns
  REQUIRE(::sigaction(SIGUSR1, &ignore, &before) == 0);
  const std::string bytes =
      Random("interrupted write").bytes(size_t{1} << 18);  // a pipe holds a quarter of that
  int error = -1;
  std::thread writer([&] {
    error = write_fully(ends[1], bytes.data(), bytes.size());
    ::close(ends[1]);
  });
  // The pipe is full and the writer waits: several signals before a byte is read, and after each part.
  std::string read;
  std::vector<char> part(size_t{1} << 14);
  for (ssize_t n = 1; n > 0;) {
    for (int i = 0; i < 3; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      if (read.size() + (size_t{1} << 17) < bytes.size()) ::pthread_kill(writer.native_handle(), SIGUSR1);
    }
    n = ::read(ends[0], part.data(), part.size());
    if (n > 0) read.append(part.data(), static_cast<size_t>(n));
  }
  writer.join();
  ::close(ends[0]);
  ::sigaction(SIGUSR1, &before, nullptr);
  CHECK(error == 0);
  CHECK((read == bytes));
}

TEST_CASE("a file that cannot be written is reported before any work is done", "[file]") {
  const TempDir dir;
  std::filesystem::create_directory(dir / "sub");
  CHECK(fails(ErrorCode::failed, {"sub: cannot be written: it is a directory"},
              [&] { AtomicFile(dir / "sub"); }));
  CHECK(fails(ErrorCode::failed, {"not a regular file"}, [&] { AtomicFile("/dev/null"); }));
  CHECK(fails(ErrorCode::failed, {"No such file", "there is no directory ", "/none"},
              [&] { AtomicFile((dir / "none").string() + "/file"); }));
  write_file_atomically(dir / "file", "");
  CHECK(
      fails(ErrorCode::failed, {"Not a directory"}, [&] { AtomicFile((dir / "file").string() + "/file"); }));
  CHECK(fails(ErrorCode::failed, {"name too long"},
              [&] { write_file_atomically((dir / std::string(300, 'n')).string(), ""); }));
  CHECK(files_in(dir) == 2);
  if (::geteuid() != 0) {
    std::filesystem::permissions(dir / "sub", std::filesystem::perms::owner_read);
    CHECK(fails(ErrorCode::failed, {"permissions"}, [&] { AtomicFile((dir / "sub").string() + "/file"); }));
  }
}

TEST_CASE("a file that cannot be read is reported with the reason", "[file]") {
  const TempDir dir;
  std::filesystem::create_directory(dir / "sub");
  REQUIRE(::mkfifo((dir / "pipe").c_str(), 0600) == 0);
  const auto missing = dir / "missing";
  CHECK(fails(ErrorCode::input, {"missing: cannot be read", "No such file", "check the name"},
              [&] { MappedFile{missing}; }));
  CHECK(fails(ErrorCode::input, {"missing: cannot be read"}, [&] { read_small_file(missing, 10); }));
  CHECK(fails(ErrorCode::input, {"missing: cannot be read"}, [&] { sum_file(missing); }));
  CHECK(fails(ErrorCode::input, {"sub: is a directory"}, [&] { MappedFile{dir / "sub"}; }));
  CHECK(fails(ErrorCode::input, {"sub: is a directory"}, [&] { read_small_file(dir / "sub", 10); }));
  CHECK(fails(ErrorCode::input, {"pipe or a device"}, [&] { MappedFile{dir / "pipe"}; }));
  CHECK(fails(ErrorCode::input, {"pipe or a device"}, [&] { MappedFile{"/dev/zero"}; }));
  CHECK(fails(ErrorCode::input, {"pipe: is a pipe"}, [&] { read_small_file(dir / "pipe", 10); }));
  CHECK(fails(ErrorCode::input, {"pipe: is a pipe"}, [&] { sum_file(dir / "pipe"); }));
  CHECK(fails(ErrorCode::input, {"larger than 100 bytes"}, [&] { read_small_file("/dev/zero", 100); }));
  if (::geteuid() != 0) {
    write_file_atomically(dir / "secret", "x");
    std::filesystem::permissions(dir / "secret", std::filesystem::perms::none);
    CHECK(fails(ErrorCode::input, {"check the permissions"}, [&] { MappedFile{dir / "secret"}; }));
  }
}

TEST_CASE("a file given by the user may be a pipe", "[file]") {
  const TempDir dir;
  REQUIRE(::mkfifo((dir / "pipe").c_str(), 0600) == 0);
  std::thread writer([&] { test::write_file(dir / "pipe", "from a pipe"); });
  CHECK(read_given_file(dir / "pipe", 100) == "from a pipe");
  writer.join();
}

TEST_CASE("read_small_file enforces its limit", "[file]") {
  const TempDir dir;
  write_file_atomically(dir / "text", std::string(100'000, 'x'));
  CHECK(read_small_file(dir / "text", 100'000).size() == 100'000);
  CHECK(fails(ErrorCode::input, {"larger than 99999 bytes"}, [&] { read_small_file(dir / "text", 99'999); }));
  CHECK(read_small_file("/dev/null", 0).empty());
}

TEST_CASE("a mapped file can be moved and outlives its name", "[file]") {
  const TempDir dir;
  write_file_atomically(dir / "a", "hello");
  MappedFile first(dir / "a"), second;
  std::filesystem::remove(dir / "a");
  second = std::move(first);
  const MappedFile third(std::move(second));
  CHECK(third.text() == "hello");
  CHECK(third.path() == (dir / "a").string());
}

TEST_CASE("files are closed and unmapped when their objects end", "[file]") {
  const TempDir dir;
  const std::string path = dir / "mapped";
  write_file_atomically(path, "hello");
  REQUIRE(::mkfifo((dir / "pipe").c_str(), 0600) == 0);
  const int64_t before = open_files();
  {
    MappedFile first(path), second(std::move(first)), third;
    third = std::move(second);
    CHECK(is_mapped(path));
    CHECK(third.text() == "hello");
  }
  CHECK_FALSE(is_mapped(path));
  for (const char* name : {"pipe", ".", "missing"}) {
    CHECK_THROWS_AS(MappedFile(dir / name), Error);
    CHECK_THROWS_AS(read_small_file(dir / name, 5), Error);
    CHECK_THROWS_AS(sum_file(dir / name), Error);
  }
  CHECK(read_small_file(path, 5) == "hello");
  CHECK(sum_file(path).size == 5);
  { AtomicFile unfinished(dir / "unfinished"); }
  CHECK(open_files() == before);
}

TEST_CASE("bytes in memory read like a mapped file, and stay when it ends", "[file]") {
  const std::string bytes = "hello";
  {
    MappedFile first = MappedFile::in_memory("a name", bytes);
    const MappedFile second(std::move(first));
    CHECK(second.text() == bytes);
    CHECK(second.text().data() == bytes.data());
    CHECK(second.path() == "a name");
  }
  CHECK(bytes == "hello");
  // Memory that could be unmapped.
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const std::unique_ptr<char, decltype(&std::free)> pages(static_cast<char*>(std::aligned_alloc(page, page)),
                                                          &std::free);
  std::fill_n(pages.get(), page, 'x');
  { const MappedFile third = MappedFile::in_memory("a page", {pages.get(), page}); }
  CHECK(std::string_view(pages.get(), page) == std::string(page, 'x'));
}

TEST_CASE("a file being written is closed in programs that are started, and is not executable", "[file]") {
  const TempDir dir;
  AtomicFile file(dir / "new");
  CHECK(closed_when_starting(dir) == 1);
  file.append("not empty");
  file.commit();
  const mode_t mask = ::umask(0);
  ::umask(mask);
  struct stat status {};
  REQUIRE(::stat((dir / "new").c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == (0666 & ~mask));
  const MappedFile mapped(dir / "new");
  CHECK(closed_when_starting(dir) == 1);
}

TEST_CASE("where standard input is closed, files may have its descriptor", "[file]") {
  const TempDir dir;
  test::write_file(dir / ".hewn-tmp-file", "of a killed process");
  const NoStandardInput closed;
  {
    AtomicFile file(dir / "file");
    CHECK(is_open(0));
    file.append("hello");
    file.append(std::string(3 << 20, 'x'));
    file.commit();
    CHECK_FALSE(is_open(0));
  }
  CHECK(files_in(dir) == 1);
  {
    const AtomicFile given_up(dir / "file");
    CHECK(is_open(0));
  }
  CHECK_FALSE(is_open(0));
  CHECK(files_in(dir) == 1);
  CHECK(read_small_file(dir / "file", 4 << 20).starts_with("hello"));
  CHECK(sum_file(dir / "file").size == (3 << 20) + 5);
  CHECK_FALSE(is_open(0));
  {
    const MappedFile mapped(dir / "file");
    CHECK(mapped.text().starts_with("hello"));
  }
  CHECK_FALSE(is_open(0));
}

TEST_CASE("a file that is written leaves alone what has its temporary name later", "[file]") {
  const TempDir dir;
  auto first = std::make_unique<AtomicFile>(dir / "file");
  first->append("first");
  first->commit();
  AtomicFile second(dir / "file");
  first.reset();
  second.append("second");
  second.commit();
  CHECK(test::read_file(dir / "file") == "second");
}

TEST_CASE("temporary files of a killed process can be removed", "[file]") {
  const TempDir dir;
  write_file_atomically(dir / "kept", "kept");
  test::write_file(dir / ".hewn-tmp-1-0", "half");
  test::write_file(dir / ".hewn-tmp-99-7", "half");
  test::write_file(dir / ".first", "sorted before them");
  CHECK(remove_temporary_files(dir.path()) == 2);
  CHECK(files_in(dir) == 2);
  CHECK(remove_temporary_files(dir / "nowhere") == 0);
}
