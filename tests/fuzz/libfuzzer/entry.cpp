// The program that libFuzzer drives: HEWN_FUZZ_TARGET=NAME fuzz_readers [FLAGS] CORPUS; without a name it
// lists them.

#include <cstdio>
#include <cstdlib>

#include "tests/fuzz/mutators/mutator.h"
#include "tests/fuzz/target.h"

using hewn::test::fuzz_targets;
using hewn::test::FuzzTarget;

namespace {

const FuzzTarget& chosen() {
  const char* name = std::getenv("HEWN_FUZZ_TARGET");
  for (const FuzzTarget& target : fuzz_targets())
    if (name && target.name == name) return target;
  for (const FuzzTarget& target : fuzz_targets()) std::puts(std::string(target.name).c_str());
  std::exit(name ? 2 : 0);
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***);
extern "C" int LLVMFuzzerInitialize(int*, char***) {
  chosen();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const FuzzTarget& target = chosen();
  run_fuzz_target(target, {reinterpret_cast<const char*>(data), size});
  return 0;
}

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t most);
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most, unsigned int seed);
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most, unsigned int seed) {
  static const hewn::test::Mutate mutate = hewn::test::mutator_for(chosen().name);
  if (mutate && seed % 4 != 0)  // libFuzzer's own mutations in one case of four
    if (const auto changed = hewn::test::mutate_in_place(mutate, data, size, most, seed)) return *changed;
  return LLVMFuzzerMutate(data, size, most);
}
