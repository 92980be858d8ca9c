#pragma once
// The GPU that tests drive.

#include <cstdlib>
#include <memory>
#include <string_view>

#include "core/error.h"
#include "kernels/contract/case.h"
#include "kernels/devices/devices.h"
#include "tests/support/env.h"

namespace hewn::test {

/// The machine's GPU with HEWN_TEST_DEVICE=cuda in the environment, else the emulated one. Returns null and
/// skips the running test if this build has no emulated GPU or checks for races (the emulation has one
/// thread).
inline std::unique_ptr<Executor> make_test_gpu() {
  const char* const asked = std::getenv("HEWN_TEST_DEVICE");
  const std::string_view name = asked ? asked : "";
  require(name.empty() || name == "cuda" || name == "emulated", "HEWN_TEST_DEVICE=", name,
          "; cuda or emulated is needed");
  if (name == "cuda") return make_cuda();
  if (sanitizers() == "thread") {
    skip("the emulated GPU works on one thread");
    return nullptr;
  }
  if constexpr (emulator_compiled) return make_emulated_gpu();
  skip("this build has no emulated GPU");
  return nullptr;
}

/// Brings the operands to a device, `shift` of their elements past an aligned address, runs a rung, and
/// brings them back. Returns false, without running it, if the rung declines the arguments.
inline bool run_on(Executor& device, Case& c, size_t rung, int64_t shift = 0) {
  const auto there = c.on(device, shift);
  if (there->why_not(rung)) return false;
  there->run(rung, device.isa(), device.threads());
  there->fetch();
  return true;
}

}  // namespace hewn::test
