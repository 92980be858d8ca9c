// Messages about kernels that fail: they name kernel, sizes and configuration, and blame the kernel that failed.

#include "kernels/gpu/runtime/failure.h"
#include "kernels/contract/contract.h"
#include "kernels/gpu/simt/arguments_text.h"
#include "kernels/matmul/abi.h"
#include "tests/support/catch.h"

namespace hewn {
namespace {

struct Unnamed {
  int64_t across;
};
template <int width, class T>
struct Parts {};

template <class... P>
std::string arguments_of(P... values) {
  void* pointers[] = {static_cast<void*>(&values)...};
  return arguments_text<P...>(pointers);
}

using Catch::Contains;

}  // namespace

TEST_CASE("kernel failures: arguments are described by their sizes, others by their type") {
  Matmul m{};
  m.dtype = DType::bf16, m.M = 256, m.N = 768, m.K = 3072;
  CHECK(arguments_of(m, 3) == "bf16 M=256 N=768 K=3072, 3");
  CHECK(arguments_of(Unnamed{7}) == "Unnamed");
  CHECK(arguments_of(Parts<64, Unnamed>{}) == "Parts<64, Unnamed>");
}

TEST_CASE("kernel failures: a template instance is named without namespaces and parameters") {
  // void hewn::(anonymous namespace)::attend<64, true>(hewn::AttentionForward)
  CHECK(type_text("_ZN4hewn12_GLOBAL__N_16attendILi64ELb1EEEvNS_16AttentionForwardE") == "attend<64, true>");
  CHECK(type_text("_ZN4hewn12_GLOBAL__N_19add_scaleEPfi") == "add_scale");
  CHECK(type_text("plain name") == "plain name");
}

TEST_CASE("kernel failures: a launch names kernel, instance, sizes and grid") {
  const std::string text =
      launch_text("attention_mma", "attend<64, true>", "bf16 B=1 H=12", {{4, 2}, 128, 49152});
  CHECK(text ==
        "kernel attention_mma [attend<64, true>](bf16 B=1 H=12) on 4x2x1 blocks of 128x1x1 threads with "
        "49152 bytes "
        "of shared memory");
  CHECK_THAT(launch_text("add", "", "5", {1, 32}), Contains("kernel add(5) on 1x1x1 blocks"));
}

TEST_CASE("kernel failures: a refused launch is the launch's own error") {
  KernelFailures failures(false);
  CHECK(failures.of_launch("kernel a", "too many resources", false) == "kernel a: too many resources");
  CHECK(failures.of_call("copying to the GPU", "invalid value", false) ==
        "cuda: copying to the GPU: invalid value");
  CHECK(failures.of_launch("kernel b", "too many resources", false) == "kernel b: too many resources");
}

TEST_CASE("kernel failures: without blocking launches the error belongs to an earlier kernel") {
  KernelFailures failures(false);
  const std::string at_launch = failures.of_launch("kernel b", "illegal address", true);
  CHECK_THAT(at_launch, Contains("earlier one than the kernel b") && Contains("CUDA_LAUNCH_BLOCKING=1"));
  KernelFailures others(false);
  const std::string at_copy = others.of_call("copying to the GPU", "illegal address", true);
  CHECK_THAT(at_copy,
             Contains("a kernel failed while it ran: illegal address") && Contains("CUDA_LAUNCH_BLOCKING=1"));
}

TEST_CASE("kernel failures: with blocking launches the kernel is named, then nothing else is blamed") {
  KernelFailures failures(true);
  CHECK(failures.of_launch("kernel a", "illegal address", true) ==
        "kernel a: failed while it ran: illegal address");
  const std::string next = failures.of_launch("kernel b", "illegal address", true);
  CHECK_THAT(next,
             Contains("kernel b is not to blame") && Contains("The first failure was: kernel a: failed"));
  CHECK_THAT(failures.of_call("waiting for the GPU", "illegal address", true),
             Contains("not to blame") && Contains("kernel a"));
  KernelFailures of_graph(true);
  CHECK_THAT(of_graph.of_call("launching a graph", "illegal address", true), Contains("--cuda_graph=false"));
}

TEST_CASE("kernel failures: errors of a rung name the operation, its sizes and the rung") {
  const Rung<Matmul> rung{scalar<"reference">, ""};
  Matmul m{};
  m.dtype = DType::bf16, m.M = 1, m.N = 2, m.K = 3;
  const KernelFn<Matmul> refused = [](const Launch&, const Matmul&) {
    fail(ErrorCode::failed, "kernel a: refused");
  };
  CHECK_THROWS_WITH(call(rung, refused, Launch{}, m),
                    "matmul bf16 M=1 N=2 K=3, rung reference: kernel a: refused");
}

}  // namespace hewn
