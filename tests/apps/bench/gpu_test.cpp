// hewn bench kernels --device: the emulated GPU from end to end, what is refused on GPUs, and their
// libraries.

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/apps/hewn.h"

namespace hewn::test {
namespace {

using Json = nlohmann::json;

/// A short bench on the emulated GPU.
std::vector<std::string> emulated(std::vector<std::string> more) {
  std::vector<std::string> words{"bench", "kernels", "--device=emulated", "-r2"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

/// Its rows; none, and the running test is skipped, where this build has no emulated GPU.
std::vector<Json> rows_of(std::vector<std::string> more) {
  more.push_back("--json");
  const auto r = hewn(emulated(more));
  INFO(r.err);
  if (contains(r.err, "has no emulated GPU")) {
    skip("this build has no emulated GPU");
    return {};
  }
  CHECK(r.exit_code == 0);
  CHECK(contains(r.err, "the times say nothing about a real GPU"));
  return r.exit_code == 0 ? Json::parse(r.out).get<std::vector<Json>>() : std::vector<Json>{};
}

std::set<std::string> rungs_in(const std::vector<Json>& rows) {
  std::set<std::string> names;
  for (const Json& row : rows)
    if (!row["op"].get<std::string>().starts_with("ceiling.")) names.insert(row["rung"]);
  return names;
}

}  // namespace

TEST_CASE("a GPU's ceilings are measured, then its ladder is checked and timed") {
  const auto rows = rows_of({"--op=softmax.forward", "--shape=3x65", "--ladder"});
  if (rows.empty()) return;
  REQUIRE(rows.size() == 5);
  CHECK(rows[0]["op"] == "ceiling.copy");
  CHECK(rows[0]["gbps"].get<double>() > 0);
  CHECK(rows[1]["op"] == "ceiling.matmul");
  CHECK(rows[1]["gflops"].get<double>() > 0);
  CHECK(rungs_in(rows) == std::set<std::string>{"cuda.threads", "cuda.blocks", "cuda"});
  for (const Json& row : rows) {
    CHECK(row["isa"] == "emulated");
    CHECK(row["dtype"] == (row["op"] == "ceiling.copy" ? "" : "f32"));
    CHECK(!row.contains("drift_percent"));
    if (row["op"] != "softmax.forward") continue;
    CHECK(row["cache"] == "cold");
    CHECK(row["best_ms"].get<double>() > 0);
    CHECK(row["best_ms"] <= row["median_ms"]);
    CHECK(row["roof_percent"].get<double>() > 0);
    CHECK(row["gbps"].get<double>() > 0);
  }
}

TEST_CASE("on a GPU only preferred rungs are timed without --ladder") {
  if (left_out()) return;
  const auto softmax = rows_of({"--op=softmax", "--shape=3x65"});
  if (softmax.empty()) return;
  CHECK(rungs_in(softmax) == std::set<std::string>{"cuda"});
  CHECK(rungs_in(rows_of({"--op=layernorm.forward", "--shape=2x33"})) == std::set<std::string>{"cuda"});
  CHECK(rungs_in(rows_of({"--op=attention", "--shape=1x2x12x17x8"})).size() == 1);
  const auto products = rows_of({"--op=matmul", "--shape=9x17x5", "--ladder"});
  CHECK(rungs_in(products).count("cuda.naive") == 1);
  CHECK(rungs_in(products).count("cuda.floats") == 1);
  CHECK(rungs_in(rows_of({"--op=matmul", "--shape=9x17x5", "--dtype=bf16"})).size() == 1);
}

TEST_CASE("GPU results are printed as a table") {
  const auto r = hewn(emulated({"--op=softmax.forward", "--shape=3x65", "--md"}));
  if (contains(r.err, "has no emulated GPU")) return skip("this build has no emulated GPU");
  REQUIRE(r.exit_code == 0);
  CHECK(contains(r.out, "| copy | memory |"));
  CHECK(contains(r.out, "| matmul | 16x16x16 NN | f32 |"));
  CHECK(contains(r.out, "| softmax.forward | 3x65 | f32 |"));
}

TEST_CASE("a GPU's ceilings are kept in a file") {
  if (left_out()) return;
  const TempDir dir;
  const std::string file = (dir / "ceilings.json").string();
  const auto first = rows_of({"--op=softmax.forward", "--shape=3x65", "--ceilings=" + file});
  if (first.empty()) return;
  const Json kept = Json::parse(read_file(file));
  CHECK(kept["products"]["f32"]["peaks"].size() == 1);
  CHECK(kept["copy_bytes_per_s"].get<double>() * 1e-9 == Approx(first[0]["gbps"].get<double>()));
  Json other = kept;
  other["copy_bytes_per_s"] = 123e9;
  write_file(file, other.dump());
  CHECK(rows_of({"--op=softmax.forward", "--shape=3x65", "--ceilings=" + file})[0]["gbps"].get<double>() ==
        Approx(123.0));
  // Another dtype is measured and added.
  CHECK(rows_of({"--op=matmul", "--dtype=bf16", "--shape=9x17x5", "--ceilings=" + file})[0]["gbps"]
            .get<double>() == Approx(123.0));
  CHECK(Json::parse(read_file(file))["products"].size() == 2);
  // Another GPU's are measured again.
  other["gpu"] = "another";
  write_file(file, other.dump());
  CHECK(rows_of({"--op=softmax.forward", "--shape=3x65", "--ceilings=" + file})[0]["gbps"].get<double>() !=
        Approx(123.0));
  CHECK(Json::parse(read_file(file))["gpu"] == kept["gpu"]);
  for (const char* damaged : {"", "{}", "[1]", R"({"gpu": 3})"}) {
    write_file(file, damaged);
    CHECK_FAILS(hewn(emulated({"--op=softmax", "--shape=3x65", "--ceilings=" + file})), 3,
                "remove it to measure again");
  }
  Json negative = kept;
  negative["copy_bytes_per_s"] = -1;
  write_file(file, negative.dump());
  CHECK_FAILS(hewn(emulated({"--op=softmax", "--shape=3x65", "--ceilings=" + file})), 3, "negative");
  CHECK_FAILS(hewn({"bench", "kernels", "--op=softmax", "--ceilings=" + file}), 2,
              "--ceilings applies only to kernels on a GPU");
}

TEST_CASE("options that do not apply to a GPU are refused") {
  for (const std::string device : {"cuda", "emulated"})
    for (const std::string key : {"threads=2", "isa=avx2", "counters", "asm", "rung=x.so"})
      CHECK_FAILS(hewn({"bench", "kernels", "--device=" + device, "--op=softmax", "--" + key}), 2,
                  "--" + key.substr(0, key.find('=')) + " applies only to kernels on the CPU; leave it out");
  CHECK_FAILS(hewn(emulated({"--op=softmax", "--cache=warm"})), 2, "always in device memory");
  CHECK_FAILS(hewn({"bench", "kernels", "--device=gpu"}), 2, "not one of cpu, cuda or emulated");
  // Of the environment, what is for the processor is left aside.
  const auto r = hewn(emulated({"--op=softmax.forward", "--shape=1x3"}), {.env = {{"HEWN_THREADS", "2"}}});
  if (contains(r.err, "has no emulated GPU")) return skip("this build has no emulated GPU");
  INFO(r.err);
  CHECK(r.exit_code == 0);
}

TEST_CASE("libraries are compared only on their own device") {
  const TempDir dir;
  const auto compare = [](const std::string& peer, const std::string& device,
                          const std::map<std::string, std::string>& env = {}) {
    return hewn({"bench", "kernels", "--compare=" + peer, "--device=" + device, "--op=matmul",
                 "--shape=5x5x5", "-r1"},
                {.env = env});
  };
  CHECK_FAILS(compare("cublas", "cpu"), 2, "cublas runs on the device cuda, not on cpu");
  CHECK_FAILS(compare("cublas", "emulated"), 2, "cublas runs on the device cuda, not on emulated");
  CHECK_FAILS(compare("openblas", "cuda"), 2, "openblas runs on the device cpu, not on cuda");
  CHECK_FAILS(compare("cublass", "cuda"), 2, "did you mean 'cublas'?");
  CHECK_FAILS(compare("cudnn", "emulated"), 2, "cudnn runs on the device cuda, not on emulated");
  const std::string none = (dir / "none.so").string(), other = (dir / "other.so").string();
  CHECK_FAILS(compare("cublas", "cuda", {{"HEWN_CUBLAS", none}}), 1, "HEWN_CUBLAS=" + none);
  CHECK_FAILS(compare("cudnn", "cuda", {{"HEWN_CUDNN", none}}), 1, "HEWN_CUDNN=" + none);
  write_file(dir / "other.cpp", "extern \"C\" int other() { return 0; }");
  REQUIRE(
      run_program({compiler(), "-shared", "-fPIC", (dir / "other.cpp").string(), "-o", other}).exit_code ==
      0);
  CHECK_FAILS(compare("cublas", "cuda", {{"HEWN_CUBLAS", other}}), 1, "no function cublasGemmEx");
  CHECK_FAILS(compare("cudnn", "cuda", {{"HEWN_CUDNN", other}}), 1, "no function cudnnSoftmaxForward");
}

}  // namespace hewn::test
