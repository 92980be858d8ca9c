#include <cstdio>

#include "core/dtype.h"
#include "core/error.h"

int main() {
  try {
    hewn::dtype_from_name("f31");
  } catch (const hewn::Error& error) {
    std::printf("installed: %s\n", error.what());
    return 0;
  }
  return 1;
}
