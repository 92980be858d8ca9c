// hewn bench kernels: the shapes of a run, hardware counters, and the hottest loop.

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "tests/apps/small_run.h"

namespace hewn::test {
namespace {

using Json = nlohmann::json;

ProcessResult bench(const std::vector<std::string>& more) {
  std::vector<std::string> words{"bench", "kernels", "--threads=1", "-r2", "--cache=warm"};
  words.insert(words.end(), more.begin(), more.end());
  return hewn(words);
}

const Json* row_with(const Json& rows, const std::string& op, const std::string& shape) {
  for (const Json& row : rows)
    if (row["op"] == op && row["shape"] == shape) return &row;
  return nullptr;
}

bool has_objdump() { return run_program({"sh", "-c", "objdump --version"}).exit_code == 0; }

/// Lines of a loop, and the jump back to the first at its end.
void check_loop(const std::string& text) {
  INFO(text);
  CHECK(contains(text, " of the samples are in this loop of "));
  const size_t begin = text.find(" of the samples are in this loop of ");
  if (begin == text.npos) return;
  std::istringstream lines(text.substr(begin));
  std::string line, first, last;
  std::getline(lines, line);
  while (std::getline(lines, line) && !line.empty()) {
    last = line;
    if (first.empty()) first = line;
  }
  const auto address = [](const std::string& of) {
    const size_t at = of.find_first_not_of(' ', 7);
    return of.substr(at, of.find(' ', at) - at);
  };
  REQUIRE(first.size() > 12);
  CHECK(contains(last, address(first)));
}

}  // namespace

TEST_CASE("the kernels of a run are timed with its shapes") {
  if (left_out()) return;
  const TempDir dir;
  REQUIRE(hewn(small_train(dir)).exit_code == 0);
  const auto r = bench({"--shapes-from=" + (dir / "run").string(), "--json"});
  INFO(r.err);
  REQUIRE(r.exit_code == 0);
  const Json rows = Json::parse(r.out);
  // B T = 64 rows, C = 16: queries, keys and values, and the MLP's two products, in one layer.
  for (const char* shape : {"64x48x16 NN", "64x16x64 NN residual"}) {
    INFO(shape << " in " << r.out);
    const Json* row = row_with(rows, "matmul", shape);
    REQUIRE(row);
    CHECK((*row)["calls_per_step"] == 1);
  }
  REQUIRE(row_with(rows, "attention.forward", "4x2x16x16x8"));
  CHECK(row_with(rows, "attention.backward", "4x2x16x16x8"));
  std::set<std::string> seen;
  for (const Json& row : rows) {
    if (row["op"].get<std::string>().starts_with("ceiling.")) continue;
    CHECK(row["calls_per_step"].get<int>() >= 1);
    CHECK(seen.insert(row["op"].get<std::string>() + " " + row["shape"].get<std::string>()).second);
  }
  CHECK(seen.size() > 12);

  const auto one = bench({"--shapes-from=" + (dir / "run/checkpoints/last").string(), "--op=optimizer"});
  CHECK(one.exit_code == 0);
  CHECK(contains(one.out, "adamw"));
  CHECK_FALSE(contains(one.out, "matmul"));
}

TEST_CASE("every kernel of every kind of model has a case with its shape") {
  if (left_out()) return;
  const TempDir dir;
  const std::string file = (dir / "model.toml").string();
  for (const std::string keys :
       {"dropout = 0.1", "pos = \"none\"\nnorm = \"rmsnorm\"\nact = \"silu\"\nbias = true",
        "dtype = \"bf16\"", "dtype = \"f64\"", "attention = \"per_head\"\ngradient_accumulation_steps = 2",
        "norm_place = \"post\"\ntie = false\noptimizer = \"sgd\"", "arch = \"bigram\"",
        "pos = \"sin\"\nact = \"relu\"\nresidual = false\nbias = false"}) {
    write_file(file, keys + "\nvocab_size = 40\nn_layer = 2\nn_head = 2\nn_embd = 24\nblock_size = 12\n" +
                         "batch_size = 3\n");
    // All rooms by name: asked for none, it would measure the machine as well.
    const auto r = bench({"--shapes-from=" + file, "--json", "-r1",
                          "--op=activation,attention,copy,cross_entropy,dropout,elementwise,embedding,"
                          "global_norm,layernorm,matmul,optimizer,reduce,rmsnorm,rotary,softmax"});
    INFO(keys << "\n" << r.err);
    REQUIRE(r.exit_code == 0);
    CHECK(Json::parse(r.out).size() > 5);
  }
}

TEST_CASE("--shapes-from refuses anything but a run or a configuration") {
  const TempDir dir;
  CHECK_FAILS(bench({"--shapes-from=" + (dir / "none").string()}), 3, "none");
  CHECK_FAILS(bench({"--shapes-from=" + (dir / "none.toml").string()}), 3, "none.toml");
  CHECK_FAILS(bench({"--shapes-from=" + dir.path().string()}), 3, dir.path().string());
  write_file(dir / "x.toml", "n_lair = 3\n");
  CHECK_FAILS(bench({"--shapes-from=" + (dir / "x.toml").string()}), 2, "did you mean 'n_layer'?");
  write_file(dir / "y.toml", "vocab_size = 40\nn_layer = 1\n");
  const std::string from = "--shapes-from=" + (dir / "y.toml").string();
  CHECK_FAILS(bench({from, "--dtype=f64"}), 2, "exclude each other");
  CHECK_FAILS(bench({from, "--op=softmax", "--shape=3x3"}), 2, "exclude each other");
  CHECK_FAILS(bench({from, "--op=rotary"}), 2, "calls no kernel 'rotary'");
  CHECK_FAILS(bench({from, "--op=matmull"}), 2, "did you mean 'matmul'?");
}

TEST_CASE("hardware counters are printed, or the reason why there are none") {
  const auto r = bench({"--op=softmax.forward", "--shape=64x65", "--counters", "--json"});
  REQUIRE(r.exit_code == 0);
  const Json row = Json::parse(r.out)[0];
  if (contains(r.err, "no hardware counters: ")) {
    CHECK(!row.contains("cycles"));
    skip("hardware counters: this machine offers none, or forbids them");
    return;
  }
  CHECK(row["cycles"].get<double>() > 64 * 65 / 16);
  CHECK(row["instructions"].get<double>() > 64 * 65 / 16);
  CHECK(row["instructions_per_cycle"].get<double>() > 0.05);
}

TEST_CASE("the hottest loop is shown as instructions") {
  if (left_out()) return;
  const std::vector<std::string> loop{"--op=activation.forward", "--shape=65536", "--asm"};
  if (!has_objdump()) {
    CHECK_FAILS(bench(loop), 1, "Debian: binutils");
    return skip("the hottest loop: objdump is not installed");
  }
  const auto r = bench(loop);
  REQUIRE(r.exit_code == 0);
  check_loop(r.out);
  CHECK(contains(r.out, "activation.forward 65536 gelu_tanh f32"));
  CHECK(contains(bench({"--op=softmax.forward", "--shape=64x1024", "--asm", "--md"}).out, "```"));

  // Without symbols the loop is the same.
  const TempDir dir;
  const std::string stripped = (dir / "hewn").string();
  std::filesystem::copy_file(hewn_program(), stripped);
  REQUIRE(run_program({"sh", "-c", "strip " + stripped}).exit_code == 0);
  const auto s = run_program({stripped, "bench", "kernels", "--threads=1", "-r2", "--cache=warm",
                              "--op=softmax.forward", "--shape=64x1024", "--asm"});
  REQUIRE(s.exit_code == 0);
  check_loop(s.out);
  CHECK(contains(s.out, "of an unnamed function"));
}

TEST_CASE("--asm is refused where it does not apply") {
  CHECK_FAILS(bench({"--asm"}), 2, "choose the kernels with --op");
  CHECK_FAILS(bench({"--asm", "--op=softmax", "--json"}), 2, "leave out --json");
  CHECK_FAILS(bench({"--asm", "--op=softmax", "--csv"}), 2, "leave out");
  if (has_objdump()) {
    const auto r = hewn({"bench", "kernels", "--asm", "--op=softmax.forward", "--shape=7x65"},
                        {.env = {{"PATH", "/nowhere"}}});
    CHECK_FAILS(r, 1, "Debian: binutils");
  }
}

}  // namespace hewn::test
