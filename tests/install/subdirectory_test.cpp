// Hewn as a part of another project's build: add_subdirectory and FetchContent.

#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/process.h"

using namespace hewn::test;
namespace fs = std::filesystem;

namespace {

// Ends with an error where Hewn would build, install or set what belongs to the project that includes it.
const char* const user_project = R"(cmake_minimum_required(VERSION 3.25)
project(user CXX)
add_subdirectory(${HEWN_SOURCE} hewn)
add_executable(user main.cpp)
target_link_libraries(user hewn::hewn)
foreach(target test_support test_core example_train_gpt my_softmax)
  if(TARGET ${target})
    message(FATAL_ERROR "${target} would be built")
  endif()
endforeach()
foreach(variable CMAKE_BUILD_TYPE CMAKE_UNITY_BUILD CMAKE_CXX_STANDARD CPACK_PACKAGE_VENDOR CPACK_GENERATOR)
  if(DEFINED ${variable} AND NOT "${${variable}}" STREQUAL "")
    message(FATAL_ERROR "${variable} is ${${variable}}")
  endif()
endforeach()
get_property(excluded DIRECTORY ${HEWN_SOURCE}/apps PROPERTY EXCLUDE_FROM_ALL)
if(NOT excluded)
  message(FATAL_ERROR "the program would be built")
endif()
)";

}  // namespace

TEST_CASE("a project that includes Hewn builds no tests and no examples, and needs no Catch2", "[install]") {
  const TempDir dir;
  write_file(dir / "CMakeLists.txt", user_project);
  write_file(dir / "main.cpp", "#include <hewn/hewn.h>\nint main() { return hewn::cpu().name().empty(); }\n");
  const std::string build = (dir / "build").string();
  const auto configured = run_program(
      {"cmake", "-S", dir.path().string(), "-B", build, "-DHEWN_SOURCE=" + source_dir().string(),
       "-DHEWN_CUDA=OFF", "-DCMAKE_DISABLE_FIND_PACKAGE_Catch2=ON", "-DCMAKE_DISABLE_FIND_PACKAGE_MPI=ON",
       "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON", "-DCMAKE_CXX_COMPILER=" + compiler()},
      {.timeout = 120});
  INFO(configured.out << configured.err);
  REQUIRE(configured.exit_code == 0);

  // The user's code is compiled with the headers, but without the project's warnings.
  const std::string commands = read_file(dir / "build/compile_commands.json");
  const size_t file = commands.find("main.cpp.o"), begin = commands.rfind("\"command\"", file);
  const std::string command = commands.substr(begin, commands.find('\n', begin) - begin);
  INFO(command);
  CHECK(command.find("-I" + source_dir().string()) != command.npos);
  CHECK(command.find("HEWN_ISAS") != command.npos);
  for (const char* option : {"-Wall", "-Wno-", "-Werror", "-ffp-contract", "-O"})
    CHECK(command.find(option) == command.npos);
  CHECK_FALSE(fs::exists(dir / "build/CPackConfig.cmake"));
  const auto installed = run_program({"cmake", "--install", build, "--prefix", (dir / "prefix").string()});
  INFO(installed.out << installed.err);
  CHECK(installed.exit_code == 0);
  CHECK_FALSE(fs::exists(dir / "prefix"));
}
