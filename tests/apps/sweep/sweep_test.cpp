// hewn sweep: what it trains, reports and refuses.

#include <csignal>
#include <map>
#include <set>

#include "tests/apps/sweep/sweep.h"

namespace hewn::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::string weights_of(const fs::path& run) {
  return read_file(run / "checkpoints/step-000020/model.safetensors");
}

}  // namespace

TEST_CASE("the runs of a sweep have the bits of hewn train alone") {
  const TempDir dir;
  const auto r = hewn(small_sweep(dir, {"--grid=n_layer=1,2", "--grid=dropout=0,0.25", "--seeds=2",
                                        "--seed=7", "--at_once=2", "--threads=2"}));
  INFO(r.err);
  REQUIRE(r.exit_code == 0);
  CHECK(contains(r.err, "sweep   8 runs: n_layer (1, 2) x dropout (0.0, 0.25) x 2 seeds"));
  CHECK(contains(r.err, "2 at once with 1 thread each"));
  CHECK(contains(r.out, "rank  n_layer  dropout"));
  CHECK(timeless_results(dir / "sweep").size() == 8);
  CHECK(std::count(r.out.begin(), r.out.end(), '\n') == 5);
  CHECK(contains(r.out, "2 of 2"));

  const std::string name = "n_layer=2,dropout=0.25,seed=8";
  REQUIRE(hewn(small_train(dir, {"--n_layer=2", "--dropout=0.25", "--seed=8", "--threads=2"})).exit_code ==
          0);
  const fs::path run = dir / "sweep/runs" / name;
  CHECK((weights_of(run) == weights_of(dir / "run")));
  const auto scored = Json::parse(hewn({"eval", (dir / "run/checkpoints/best").string(), "--json"}).out);
  bool found = false;
  for (const std::string& line : lines_of(dir / "sweep/results.jsonl")) {
    const Json result = Json::parse(line);
    if (result["run"] != name) continue;
    found = true;
    CHECK(result["loss"] == scored["loss"]);
    CHECK(result["bits_per_byte"] == scored["bits_per_byte"]);
    CHECK(result["steps"] == 20);
    CHECK(result["tokens"] == 20 * 4 * 16);
    CHECK(result["parameters"].get<int64_t>() > 0);
    CHECK(result["flops"].get<double>() > 0);
    CHECK(result["weights_bytes"] == fs::file_size(run / "checkpoints/step-000020/model.safetensors"));
  }
  CHECK(found);
  CHECK(hewn({"verify", run.string()}).exit_code == 0);

  // Everything is finished: nothing is trained again, and the ranking is the same.
  const auto again = hewn({"sweep", "--out_dir=" + (dir / "sweep").string()});
  CHECK(again.exit_code == 0);
  CHECK(again.out == r.out);
  CHECK(contains(again.err, "8 finished"));
  CHECK(!contains(again.err, "start "));

  const std::string page = read_file(dir / "sweep/report.html");
  CHECK(contains(page, name + ", step 20: "));
  CHECK(!contains(page, "style="));
  CHECK(!contains(page, "'unsafe-inline'"));
  // A combination has one colour in all charts: bars, points by cost, curves.
  std::map<std::string, std::set<std::string>> colors;
  size_t charts = 0;
  for (size_t at = 0; (at = page.find("<g class='s", at)) != page.npos; ++at) {
    const std::string group = page.substr(at, page.find("</g>", at) - at);
    const size_t title = group.find("<title>n_layer=");
    if (title == group.npos) continue;
    const size_t begin = title + 7;
    colors[group.substr(begin, group.find_first_of(":<", begin) - begin)].insert(group.substr(10, 2));
    ++charts;
  }
  CHECK(charts == 4 * (1 + 3) + 8 + 4 * 4);  // bars and points, curves of runs, legends
  REQUIRE(colors.size() == 4);
  std::set<std::string> different;
  for (const auto& [combination, of] : colors) {
    INFO(combination);
    CHECK(of.size() == 1);
    different.insert(*of.begin());
  }
  CHECK(different.size() == 4);
}

TEST_CASE("a dry run plans a sweep and writes nothing") {
  const TempDir dir;
  const auto r = hewn(small_sweep(dir, {"--grid=n_layer=1,2", "--seeds=3", "--dry_run", "--json"}));
  INFO(r.err);
  REQUIRE(r.exit_code == 0);
  const Json plan = Json::parse(r.out);
  CHECK(plan["runs"] == 6);
  CHECK(plan["finished"] == 0);
  CHECK(plan["seconds"].get<double>() > 0);
  CHECK(plan["plan"][0]["run"] == "n_layer=1,seed=1337");
  CHECK(plan["plan"][5]["run"] == "n_layer=2,seed=1339");
  CHECK(plan["plan"][5]["parameters"] > plan["plan"][0]["parameters"]);
  CHECK(plan["plan"][0]["steps"] == 20);
  CHECK(!fs::exists(dir / "sweep"));
}

TEST_CASE("a sweep checks every combination before it starts") {
  const TempDir dir;
  const auto refused = [&](const std::vector<std::string>& more, const std::string& text, int status = 2) {
    INFO(more[0]);
    CHECK_FAILS(hewn(small_sweep(dir, more)), status, text);
    CHECK(!fs::exists(dir / "sweep/runs"));
  };
  refused({"--grid=n_layre=1,2"}, "unknown key 'n_layre'; did you mean 'n_layer'?");
  refused({"--grid=counters=true"}, "'counters' is a key of bench kernels, not of train");
  refused({"--grid=n_layer=1,many"}, "grid n_layer=1,many: n_layer = 'many' is not a whole number");
  refused({"--grid=n_layer=1,-1"}, "n_layer = -1 is out of range");
  refused({"--grid=act=gelu,gleu"}, "did you mean 'gelu'?");
  refused({"--grid=n_layer="}, "the list of values is empty");
  refused({"--grid=n_layer"}, "has no key");
  refused({"--grid=n_layer=1", "--grid=n-layer=2"}, "n_layer is given twice");
  refused({"--grid=dropout=0.1,0.10"}, "dropout has the value 0.1 twice");
  refused({"--grid=threads=1,2"}, "the runs of a sweep cannot differ in threads");
  refused({"--grid=out_dir=a,b"}, "the runs of a sweep cannot differ in out_dir");
  refused({"--grid=dry_run=true"}, "the runs of a sweep cannot differ in dry_run");
  refused({"--grid=init_from=resume"}, "a sweep resumes its own runs");
  refused({"--init_from=resume"}, "a sweep resumes its own runs");
  refused({"--grid=seed=1,2", "--seeds=2"}, "the grid already lists seeds");
  refused({"--grid=n_head=2,3"}, "n_head=3,seed=1337");
  refused({"--grid=block_size=16,100000"}, "block_size=100000,seed=1337", 3);
  refused({"--grid=dataset=none.txt"}, "dataset=none.txt", 3);
  refused({"extra"}, "'extra' is neither");
  refused({"--dropout=0.1"}, "nothing varies; give a key with several values");
  std::string many = "--grid=seed=0";
  for (int i = 1; i <= 10000; ++i) many += "," + std::to_string(i);
  refused({many}, "more than 10000 runs");
}

TEST_CASE("a sweep is extended by values and seeds, and refuses to change") {
  const TempDir dir;
  const std::string out = "--out_dir=" + (dir / "sweep").string();
  REQUIRE(hewn(small_sweep(dir, {"--grid=n_layer=1"})).exit_code == 0);
  const auto first = timeless_results(dir / "sweep");
  CHECK_FAILS(hewn(small_sweep(dir, {"--grid=n_layer=1", "--n_embd=32"})), 2,
              "n_embd = 32, but the sweep in");
  CHECK_FAILS(hewn({"sweep", out, "--dropout=0.5"}), 2, "dropout = 0.5, but the sweep in");
  CHECK_FAILS(hewn({"sweep", out, "--grid=dropout=0,0.5"}), 2, "the keys are dropout, but the sweep in");
  CHECK_FAILS(hewn({"sweep", out, "--grid=n_layer=2"}), 2, "lacks the value 1");
  CHECK(timeless_results(dir / "sweep") == first);
  const auto r = hewn({"sweep", out, "--grid=n_layer=1,2", "--seeds=2"});
  INFO(r.err);
  CHECK(r.exit_code == 0);
  CHECK(contains(r.err, "4 runs"));
  CHECK(contains(r.err, "1 finished"));
  const auto all = timeless_results(dir / "sweep");
  CHECK(all.size() == 4);
  CHECK(std::find(all.begin(), all.end(), first[0]) != all.end());
  CHECK_FAILS(hewn({"sweep", out, "--seeds=1"}), 2, "give at least as many");
  write_file(dir / "text.txt", read_file(dir / "text.txt") + "more");
  CHECK_FAILS(hewn({"sweep", out, "--seeds=3"}), 3, "the data differs from that of the finished run");
  CHECK(timeless_results(dir / "sweep") == all);
}

TEST_CASE("a failed run is reported, and the others go on") {
  const TempDir dir;
  const auto arguments = small_sweep(dir, {"--grid=learning_rate=1e-3,1e6", "--optimizer=sgd",
                                           "--grad_clip=0", "--decay_lr=false", "--min_lr=0", "--json"});
  const auto r = hewn(arguments);
  INFO(r.err);
  CHECK(r.exit_code == 1);
  const Json result = Json::parse(r.out);
  CHECK(result["runs"].size() == 1);
  CHECK(result["runs"][0]["grid"]["learning_rate"] == "0.001");
  REQUIRE(result["failed"].size() == 1);
  CHECK(result["failed"][0]["run"] == "learning_rate=1e+06,seed=1337");
  CHECK(contains(result["failed"][0]["error"], "not finite"));
  CHECK(contains(r.err, "training ended with status 5"));
  CHECK(contains(r.err, "1 of 2 runs failed"));
  CHECK(lines_of(dir / "sweep/results.jsonl").size() == 1);
  // Called again, only the failed run is tried.
  const auto again = hewn({"sweep", "--out_dir=" + (dir / "sweep").string()});
  CHECK(again.exit_code == 1);
  CHECK(contains(again.err, "1 finished"));
}

TEST_CASE("a directory with something else, or with another sweep at work, is refused") {
  const TempDir dir;
  REQUIRE(hewn(small_train(dir)).exit_code == 0);
  CHECK_FAILS(hewn({"sweep", "--out_dir=" + (dir / "run").string(), "--grid=n_layer=1"}), 2,
              "holds no sweep");
  write_file(dir / "file", "x");
  CHECK_FAILS(hewn({"sweep", "--out_dir=" + (dir / "file").string(), "--grid=n_layer=1"}), 2, "is a file");
  std::vector<std::string> arguments =
      small_sweep(dir, {"--grid=n_layer=1", "--max_iters=100000000", "--lr_decay_iters=40"});
  arguments.insert(arguments.begin(), hewn_program().string());
  Process first(arguments);
  REQUIRE(first.wait_for("start "));
  CHECK_FAILS(hewn({"sweep", "--out_dir=" + (dir / "sweep").string()}), 1, "is in use by process");
  first.send(SIGTERM);
  const auto stopped = first.finish();
  INFO(stopped.err);
  CHECK(stopped.exit_code == 143);
  CHECK(contains(stopped.err, "continue with: "));
  for (const char* damage : {"{", "{}\n"}) {
    write_file(dir / "sweep/results.jsonl", std::string("{}\n") + damage);
    CHECK_FAILS(hewn({"sweep", "--out_dir=" + (dir / "sweep").string()}), 3, "results.jsonl, line 1");
  }
  write_file(dir / "sweep/sweep.json", "{\"format\":");
  CHECK_FAILS(hewn({"sweep", "--out_dir=" + (dir / "sweep").string()}), 3, "sweep.json");
}

TEST_CASE("a sweep of the configuration that a run keeps is in the run's directory") {
  const TempDir dir;
  REQUIRE(hewn(small_train(dir, {"--max_iters=2"})).exit_code == 0);
  const ProcessOptions here{.directory = (dir / "run").string()};
  for (const auto& [config, options] : {std::pair((dir / "run/config.toml").string(), ProcessOptions{}),
                                        std::pair(std::string("config.toml"), here)}) {
    const auto r = hewn({"sweep", config, "--grid=act=relu,silu"}, options);
    INFO(r.err);
    CHECK(r.exit_code == 0);
    CHECK(fs::exists(dir / "run/sweep/runs/act=relu,seed=1337/checkpoints/best"));
    fs::remove_all(dir / "run/sweep");
  }
  const std::string other = (dir / "other").string();
  CHECK(hewn({"sweep", (dir / "run/config.toml").string(), "--grid=act=relu,silu", "--out_dir=" + other})
            .exit_code == 0);
  CHECK(fs::exists(other + "/results.jsonl"));
}

TEST_CASE("keys of the environment and of CONFIG.toml reach the runs once") {
  const TempDir dir;
  write_file(dir / "base.toml", "dropout = 0.5\nn_layer = 3\ngrid = \"\"\"\nn_layer=1,2\nact=relu\n\"\"\"\n");
  auto arguments = small_sweep(dir, {(dir / "base.toml").string()});
  const auto r =
      hewn(arguments, {.env = {{"HEWN_N_EMBD", "24"}, {"HEWN_EVAL_ONLY", "1"}, {"HEWN_N_HEAD", "1"}}});
  INFO(r.err);
  REQUIRE(r.exit_code == 0);
  const fs::path run = dir / "sweep/runs/n_layer=2,act=relu,seed=1337";
  const std::string config = read_file(run / "config.toml");
  CHECK(contains(config, "dropout = 0.5\n"));
  CHECK(contains(config, "n_layer = 2\n"));
  CHECK(contains(config, "n_head = 2\n"));  // the flag of small_train
  CHECK(fs::exists(run / "checkpoints/step-000020"));
}

}  // namespace hewn::test
