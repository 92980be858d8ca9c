#include "tests/fuzz/target.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "core/error.h"
#include "core/io/file.h"

namespace hewn::test {

std::vector<FuzzTarget>& fuzz_targets() {
  static std::vector<FuzzTarget> targets;
  return targets;
}

AddFuzzTarget::AddFuzzTarget(std::string_view name, std::function<void(std::string_view bytes)> read) {
  std::vector<FuzzTarget>& all = fuzz_targets();
  const auto place = std::find_if(all.begin(), all.end(), [&](const FuzzTarget& t) { return t.name > name; });
  all.insert(place, {name, std::move(read)});
}

void run_fuzz_target(const FuzzTarget& target, std::string_view bytes) {
  try {
    target.read(bytes);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::input)
      throw std::logic_error("the code of bad input is 3, this is " +
                             std::to_string(static_cast<int>(error.code())) + ": " + error.what());
    if (std::string_view(error.what()).size() > 100'000)
      throw std::logic_error("a message of more than 100 kB");
  }
}

std::string memory_file(std::string_view bytes) {
  static const int fd = ::memfd_create("fuzz", MFD_CLOEXEC);
  if (::ftruncate(fd, 0) != 0 || ::lseek(fd, 0, SEEK_SET) != 0 ||
      write_fully(fd, bytes.data(), bytes.size()) != 0)
    throw std::logic_error("cannot write a file in memory");
  return "/proc/self/fd/" + std::to_string(fd);
}

void put_file(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) throw std::logic_error("cannot write " + path.string());
}

const std::filesystem::path& fuzz_directory() {
  struct Directory {
    std::filesystem::path path;
    Directory() {
      std::string name = (std::filesystem::temp_directory_path() / "hewn-fuzz-XXXXXX").string();
      if (::mkdtemp(name.data()) == nullptr) throw std::logic_error("cannot make a directory");
      path = name;
    }
    ~Directory() {
      std::error_code ignored;
      std::filesystem::remove_all(path, ignored);
    }
  };
  static const Directory directory;
  return directory.path;
}

void touch(const void* data, size_t bytes) {
  uint8_t sum = 0;
  for (size_t i = 0; i < bytes; ++i) sum = static_cast<uint8_t>(sum ^ static_cast<const uint8_t*>(data)[i]);
  [[maybe_unused]] static volatile uint8_t sink;
  sink = sum;
}

}  // namespace hewn::test
