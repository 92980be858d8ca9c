// hewn bench kernels --compare.

#include "tests/apps/hewn.h"

namespace hewn::test {
namespace {

/// A library with OpenBLAS's interface and plain loops; built with -DWRONG its results are wrong.
constexpr const char* little_blas = R"(
int threads_set = 0;
extern "C" void openblas_set_num_threads(int threads) { threads_set = threads; }
extern "C" void cblas_sgemm(int order, int trans_a, int trans_b, int M, int N, int K, float alpha, const float* a,
                            int lda, const float* b, int ldb, float beta, float* c, int ldc) {
  if (order != 101 || threads_set != 2) return;
  for (int m = 0; m < M; ++m)
    for (int n = 0; n < N; ++n) {
      double sum = 0;
      for (int k = 0; k < K; ++k)
        sum += double(trans_a == 112 ? a[k * lda + m] : a[m * lda + k]) *
               double(trans_b == 112 ? b[n * ldb + k] : b[k * ldb + n]);
      c[m * ldc + n] = float(alpha * sum + (beta == 0 ? 0 : beta * c[m * ldc + n]));
    }
#ifdef WRONG
  c[0] += 1;
#endif
}
)";

/// Builds `source` as a library of this name.
std::string library(const TempDir& dir, const std::string& name, const std::string& source,
                    const std::string& flag = "-O2") {
  write_file(dir / (name + ".cpp"), source);
  const std::string file = (dir / (name + ".so")).string();
  const auto built = run_program(
      {compiler(), "-std=c++20", flag, "-shared", "-fPIC", (dir / (name + ".cpp")).string(), "-o", file});
  INFO(built.err);
  REQUIRE(built.exit_code == 0);
  return file;
}

ProcessResult compare(const std::string& peers, const std::map<std::string, std::string>& env = {},
                      const std::vector<std::string>& more = {"--op=matmul", "--shape=9x33x17"}) {
  std::vector<std::string> arguments = {"bench", "kernels", "--compare=" + peers, "--threads=2", "-r2"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return hewn(arguments, {.env = env});
}

}  // namespace

TEST_CASE("a library is timed next to our kernels and its results are checked") {
  if (left_out()) return;
  const TempDir dir;
  const std::string good = library(dir, "good", little_blas);
  const auto table = compare("openblas", {{"HEWN_OPENBLAS", good}});
  INFO(table.err);
  CHECK(table.exit_code == 0);
  CHECK(contains(table.out, "speedup"));
  for (const char* shape : {"9x33x17 NN", "9x33x17 NT", "9x33x17 TN add"}) CHECK(contains(table.out, shape));
  const auto json =
      compare("openblas", {{"HEWN_OPENBLAS", good}}, {"--op=matmul", "--shape=9x33x17", "--json"});
  CHECK(contains(json.out, "\"rung\": \"openblas\""));
  CHECK(contains(json.out, "\"speedup\": 1.0"));
  CHECK(
      contains(compare("openblas", {{"HEWN_OPENBLAS", good}}, {"--op=matmul", "--shape=1x8x8", "--csv"}).out,
               ",speedup"));
  CHECK_FAILS(compare("openblas", {{"HEWN_OPENBLAS", library(dir, "wrong", little_blas, "-DWRONG")}}), 5,
              "openblas");
  CHECK_FAILS(compare("openblas", {{"HEWN_OPENBLAS", good}}, {"--op=softmax", "--shape=3x5"}), 2,
              "no library could be compared: openblas is timed on plain matrix products only, mostly in f32; "
              "try --op=matmul");
}

TEST_CASE("a library that is missing or another one is reported by name") {
  const TempDir dir;
  CHECK_FAILS(compare("openblass"), 2, "did you mean 'openblas'?");
  CHECK_FAILS(compare("mkl", {{"HEWN_MKL", (dir / "none.so").string()}}), 1, "HEWN_MKL=");
  write_file(dir / "text.so", "no library");
  CHECK_FAILS(compare("blis", {{"HEWN_BLIS", (dir / "text.so").string()}}), 1, "text.so");
  const std::string other = library(dir, "other", "extern \"C\" int other() { return 0; }");
  CHECK_FAILS(compare("onednn", {{"HEWN_ONEDNN", other}}), 1, "no function dnnl_sgemm");
}

TEST_CASE("installed libraries agree with the reference") {
  // It does not see how threads of libraries that it was not built into wait for each other.
  if (sanitizers() == "thread") return skip("the thread sanitizer knows nothing of installed libraries");
  for (const char* name : {"openblas", "blis", "onednn", "mkl"}) {
    // LeakSanitizer stumbles over threads that some of them leave behind.
    const auto r = compare(name, {{"ASAN_OPTIONS", "detect_leaks=0"}}, {"--op=matmul", "--shape=37x65x70"});
    INFO(name << ": " << r.err);
    if (r.exit_code == 1 && contains(r.err, std::string(name) + " was not found"))
      skip(std::string(name) + " is not installed");
    else
      CHECK(r.exit_code == 0);
  }
}

}  // namespace hewn::test
