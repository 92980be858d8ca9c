// hewn bench kernels --rung: a kernel of the user's.

#include "tests/apps/hewn.h"

namespace hewn::test {
namespace {

std::string my_softmax() { return read_file(source_dir() / "examples/my_softmax.cpp"); }

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  const size_t at = text.find(what);
  INFO("my_softmax.cpp has no " << what);
  REQUIRE(at != text.npos);
  return text.replace(at, what.size(), with);
}

/// Builds a rung by the command that the template states.
std::string built(const TempDir& dir, const std::string& name, const std::string& source) {
  write_file(dir / (name + ".cpp"), source);
  const std::string file = (dir / (name + ".so")).string();
  const auto r = run_program({compiler(), "-std=c++20", "-O3", "-march=native", "-shared", "-fPIC",
                              "-I" + source_dir().string(), (dir / (name + ".cpp")).string(), "-o", file});
  INFO(r.err);
  REQUIRE(r.exit_code == 0);
  return file;
}

ProcessResult bench(const std::string& file, const std::vector<std::string>& more = {"--shape=7x65"}) {
  std::vector<std::string> arguments = {"bench", "kernels", "--rung=" + file, "-r2"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return hewn(arguments);
}

}  // namespace

TEST_CASE("a plug-in rung is checked and timed next to the ladder") {
  if (left_out()) return;
  const TempDir dir;
  const std::string file = built(dir, "my_softmax", my_softmax());
  const auto r = bench(file, {"--shape=7x65", "--threads=1,2", "--ladder", "--json"});
  INFO(r.err);
  CHECK(r.exit_code == 0);
  CHECK(contains(r.out, "\"rung\": \"mine\""));
  CHECK(contains(r.out, "\"rung\": \"reference\""));
  CHECK_FALSE(contains(r.out, "softmax.backward"));
  CHECK(hewn({"bench", "kernels", "--rung=my_softmax.so", "--shape=7x65"}, {.directory = dir.path().string()})
            .exit_code == 0);
  CHECK_FAILS(bench(file, {"--shape=7x65", "--dtype=f64"}), 2, "declined all");
  CHECK_FAILS(bench(file, {"--op=matmul", "--shape=3x3x3"}), 2, "my_softmax.so implements softmax.forward");
}

TEST_CASE("a wrong plug-in rung is detected at any size") {
  if (left_out()) return;
  const TempDir dir;
  const auto fails = [&](const std::string& what, const std::string& with, const std::string& part) {
    CHECK_FAILS(bench(built(dir, "wrong", replaced(my_softmax(), what, with))), 5, part);
  };
  fails("/= sum", "/= sum + 1", "expected");
  fails("y[i] /= sum;", "y[i] /= sum;\n      y[a.cols] = 0;", "memory around y was overwritten");
  fails("y[i] /= sum;", "y[i] /= sum;\n      const_cast<float*>(x)[0] = 1;", "input x was changed");
  const std::string by_threads = replaced(my_softmax(), "[&a]", "[&]");
  CHECK_FAILS(bench(built(dir, "bits", replaced(by_threads, "- most)", "- most + float(launch.threads))"))),
              5, "threads differs from that with 1");
}

TEST_CASE("a library without a valid rung is refused with the reason") {
  if (left_out()) return;
  const TempDir dir;
  CHECK_FAILS(bench("none.so"), 3, "none.so is not a file");
  write_file(dir / "text.so", "no library");
  CHECK_FAILS(bench((dir / "text.so").string()), 3, "cannot be loaded");
  CHECK_FAILS(bench(built(dir, "other", "extern \"C\" int other() { return 0; }")), 3,
              "has no function hewn_rung");
  const auto refused = [&](const std::string& what, const std::string& with, const std::string& part) {
    CHECK_FAILS(bench(built(dir, "refused", replaced(my_softmax(), what, with))), 3, part);
  };
  refused("\"softmax.forward\", \"mine\"", "\"softmax.foward\", \"mine\"", "did you mean 'softmax.forward'?");
  refused("return &rung", "static auto old = rung;\n  old.version = 99;\n  return &old", "version 99");
  refused("return &rung", "static auto old = rung;\n  old.args_bytes = 8;\n  return &old", "built for 8");
  refused("return &rung", "return nullptr", "returned no rung");
}

}  // namespace hewn::test
