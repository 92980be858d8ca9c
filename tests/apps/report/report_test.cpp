// hewn report: its numbers are those of the run's files, and nothing that a run lacks stops it.

#include <cmath>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "tests/apps/page/embedded_data.h"
#include "tests/apps/small_run.h"
#include "tests/support/close.h"
#include "tests/support/stories.h"

namespace hewn::test {
namespace {

using nlohmann::json;

json report_of(const std::vector<std::string>& arguments) {
  std::vector<std::string> call = {"report", "--json", "--threads=1"};
  call.insert(call.end(), arguments.begin(), arguments.end());
  const auto r = hewn(call);
  INFO(r.err);
  REQUIRE(r.exit_code == 0);
  return json::parse(r.out);
}

json lines_of(const std::string& path) {
  json all = json::array();
  std::istringstream in(read_file(path));
  for (std::string line; std::getline(in, line);) all.push_back(json::parse(line));
  return all;
}

// The values of a series as metrics.jsonl has them.
json values_in(const json& lines, const char* name) {
  json all = json::array();
  for (const json& line : lines)
    if (line.contains(name)) all.push_back(line[name]);
  return all;
}

// The reason why a row is missing; "" if it is there.
std::string missing(const json& run, const char* row) {
  REQUIRE(run.contains(row));
  return run[row].value("missing", "");
}

}  // namespace

TEST_CASE("report: the page's numbers are those of metrics.jsonl", "[report]") {
  const TempDir dir;
  CHECK_FAILS(hewn(small_train(dir, {"--report", "--log_grad_norms", "--log_update_ratios", "--grad_clip=0.5",
                                     "--quiet"})),
              0, "");
  const std::string run = (dir / "run").string();
  const json lines = lines_of(run + "/metrics.jsonl");
  // `train --report` keeps the page; `hewn report` writes the same.
  CHECK_FAILS(hewn({"report", run, "--out=" + (dir / "again.html").string(), "--threads=1"}), 0, "");
  for (const std::string& file : {run + "/report.html", (dir / "again.html").string()}) {
    const json data = json::parse(data_of_page(read_file(file)));
    CHECK(data["format"] == "hewn-report");
    CHECK(data["version"] == 1);
    const json& shown = data["runs"][0];
    for (const char* name : {"loss", "val_loss"}) {
      CHECK(shown["losses"]["series"][name]["values"] == values_in(lines, name));
      CHECK(shown["losses"]["series"][name]["lines"] == values_in(lines, name).size());
    }
    CHECK(shown["losses"]["series"]["val_loss"]["steps"] == json({0, 10, 20}));
    for (const char* name : {"learning_rate", "grad_norm", "tokens_per_s"})
      CHECK(shown["schedule"][name]["values"] == values_in(lines, name));
    const json norms = values_in(lines, "grad_norm");
    for (size_t i = 0; i < norms.size(); ++i)
      CHECK(near(shown["schedule"]["clip_factor"]["values"][i], std::min(1.0, 0.5 / norms[i].get<double>()),
                 1e-12));
    for (const char* name : {"grad_norms", "update_ratios"}) {
      const json rows = values_in(lines, name);
      REQUIRE(rows.size() == 3);
      for (size_t i = 0; i < rows.size(); ++i)
        for (size_t p = 0; p < shown["depth"][name]["parts"].size(); ++p)
          CHECK(shown["depth"][name]["values"][i][p] ==
                rows[i][shown["depth"][name]["parts"][p].get<std::string>()]);
    }
    const std::set<char> characters(small_text, small_text + std::string(small_text).size());
    CHECK(near(shown["losses"]["uniform"], std::log(static_cast<double>(characters.size())), 1e-12));
    CHECK(shown["losses"]["bigram"] > 0.5);
    CHECK(!shown["losses"].contains("floor"));  // known only of tales
    CHECK(shown["about"]["config"]["n_embd"] == "16");
    CHECK(missing(shown, "attention") == "");
  }
}

TEST_CASE("report: the lower bound and the bigram loss are those of hewn eval", "[report]") {
  const TempDir dir;
  const std::string run = (dir / "run").string(), bigrams = (dir / "bigrams").string();
  CHECK_FAILS(hewn({"train", "--out_dir=" + run, "--n_layer=1", "--n_embd=16", "--n_head=2", "--max_iters=2",
                    "--batch_size=2", "--eval_iters=1", "--quiet"}),
              0, "");
  CHECK_FAILS(hewn({"train", "--out_dir=" + bigrams, "--arch=ngram", "--order=2", "--quiet"}), 0, "");
  const auto scored = hewn({"eval", bigrams, "--json"});
  REQUIRE(scored.exit_code == 0);
  const json evaluation = json::parse(scored.out);
  const json losses = report_of({run, "--inspect=false"})["runs"][0]["losses"];
  CHECK(losses["floor"] == evaluation["floor"]);
  CHECK(near(losses["bigram"], evaluation["loss"], 1e-9));
}

TEST_CASE("report: every architecture", "[report]") {
  struct Variant {
    std::vector<std::string> keys;
    bool attends;
  };
  for (const Variant& v : {Variant{{"--pos=rope", "--norm=rmsnorm", "--act=swiglu", "--tie=false",
                                    "--n_kv_head=1", "--window=4", "--dtype=bf16"},
                                   true},
                           Variant{{"--attention=per_head", "--norm_place=post", "--pos=sin"}, true},
                           Variant{{"--arch=rnn"}, false}, Variant{{"--arch=lstm"}, false},
                           Variant{{"--arch=ngram"}, false}, Variant{{"--arch=bigram"}, false}}) {
    const TempDir dir;
    INFO(v.keys[0]);
    std::vector<std::string> keys = v.keys;
    keys.emplace_back("--quiet");
    CHECK_FAILS(hewn(small_train(dir, keys)), 0, "");
    const json run = report_of({(dir / "run").string(), "--text=the cat sat"})["runs"][0];
    for (const char* row : {"attention", "activations", "lens", "gradient"}) {
      INFO(row << ": " << missing(run, row));
      CHECK((missing(run, row) == "") == v.attends);
    }
    CHECK(missing(run, "decoding") == "");
    CHECK(run["decoding"]["methods"].size() >= 9);
    CHECK((missing(run, "embeddings") == "") == (v.keys[0] != "--arch=ngram"));
    CHECK((missing(run, "losses") == "") ==
          (v.keys[0] != "--arch=ngram" || run["losses"].contains("series")));
    CHECK(run["texts"]["texts"].size() >= 1);
    if (!v.attends) continue;
    const json& attention = run["attention"];
    CHECK(attention["tokens"].size() == 10);
    CHECK(attention["layers"] == 1);
    CHECK(attention["heads"] == 2);
    CHECK(attention["weights"].get<std::string>().size() ==
          (2 * 2 * 55 + 2) / 3 * 4);  // 2 heads of 10 11 / 2 numbers of 2 bytes
    CHECK(run["lens"]["depths"].size() == 2);
  }
}

TEST_CASE("report: adapters, and a classifier", "[report]") {
  const TempDir dir;
  CHECK_FAILS(hewn(small_train(dir, {"--tokenizer=byte", "--max_iters=5", "--block_size=24", "--quiet"})), 0,
              "");
  const std::string base = (dir / "run").string(), adapted = (dir / "adapted").string(),
                    kinds = (dir / "kinds").string();
  CHECK_FAILS(hewn({"train", "--init_from=" + base, "--dataset=" + (dir / "text.txt").string(),
                    "--out_dir=" + adapted, "--train=lora", "--lora_rank=2", "--max_iters=2", "--threads=1",
                    "--quiet"}),
              0, "");
  const json lora = report_of({adapted})["runs"][0];
  CHECK(missing(lora, "attention") == "");
  CHECK(missing(lora, "gradient") == "");
  std::string rows = "kind,message\n";
  for (int i = 0; i < 40; ++i) rows += (i % 2 ? "spam,win now " : "ham,see you ") + std::to_string(i) + "\n";
  write_file(dir / "rows.csv", rows);
  CHECK_FAILS(hewn({"finetune", "classify", "--data=" + (dir / "rows.csv").string(), "--text=message",
                    "--label=kind", "--init_from=" + base, "--threads=1", "--epochs=1", "--batch_size=4",
                    "--out_dir=" + kinds, "--report", "--quiet"}),
              0, "");
  CHECK(std::filesystem::exists(kinds + "/report.html"));
  const json classifier = report_of({kinds, "--text=win now"})["runs"][0];
  CHECK(near(classifier["losses"]["uniform"], std::log(2.0), 1e-12));
  CHECK(classifier["losses"]["series"].contains("val_accuracy"));
  CHECK(classifier["results"]["evaluation"].is_object());
  CHECK(classifier["results"]["task"]["kind"] == "classify");
  CHECK(missing(classifier, "attention") == "");
  CHECK(contains(missing(classifier, "decoding"), "classifier"));
  CHECK(contains(classifier["decoding"]["command"], "classify"));
  CHECK(contains(classifier["profile"]["command"],
                 "hewn finetune classify " + kinds + "/config.toml --init_from=" + base));
  CHECK(!classifier["texts"].contains("command"));  // it has no key sample_interval
  CHECK(contains(missing(classifier, "lens"), "classifier"));
}

TEST_CASE("report: weights that are not finite", "[report]") {
  const std::filesystem::path model = oracles("gpt2-tiny")[0];
  const TempDir dir;
  std::string weights = read_file(model / "model.safetensors");
  uint64_t header = 0;
  std::memcpy(&header, weights.data(), sizeof header);
  const uint32_t nan = 0x7fc00000;
  std::memcpy(weights.data() + 8 + header, &nan, sizeof nan);
  write_file(dir / "model.safetensors", weights);
  write_file(dir / "config.json", read_file(model / "config.json"));
  const json run = report_of({dir.path().string()})["runs"][0];
  CHECK(contains(missing(run, "attention"), "not finite"));
  CHECK(missing(report_of({model.string()})["runs"][0], "attention") == "");
}

TEST_CASE("report: a run that is unfinished, damaged or half gone", "[report]") {
  const TempDir dir;
  CHECK_FAILS(hewn(small_train(dir, {"--quiet"})), 0, "");
  const std::string run = (dir / "run").string(), copy = (dir / "copy").string();
  const auto again = [&] {
    std::filesystem::remove_all(copy);
    std::filesystem::copy(
        run, copy, std::filesystem::copy_options::recursive | std::filesystem::copy_options::copy_symlinks);
  };
  const auto only = [](const json& report) { return report["runs"][0]; };

  again();  // no checkpoint
  std::filesystem::remove_all(copy + "/checkpoints");
  json shown = only(report_of({copy}));
  CHECK(missing(shown, "losses") == "");
  CHECK(contains(missing(shown, "attention"), "checkpoint"));

  again();  // metrics with a torn line, a foreign one and NaN
  write_file(copy + "/metrics.jsonl",
             read_file(run + "/metrics.jsonl") + "no JSON\n{\"step\":30,\"loss\":null}\n{\"step\":40,\"lo");
  shown = only(report_of({copy}));
  CHECK(shown["losses"]["notes"].dump().find("1 of ") != std::string::npos);
  CHECK(contains(shown["losses"]["notes"].dump(), "not finite"));
  CHECK(shown["losses"]["series"]["loss"] == only(report_of({run}))["losses"]["series"]["loss"]);

  again();  // no metrics at all, and a configuration that is no TOML
  std::filesystem::remove(copy + "/metrics.jsonl");
  write_file(copy + "/config.toml", "n_embd = = 3\n");
  shown = only(report_of({copy}));
  CHECK(contains(missing(shown, "losses"), "metrics.jsonl"));
  CHECK(contains(missing(shown, "about"), "config.toml"));

  again();  // files of an unknown version, or no JSON
  write_file(copy + "/task.json", R"({"format": "hewn-task", "version": 99, "kind": "classify"})");
  write_file(copy + "/profile.json", "[1, 2");
  write_file(copy + "/evaluation.json", "{\"a\": ");
  shown = only(report_of({copy}));
  CHECK(contains(missing(shown, "profile"), "profile.json"));
  CHECK(contains(missing(shown, "results"), "evaluation.json"));
  CHECK(contains(missing(shown, "about"), "99"));
  write_file(copy + "/profile.json", "{\"steps\": 3}");
  CHECK(contains(missing(only(report_of({copy})), "profile"), "form"));

  again();  // weights cut short
  for (const auto& file : std::filesystem::recursive_directory_iterator(copy))
    if (file.path().filename() == "model.safetensors") std::filesystem::resize_file(file.path(), 100);
  CHECK(contains(missing(only(report_of({copy})), "lens"), "model.safetensors"));

  // Only the measures are left.
  const std::string rest = (dir / "rest").string();
  std::filesystem::create_directories(rest);
  std::filesystem::copy(run + "/metrics.jsonl", rest + "/metrics.jsonl");
  CHECK(missing(only(report_of({rest})), "losses") == "");

  CHECK_FAILS(hewn({"report", (dir / "none").string()}), 3, "no such run");
  CHECK_FAILS(hewn({"report", dir.path().string()}), 3, "is not a run");
  CHECK_FAILS(hewn({"report", run, "--json", "--out=x.html"}), 2, "out");
  CHECK_FAILS(hewn({"report", run, "--out=" + (dir / "none/x.html").string()}), 1, "none");
  CHECK_FAILS(hewn({"report"}, {.directory = dir.path().string()}), 2, "no run was given");
}

TEST_CASE("report: several runs, and those of a sweep", "[report]") {
  const TempDir dir, other;
  CHECK_FAILS(hewn(small_train(dir, {"--quiet"})), 0, "");
  CHECK_FAILS(hewn(small_train(other, {"--quiet", "--n_embd=8"})), 0, "");
  const std::string first = (dir / "run").string(), second = (other / "run").string();
  const json report = report_of({first, second});
  REQUIRE(report["runs"].size() == 2);
  CHECK(missing(report["runs"][0], "attention") == "");
  CHECK(contains(report["runs"][1]["attention"]["command"], second));
  const std::string sweep = (dir / "sweep").string();
  std::filesystem::create_directories(sweep + "/runs");
  write_file(sweep + "/sweep.json", "{}");
  std::filesystem::copy(first, sweep + "/runs/b", std::filesystem::copy_options::recursive);
  std::filesystem::copy(second, sweep + "/runs/a", std::filesystem::copy_options::recursive);
  write_file(sweep + "/results.jsonl", "{\"run\": \"b\", \"loss\": 1.5}\n");
  const json swept = report_of({sweep});
  REQUIRE(swept["runs"].size() == 2);
  CHECK(swept["runs"][0]["name"] == "b");
  CHECK(swept["runs"][0]["results"]["sweep"]["loss"] == 1.5);
  CHECK(swept["runs"][1]["name"] == "a");
}

TEST_CASE("report: written into the directory of the run", "[report]") {
  const TempDir dir;
  CHECK_FAILS(hewn(small_train(dir, {"--max_iters=2", "--quiet"})), 0, "");
  const auto wrote = [&](const std::vector<std::string>& arguments) {
    std::vector<std::string> call{"report", "--inspect=false"};
    call.insert(call.end(), arguments.begin(), arguments.end());
    const auto r = hewn(call, {.directory = dir.path().string()});
    INFO(r.err);
    CHECK(r.exit_code == 0);
    const std::string page = r.out.substr(6, r.out.find(',') - 6);
    CHECK(std::filesystem::remove(dir / page));
    return page;
  };
  CHECK(wrote({"run"}) == "run/report.html");
  CHECK(wrote({"run/"}) == "run/report.html");
  CHECK(wrote({"run/checkpoints/best"}) == (dir / "run/report.html").string());
  CHECK(wrote({"run", "--out=page.html"}) == "page.html");
  CHECK(wrote({"run", "run"}) == "report.html");
  std::filesystem::rename(dir / "run", dir / "out");
  CHECK(wrote({}) == "out/report.html");
  CHECK_FAILS(hewn({"export", (dir / "out").string(), "--format=hf", "--out=" + (dir / "model").string()}), 0,
              "");
  CHECK(wrote({"model"}) == "report.html");  // another program's
  std::filesystem::create_directories(dir / "sweep/runs");
  write_file(dir / "sweep/sweep.json", "{}");
  write_file(dir / "sweep/results.jsonl", "");
  std::filesystem::rename(dir / "out", dir / "sweep/runs/a");
  CHECK(wrote({"sweep"}) == "sweep/runs.html");  // report.html is what `hewn sweep` writes
}

TEST_CASE("report: the command that trains a run again begins with the same weights", "[report]") {
  const TempDir dir;
  CHECK_FAILS(hewn(small_train(dir, {"--max_iters=2", "--quiet"})), 0, "");
  const std::string base = (dir / "run").string(), next = (dir / "next").string();
  const auto command = [](const std::string& run) {
    return report_of({run, "--inspect=false"})["runs"][0]["about"]["command"].get<std::string>();
  };
  CHECK(command(base) == "hewn train " + base + "/config.toml --out_dir=" + base + "-again");
  CHECK_FAILS(hewn({"train", "--init_from=" + base, "--dataset=" + (dir / "text.txt").string(),
                    "--max_iters=2", "--threads=1", "--out_dir=" + next, "--quiet"}),
              0, "");
  const std::string from_base =
      "hewn train " + next + "/config.toml --init_from=" + base + " --out_dir=" + next + "-again";
  CHECK(command(next) == from_base);
  CHECK_FAILS(
      hewn({"train", "--init_from=resume", "--max_iters=3", "--threads=1", "--out_dir=" + next, "--quiet"}),
      0, "");
  CHECK(command(next) == from_base);
}

TEST_CASE("report: another program's model", "[report]") {
  const std::filesystem::path model = stories()[0].model;
  const json run = report_of({model.string(), "--text=The little fox sang by the river"})["runs"][0];
  CHECK(contains(missing(run, "losses"), "not trained here"));
  CHECK(missing(run, "attention") == "");
  CHECK(run["attention"]["kv_heads"] == 2);
  CHECK(missing(run, "embeddings") == "");
  CHECK(run["embeddings"]["left_out"] == 0);
}

}  // namespace hewn::test
