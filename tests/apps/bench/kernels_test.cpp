// hewn bench kernels: its options, outputs and what it refuses.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "kernels/contract/parallel.h"
#include "tests/apps/small_run.h"

namespace hewn::test {
namespace {

using Json = nlohmann::json;

/// A short bench of one small softmax, on one thread.
std::vector<std::string> small(std::vector<std::string> more) {
  std::vector<std::string> words{"bench",        "kernels",     "--op=softmax.forward",
                                 "--shape=7x65", "--threads=1", "-r3"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

}  // namespace

TEST_CASE("kernels are timed with warm caches, cold caches, or both") {
  for (const std::string cache : {"warm", "cold", "both"}) {
    const auto r = hewn(small({"--cache=" + cache, "--json"}));
    REQUIRE(r.exit_code == 0);
    const Json rows = Json::parse(r.out);
    REQUIRE(rows.size() == (cache == "both" ? 2 : 1));
    CHECK(rows[0]["cache"] == (cache == "cold" ? "cold" : "warm"));
    for (const Json& row : rows) {
      CHECK(row["best_ms"].get<double>() > 0);
      CHECK(row["best_ms"] <= row["median_ms"]);
      CHECK(row["spread_percent"].get<double>() >= 0);
      CHECK(row["roof_percent"].get<double>() > 0);
      CHECK(row["drift_percent"].get<double>() >= 0);
    }
    CHECK(contains(r.err, "reference loop"));
  }
  CHECK_FAILS(hewn(small({"--cache=hot"})), 2, "not one of warm, cold or both");
}

TEST_CASE("the places of threads are printed") {
  CHECK(contains(hewn(small({"--threads=1"})).err, "The thread was pinned."));
  const std::string two = hewn(small({"--threads=2"})).err;
  INFO(two);
  if (available_cores() < 2) {
    CHECK(contains(two, "Threads were not pinned"));
  } else {
    CHECK(contains(two, "The 2 threads were pinned to "));
    CHECK(contains(two, " times the arithmetic of one thread."));
  }
}

TEST_CASE("results are printed as a table, Markdown, CSV or JSON") {
  if (left_out()) return;
  CHECK(contains(hewn(small({})).out, "best ms"));
  const auto md = hewn(small({"--md"}));
  CHECK(contains(md.out, "| op | shape | dtype |"));
  CHECK(contains(md.out, "| softmax.forward | 7x65 | f32 | 1 |"));
  const auto csv = hewn(small({"--csv", "--cache=warm"}));
  CHECK(contains(csv.out, "op,shape,dtype,threads,isa,rung,cache,best_ms,median_ms"));
  CHECK(std::count(csv.out.begin(), csv.out.end(), '\n') == 2);
  CHECK(hewn(small({"--json", "-q"})).err.empty());
  CHECK_FAILS(hewn(small({"--json", "--csv"})), 2, "--csv and --json exclude each other");
  CHECK_FAILS(hewn(small({"--md", "--csv"})), 2, "exclude each other");
}

TEST_CASE("a table fits the terminal; --wide and files have every column") {
  if (left_out()) return;
  const ProcessOptions terminal{.env = {{"TERM", "xterm"}}, .terminal = true};
  const auto widest = [](const std::string& text) {
    size_t most = 0;
    for (size_t at = 0, end; at < text.size(); at = end + 2) {
      end = std::min(text.find("\r\n", at), text.size());
      most = std::max(most, end - at);
    }
    return most;
  };
  const auto fitted = hewn(small({"--ladder"}), terminal).out;
  INFO(fitted);
  const std::string table = fitted.substr(0, fitted.find("omitted to fit the width: "));
  CHECK(table.size() < fitted.size());
  CHECK(widest(table) <= 80);
  CHECK(contains(table, "All rows: dtype f32, threads 1"));
  for (const char* heading : {"op ", "shape", "rung", "best ms", "x first"}) CHECK(contains(table, heading));
  CHECK_FALSE(contains(table, "spread %"));
  CHECK(contains(fitted, "spread %"));  // in the message
  CHECK(widest(hewn(small({"--cache=warm", "-q"}), terminal).out) <= 80);
  for (const std::string& whole : {hewn(small({"--wide"}), terminal).out, hewn(small({})).out}) {
    CHECK(contains(whole, "spread %"));
    CHECK(contains(whole, "dtype  threads"));
    CHECK_FALSE(contains(whole, "omitted"));
  }
}

TEST_CASE("a ladder prints each rung's speedup over the first, and its idea") {
  if (left_out()) return;
  const Json rows = Json::parse(hewn(small({"--ladder", "--cache=warm", "--json"})).out);
  REQUIRE(rows.size() >= 2);
  CHECK(rows[0]["times_first"] == 1);
  for (const Json& row : rows) {
    const double gain = rows[0]["best_ms"].get<double>() / row["best_ms"].get<double>();
    CHECK(std::abs(row["times_first"].get<double>() / gain - 1) < 1e-9);
    CHECK(row["idea"].get<std::string>().size() > 5);
    CHECK(row["file"].get<std::string>().starts_with("kernels/softmax/"));
    CHECK(row["line"].get<int>() > 1);
  }
  const std::string rung = rows.back()["rung"], idea = rows.back()["idea"],
                    place = " (" + rows.back()["file"].get<std::string>() + ":" + rows.back()["line"].dump() +
                            ")";
  const std::string table = hewn(small({"--ladder", "--cache=warm"}), {.env = {{"COLUMNS", "500"}}}).out;
  CHECK(contains(table, "x first"));
  CHECK(contains(table, "\n  " + rung + ": " + idea + place + "\n"));
  CHECK(contains(hewn(small({"--ladder", "--md"})).out, "- `" + rung + "`: " + idea + place + "\n"));
  CHECK_FALSE(contains(hewn(small({})).out, "x first"));
}

TEST_CASE("results are compared with a baseline") {
  if (left_out()) return;
  const TempDir dir;
  const std::string file = (dir / "before.json").string();
  const std::string baseline = "--baseline=" + file;
  const auto before = hewn(small({"--json"}));
  REQUIRE(before.exit_code == 0);
  Json rows = Json::parse(before.out);
  const auto against = [&](double factor, const std::string& form) {
    Json changed = rows;
    for (Json& row : changed) {
      row["best_ms"] = row["best_ms"].get<double>() * factor;
      row["spread_percent"] = 0;
    }
    write_file(file, changed.dump());
    return hewn(small({baseline, form, "-r50"}));
  };
  const auto slower = against(1e-3, "--json");
  CHECK(slower.exit_code == 5);
  CHECK(contains(slower.err, "slower than in"));
  CHECK(Json::parse(slower.out)[0]["verdict"] == "slower");
  const auto faster = against(1e6, "--json");
  CHECK(faster.exit_code == 0);
  const Json row = Json::parse(faster.out)[0];
  CHECK(row["verdict"] == "faster");
  CHECK(row["change_percent"].get<double>() < -99);
  CHECK(row["noise_percent"].get<double>() >= 2);
  CHECK(contains(against(1e6, "--md").out, "| faster |"));
}

TEST_CASE("an invalid baseline is refused before anything is timed") {
  const TempDir dir;
  const std::string file = (dir / "file.json").string();
  const auto with = [&](const std::string& content) {
    write_file(file, content);
    return hewn(small({"--baseline=" + file}));
  };
  CHECK_FAILS(hewn(small({"--baseline=" + (dir / "none").string()})), 3, "none");
  CHECK_FAILS(hewn(small({"--baseline=" + dir.path().string()})), 3, dir.path().string());
  CHECK_FAILS(with(""), 3, "not JSON");
  CHECK_FAILS(with("{\"op\": "), 3, "not JSON");
  CHECK_FAILS(with("{}"), 3, "not a list");
  CHECK_FAILS(with("[3]"), 3, "expected a JSON object");
  CHECK_FAILS(with("[{}]"), 3, "the key \"op\" is missing");
  CHECK_FAILS(with("[{\"op\": 7}]"), 3, "\"op\" is not a string");
  const std::string row =
      R"({"op": "softmax.forward", "shape": "7x65", "dtype": "f32", "isa": "x", "rung": "y", )";
  CHECK_FAILS(with("[" + row + R"("threads": "1", "best_ms": 1}])"), 3, "\"threads\" is not a number");
  CHECK_FAILS(with("[" + row + R"("threads": 1, "best_ms": 0}])"), 3, "\"best_ms\" is not positive");
  CHECK_FAILS(with("[" + row + R"("threads": 1, "best_ms": 1}])"), 3, "none of the measured cases");
  CHECK_FAILS(with("[]"), 3, "none of the measured cases");
}

TEST_CASE("the page of charts is self-contained") {
  if (left_out()) return;
  const TempDir dir;
  const std::string file = (dir / "charts.html").string();
  const auto r = hewn(small({"--ladder", "--plot=" + file}));
  REQUIRE(r.exit_code == 0);
  const std::string page = read_file(file);
  CHECK(contains(page, "aria-label=\"Roofline\""));
  CHECK(contains(page, "<td>fma<td>registers"));
  CHECK(contains(page, " GFLOP/s</title></path>"));  // a ceiling
  CHECK(contains(page, "<title>reference (scalar): "));
  CHECK(contains(page, "×, "));  // the gain of a rung
  for (const char* part : {" src=", "style=", "'unsafe-inline'", "<canvas"}) CHECK(!contains(page, part));
  CHECK(contains(page, "</script></body></html>"));
  CHECK_FAILS(hewn(small({"--plot=" + (dir / "none/x.html").string()})), 1, "x.html");
}

TEST_CASE("ceilings are measured for the charts and for all kernels") {
  if (left_out()) return;
  const TempDir dir;
  const auto r = hewn(small({"--json", "--plot=" + (dir / "charts.html").string()}));
  REQUIRE(r.exit_code == 0);
  int read = 0, copy = 0, fma = 0, functions = 0;
  for (const Json& row : Json::parse(r.out)) {
    fma += row["op"] == "ceiling.fma" && row["gflops"].get<double>() > 0.1;
    read += row["op"] == "ceiling.read" && row["gbps"].get<double>() > 0.1;
    copy += row["op"] == "ceiling.copy" && row["gbps"].get<double>() > 0.1;
    functions += row["op"] == "ceiling.exp" || row["op"] == "ceiling.tanh";
    CHECK(row["best_ms"].get<double>() > 0);
  }
  CHECK(functions >= 2);
  CHECK(fma >= 2);
  CHECK(read >= 2);
  CHECK(copy == read);
}

TEST_CASE("--op accepts the kind of an operation as the output names it") {
  if (left_out()) return;
  const auto lines_of = [](const std::string& op, const std::string& shape) {
    const auto r = hewn({"bench", "kernels", "--op=" + op, "--shape=" + shape, "--cache=warm", "--threads=1",
                         "-r1", "--csv"});
    CHECK(r.exit_code == 0);
    std::vector<std::string> lines;
    std::istringstream in(r.out);
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
  };
  const auto gelu = lines_of("gelu", "4096");
  CHECK(gelu.size() == 7);  // two curves, forward, backward and backward adding, after the header
  for (size_t i = 1; i < gelu.size(); ++i) CHECK(contains(gelu[i], "4096 gelu_"));
  const auto swiglu = lines_of("swiglu", "3x512");
  CHECK(swiglu.size() == 4);
  for (size_t i = 1; i < swiglu.size(); ++i) CHECK(contains(swiglu[i], "3x512 swiglu"));
  CHECK(contains(lines_of("adamw", "5000").at(1), "adamw 5000"));
  CHECK_FAILS(hewn({"bench", "kernels", "--op=gel"}), 2, "no kernels are named 'gel'");
}

TEST_CASE("operands are on huge or small pages") {
  if (left_out()) return;
  for (const std::string pages : {"huge", "small"}) CHECK(hewn(small({"--pages=" + pages})).exit_code == 0);
  CHECK_FAILS(hewn(small({"--pages=large"})), 2, "not one of huge or small");
}

TEST_CASE("--shape selects a single case as the output writes it") {
  const std::vector<std::string> relu{
      "bench", "kernels", "--op=activation.forward", "--cache=warm", "--threads=1", "-r1", "--csv"};
  auto words = relu;
  words.push_back("--shape=4096 relu");
  const auto one = hewn(words);
  CHECK(one.exit_code == 0);
  CHECK(contains(one.out, "4096 relu"));
  CHECK(std::count(one.out.begin(), one.out.end(), '\n') == 2);
  words.back() = "--shape=4096 relo";
  CHECK_FAILS(
      hewn(words), 2,
      "no case has the shape \"4096 relo\"; cases with these sizes are \"4096 none\" \"4096 gelu_tanh\"");
}

TEST_CASE("bench kernels: --op takes what operations have in common") {
  const auto result = hewn(
      {"bench", "kernels", "--op=rmsnorm", "--shape=4x16", "--cache=warm", "--threads=1", "-r1", "--csv"});
  REQUIRE(result.exit_code == 0);
  CHECK(contains(result.out, "rmsnorm.forward"));
  CHECK(contains(result.out, "rmsnorm.backward"));
  CHECK(!contains(result.out, "layernorm"));
}

TEST_CASE("invalid requests of bench kernels are refused") {
  CHECK_FAILS(hewn({"bench", "kernels", "--op=sotfmax"}), 2, "did you mean 'softmax'?");
  CHECK_FAILS(hewn({"bench", "kernels", "--op=softmax.sideways"}), 2,
              "no kernels are named 'softmax.sideways'");
  CHECK_FAILS(hewn({"bench", "kernels", "--op=sotfmax.bakcward"}), 2, "did you mean 'softmax.backward'?");
  CHECK_FAILS(hewn({"bench", "kernels", "--op=rmsnrom"}), 2, "did you mean 'rmsnorm'?");
  CHECK_FAILS(hewn({"bench", "kernels", "--shape=3x3"}), 2, "--shape requires a single --op");
  CHECK_FAILS(hewn({"bench", "kernels", "--op=softmax", "--shape=3x"}), 2, "does not have the form");
  CHECK_FAILS(hewn({"bench", "kernels", "--op=softmax", "--shape=0x3"}), 2, "does not have the form");
  CHECK_FAILS(hewn({"bench", "kernels", "--isa=mmx"}), 2, "no code for 'mmx'");
  CHECK_FAILS(hewn({"bench", "kernels", "--threads=none"}), 2, "not a whole number from 1 to 1024");
  CHECK_FAILS(hewn({"bench", "kernels", "--threads=0"}), 2, "not a whole number from 1 to 1024");
  CHECK_FAILS(hewn({"bench", "kernels", "--threads=1,"}), 2, "not a whole number from 1 to 1024");
  CHECK_FAILS(hewn({"bench", "kernels", "-r0"}), 2, "out of range");
  CHECK_FAILS(hewn({"bench", "kernels", "softmax"}), 2, "takes no argument 'softmax'");
}

}  // namespace hewn::test
