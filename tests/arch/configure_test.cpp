// What CMake is told to compile for: instruction sets (HEWN_ISAS) and GPUs (HEWN_CUDA).

#include "kernels/contract/isa.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/process.h"

using namespace hewn::test;

namespace {

bool contains(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

const char* const main_of_isas = R"(
#include <cstdio>
#include "core/error.h"
#include "kernels/contract/isa.h"
int main() try {
  std::printf("%s of %s\n", hewn::name_of(hewn::best_isa()).data(), hewn::compiled_names().c_str());
} catch (const hewn::Error& error) {
  std::printf("%s\n", error.what());
  return static_cast<int>(error.code());
}
)";

/// A program that prints best_isa(), compiled with -DHEWN_ISAS="isas". Only tests for x86-64 use it.
[[maybe_unused]] std::string program_with(const TempDir& dir, const std::string& isas) {
  write_file(dir / "main.cpp", main_of_isas);
  const std::string program = (dir / isas).string(), root = source_dir().string();
  const auto built = run_program({compiler(), "-std=c++20", "-I" + root, "-DHEWN_ISAS=\"" + isas + "\"",
                                  (dir / "main.cpp").string(), root + "/kernels/contract/isa.cpp",
                                  root + "/core/error.cpp", root + "/core/text.cpp", "-o", program});
  INFO(built.err);
  REQUIRE(built.exit_code == 0);
  return program;
}

/// Configures kernels/ with these options; what CMake says.
std::string configured(const TempDir& dir, const std::vector<std::string>& options) {
  std::vector<std::string> command{"cmake",
                                   "-S",
                                   source_dir().string(),
                                   "-B",
                                   (dir / "build").string(),
                                   "-DHEWN_TESTS=OFF",
                                   "-DHEWN_ENGINE_ONLY=ON",
                                   "-DCMAKE_CXX_COMPILER=" + compiler()};
  command.insert(command.end(), options.begin(), options.end());
  const auto result = run_program(command, {.timeout = 120});
  return result.out + result.err;
}

/// A program that prints this text.
std::string printer(const TempDir& dir, const std::string& name, const std::string& text) {
  write_file(dir / name, "#!/bin/sh\necho '" + text + "'\n");
  std::filesystem::permissions(dir / name, std::filesystem::perms::owner_all);
  return (dir / name).string();
}

}  // namespace

#if defined(__x86_64__)
TEST_CASE("a build refuses instruction sets without compiled code") {
  const TempDir dir;
  const std::string narrow = program_with(dir, "sse2");
  CHECK(run_program({narrow}, {.env = {{"HEWN_ISA", ""}}}).out == "sse2 of sse2\n");
  CHECK(run_program({narrow}, {.env = {{"HEWN_ISA", "scalar"}}}).out == "scalar of sse2\n");
  if (!supported(hewn::Isa::avx2)) return skip("this processor has no avx2");
  const auto refused = run_program({narrow}, {.env = {{"HEWN_ISA", "avx2"}}});
  CHECK(refused.exit_code == 2);
  CHECK(contains(refused.out,
                 "HEWN_ISA=avx2 is not part of this build, which has code for sse2; configure it with"));
}

TEST_CASE("a build whose vector code the processor cannot run reports it") {
  if (supported(hewn::Isa::amx)) return skip("this processor runs all instruction sets");
  const TempDir dir;
  const auto foreign = program_with(dir, "amx");
  const auto refused = run_program({foreign}, {.env = {{"HEWN_ISA", ""}}});
  CHECK(refused.exit_code == 1);
  CHECK(contains(refused.out, "this build has vector code for amx only, which this processor cannot run"));
  CHECK(run_program({foreign}, {.env = {{"HEWN_ISA", "scalar"}}}).out == "scalar of amx\n");
}
#endif

TEST_CASE("CMake reads HEWN_ISAS") {
  const TempDir dir;
  const auto said = [&](const std::string& isas) {
    return configured(dir, {"-DHEWN_CUDA=OFF", "-DHEWN_ISAS=" + isas});
  };
  hewn::Isa widest = hewn::architecture_isas[0];
  for (const hewn::Isa isa : hewn::architecture_isas)
    if (hewn::has_vectors(isa) && hewn::supported(isa)) widest = isa;
  CHECK(contains(said("native"), "SIMD code for " + std::string(name_of(widest))));
  CHECK(contains(said("mmx"), "HEWN_ISAS=mmx: expected all, native or a list of"));
#if defined(__x86_64__)
  CHECK(contains(said("avx512,avx2"), "SIMD code for avx2, avx512\n"));
  CHECK(contains(said("amx"), "amx requires avx512"));
#endif
}

TEST_CASE("warnings of another compiler do not stop the builds of users") {
  const TempDir dir;
  CHECK(contains(configured(dir, {"--preset=release", "-DHEWN_CUDA=OFF"}), "Build files have been written"));
  CHECK(contains(read_file(dir / "build/CMakeCache.txt"), "\nHEWN_WERROR:BOOL=OFF\n"));
}

TEST_CASE("CMake compiles GPU code only for the GPU that is present, unless asked for all") {
  const TempDir dir;
  const std::string nvcc =
      "-DCMAKE_CUDA_COMPILER=" + printer(dir, "nvcc", "compute_80 compute_89 compute_90 compute_100");
  const auto said = [&](const std::string& mode, const std::string& gpus) {
    std::filesystem::remove_all(dir / "build");
    return configured(dir,
                      {"-DHEWN_CUDA=" + mode, nvcc, "-DHEWN_NVIDIA_SMI=" + printer(dir, "nvidia-smi", gpus)});
  };
  // With a GPU the configuration ends at this nvcc, which compiles nothing.
  CHECK(contains(said("AUTO", "9.0\n9.0"), "GPU code for 90a-real,"));
  CHECK(contains(said("AUTO", "8.9\n7.5"), "GPU code for 89-real,"));
  CHECK(contains(said("AUTO", "99.0"), "GPU code for 80-virtual,"));
  CHECK(contains(said("ON", ""), "GPU code for 80 90a-real 100-real,"));
  for (const char* gpus : {"", "7.5", "NVIDIA-SMI has failed"}) {
    const std::string none = said("AUTO", gpus);
    CHECK(contains(none, "No GPU code: nvidia-smi lists no GPU of Ampere or newer"));
    CHECK(contains(none, "Build files have been written"));
  }
}
