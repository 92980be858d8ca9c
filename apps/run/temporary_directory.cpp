#include "apps/run/temporary_directory.h"

#include <stdlib.h>

#include <cerrno>
#include <filesystem>

#include "core/error.h"
#include "core/io/path.h"
#include "core/text.h"

namespace hewn::cli {

TemporaryDirectory::TemporaryDirectory(const std::string& purpose) {
  path_ = (directory_for_temporaries() / join("hewn-", purpose, "-XXXXXX")).string();
  if (!::mkdtemp(path_.data()))
    fail_at(ErrorCode::failed, path_, "cannot be created (TMPDIR sets the directory)", errno);
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  remove_tree(path_, ignored);
}

}  // namespace hewn::cli
