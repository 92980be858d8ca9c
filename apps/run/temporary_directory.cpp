#include "apps/run/temporary_directory.h"

#include <unistd.h>

#include <filesystem>

#include "core/text.h"

namespace hewn::cli {
namespace fs = std::filesystem;

TemporaryDirectory::TemporaryDirectory(const std::string& purpose)
    : path_((fs::temp_directory_path() / join("hewn-", purpose, "-", ::getpid())).string()) {
  fs::create_directories(path_);
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace hewn::cli
