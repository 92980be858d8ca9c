// hewn trace --out: a page with the trace.

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "tests/apps/page/embedded_data.h"
#include "tests/apps/small_run.h"
#include "tests/support/catch.h"

namespace hewn::test {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

std::vector<std::string> with(std::vector<std::string> words, const std::string& word) {
  words.push_back(word);
  return words;
}

// The page must hold what --json prints.
void check_page(const TempDir& dir, const std::vector<std::string>& arguments) {
  const fs::path file = dir / "trace.html";
  const auto written = hewn(with(arguments, "--out=" + file.string())),
             printed = hewn(with(arguments, "--json"));
  INFO(written.err << printed.err);
  REQUIRE(written.exit_code == 0);
  REQUIRE(printed.exit_code == 0);
  CHECK(written.out.starts_with("wrote " + file.string() + ", "));
  CHECK(std::count(written.out.begin(), written.out.end(), '\n') == 1);
  const std::string page = read_file(file);
  json expected = json::parse(printed.out), found = json::parse(data_of_page(page));
  // Two processes may use different amounts of memory, and take different times.
  for (json* trace : {&expected, &found}) {
    for (json& event : (*trace)["memory"]) event.erase("bytes");
    for (json& node : (*trace)["nodes"])
      for (json& launch : node["launches"]) launch.erase("ms");
    for (json& launch : (*trace)["launches"]) launch.erase("ms");
  }
  CHECK(found == expected);
  for (const char* address : {"http:", "https:", "src=", "@import", "url("}) {
    INFO(address);
    std::string own = page;  // the names of SVG elements, which are no links
    for (size_t at; (at = own.find("http://www.w3.org/2000/svg")) != own.npos;) own.erase(at, 26);
    CHECK_FALSE(contains(own, address));
  }
}

}  // namespace

TEST_CASE("trace: --out writes a page that holds what --json prints", "[trace]") {
  const TempDir dir;
  check_page(dir, {"trace", "--expr=y = tanh(w*x + b)", "w=0.5", "x=2", "b=-1"});
  check_page(dir, {"trace", "--expr=sum((x @ W)^2)", "x=[1 2]", "W=[1 -1; 0.5 2]", "--values=2"});
  const std::string run = (dir / "run").string();
  CHECK_FAILS(hewn(small_train(dir)), 0, "");
  check_page(dir, {"trace", run, "--text=the cat sat"});
  CHECK_FAILS(hewn({"trace", run, "--text=the cat sat", "--page"}), 0, "");
  CHECK(json::parse(data_of_page(read_file(dir / "run/trace.html")))["tokens"].size() == 11);
  CHECK(hewn({"trace", "--expr=exp(w)", "w=1", "--page"}, {.directory = dir.path().string()})
            .out.starts_with("wrote trace.html, "));
}

TEST_CASE("trace: --out with another format, or with too much data, is refused", "[trace]") {
  const TempDir dir;
  const std::string file = (dir / "trace.html").string(), out = "--out=" + file;
  CHECK_FAILS(hewn({"trace", "--expr=exp(w)", "w=1", out, "--json"}), 2,
              "out writes a page, and json prints another format");
  CHECK_FAILS(hewn({"trace", "--expr=exp(w)", "w=1", "--page", "--json"}), 2,
              "page writes a page, and json prints another format");
  CHECK_FAILS(hewn({"trace", "--expr=exp(w)", "w=1", out, "--dot"}), 2,
              "out writes a page, and dot prints another format");
  CHECK_FAILS(hewn({"trace", "--expr=exp(w)", "w=1", "--out=" + (dir / "none/trace.html").string()}), 1,
              "none");

  // Nine nodes with values and gradients of 300 x 300 elements.
  std::string row = "r=[1", column = "c=[1";
  for (int i = 1; i < 300; ++i) row += " 1", column += ";1";
  const std::string formula = "--expr=tanh(tanh(tanh(tanh(tanh(tanh(tanh(tanh(r * c))))))))";
  const auto large = hewn({"trace", formula, row + "]", column + "]", out, "--values=90000"});
  CHECK_FAILS(large, 2, "bytes of data, more than 16000000");
  CHECK(contains(large.err, "lower --values (now 90000)"));
  CHECK_FALSE(fs::exists(file));
  check_page(dir, {"trace", formula, row + "]", column + "]", "--values=4096"});
}

}  // namespace hewn::test
