// NCCL as the program loads it.

#include "apps/run/ranks/library.h"

#include <cstdlib>
#include <string_view>

#include "tests/support/env.h"
#include "tests/support/gpu.h"
#include "tests/support/process.h"
#include "tests/train/ranks/mailboxes.h"
#include "tests/train/tiny.h"
#include "train/ranks/tensors/route.h"

namespace hewn::test {
namespace {

/// A library with NCCL's functions, of which `version` says what this code returns.
std::string library_in(const TempDir& dir, const std::string& version, const std::string& without = "") {
  std::string code = "extern \"C\" {\nint ncclGetVersion(int* version) { " + version + " }\n";
  for (const char* name :
       {"ncclGetErrorString", "ncclGetUniqueId", "ncclCommInitRank", "ncclCommGetAsyncError",
        "ncclCommDestroy", "ncclCommAbort", "ncclGroupStart", "ncclGroupEnd", "ncclSend", "ncclRecv"})
    if (name != without) code += std::string("int ") + name + "() { return 0; }\n";
  const std::string source = (dir / "nccl.cpp").string(), file = (dir / "nccl.so").string();
  write_file(source, code + "}\n");
  const auto built = run_program({compiler(), "-shared", "-fPIC", source, "-o", file});
  INFO(built.err);
  REQUIRE(built.exit_code == 0);
  return file;
}

std::string problem_of(const std::string& file) {
  const cli::NcclLibrary library(file);
  const FoundNccl found = library.found();
  CHECK((found.library == nullptr) == !found.problem.empty());
  return found.problem;
}

}  // namespace

TEST_CASE("NCCL is loaded, or there is a reason") {
  const auto with = [](const char* version, const char* without = "") {
    const TempDir dir;
    return problem_of(library_in(dir, version, without));
  };
  CHECK(with("*version = 22809; return 0;").empty());
  CHECK(with("*version = 2700; return 0;").empty());
  CHECK_THAT(with("*version = 2604; return 0;"),
             Catch::Contains("nccl.so: it is version 2.6.4; expected 2.7.0 or newer"));
  CHECK_THAT(with("return 3;"), Catch::Contains("nccl.so: it does not tell its version"));
  CHECK_THAT(with("*version = 22809; return 0;", "ncclSend"),
             Catch::Contains("nccl.so: it has no function ncclSend"));
  CHECK_THAT(problem_of("libnccl_that_is_missing.so.2"), Catch::Contains("libnccl_that_is_missing.so.2: ") &&
                                                             Catch::Contains("cannot open shared object"));
}

TEST_CASE("NCCL itself copies on the GPU of one rank", "[gpu][ranks]") {
  const char* const device_to_test = std::getenv("HEWN_TEST_DEVICE");
  if (!device_to_test || std::string_view(device_to_test) != "cuda") return skip("NCCL needs a GPU");
  const cli::NcclLibrary library("libnccl.so.2");
  if (!library.found().library) return skip(library.found().problem);
  Mailboxes(1, run_seed()).run([&](Ranks& ranks) {
    const auto device = make_cuda();
    NcclTransport transport(ranks, *device, *library.found().library);
    std::vector<float> values(1000);
    for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i);
    const Tensor mine = Tensor::from(*device, values, {1000}), theirs = mine.like();
    transport.start(Topic::values, {{.other = 0, .mine = mine, .theirs = theirs}})->wait();
    transport.join();
    transport.settle();
    require(theirs.values<float>() == values, "NCCL has changed values");
  });
}

}  // namespace hewn::test
