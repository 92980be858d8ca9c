#include "apps/cli/system/shared_library.h"

#include <dlfcn.h>

namespace hewn::cli {

SharedLibrary::SharedLibrary(const std::string& file) : handle_(dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL)) {
  if (handle_) return;
  const char* said = dlerror();
  problem_ = said ? said : "it could not be loaded";
}

void* SharedLibrary::symbol(const char* name) const { return handle_ ? dlsym(handle_, name) : nullptr; }

}  // namespace hewn::cli
