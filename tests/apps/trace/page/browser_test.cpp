// The page of the lesson model in a browser, without a window.

#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/apps/hewn.h"
#include "tests/apps/page/embedded_data.h"
#include "tests/support/catch.h"

namespace hewn::test {
namespace {

using nlohmann::json;

// The Chromium or Chrome on this machine; "" if there is none.
std::string browser() {
  for (const char* name : {"chromium", "chromium-browser", "google-chrome", "chrome"})
    if (run_program({name, "--version"}).exit_code == 0) return name;
  return "";
}

std::string in_attribute(const std::string& html) {
  std::string text;
  for (const char c : html)
    if (c == '&')
      text += "&amp;";
    else if (c == '"')
      text += "&quot;";
    else
      text += c;
  return text;
}

// What browser_test.js finds in the page at this width.
json found_in(const std::string& chromium, std::string page, int width, const std::string& theme) {
  const TempDir dir;
  page = with_script(page, "<title>", R"(
const problems = [];
addEventListener('error', event => problems.push(String(event.message)));
addEventListener('unhandledrejection', event => problems.push(String(event.reason)));
console.error = (...words) => problems.push(words.join(' '));
)");
  const std::string script = read_file(source_dir() / "tests/apps/trace/page/browser_test.js");
  page = with_script(page, "</body>", "const THEME = '" + theme + "';\n" + script);
  // In a frame, as a window has at least 500 pixels.
  write_file(dir / "page.html", "<!doctype html><body><iframe height=900 width=" + std::to_string(width) +
                                    " srcdoc=\"" + in_attribute(page) + "\"></iframe></body>");
  const auto r = run_program(
      {chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
       "--proxy-server=127.0.0.1:9", "--hide-scrollbars", "--user-data-dir=" + (dir / "profile").string(),
       "--virtual-time-budget=60000", "--dump-dom", "file://" + (dir / "page.html").string()},
      {.timeout = 120});
  INFO(r.err.substr(0, 2000));
  REQUIRE(r.exit_code == 0);
  return json::parse(between(r.out, "<pre id=\"found\">", "</pre>"));
}

}  // namespace

TEST_CASE("trace page: a browser steps, turns a weight and predicts, in both themes and on a narrow screen",
          "[page]") {
  const std::string chromium = browser();
  if (chromium.empty()) return skip("neither Chromium nor Chrome is installed");
  const TempDir dir;
  const std::string file = (dir / "lesson.html").string();
  REQUIRE(hewn({"trace", "lesson", "--out=" + file}).exit_code == 0);
  const std::string page = read_file(file);
  CHECK(page.size() < 1'000'000);
  const json data = json::parse(data_of_page(page));

  const auto check = [&](int width, const std::string& theme) {
    const json found = found_in(chromium, page, width, theme);
    INFO(width << " " << theme << ": " << found.dump(1));
    CHECK(found["problems"].empty());
    CHECK(found["width"] == width);
    CHECK(found["theme"] == theme);
    for (const char* when : {"overflow", "overflowTurned", "overflowAtEnd"}) CHECK(found[when] <= 0);
    CHECK(found["resources"] == 0);
    CHECK(found["blocked"] == 2);

    CHECK(found["forward"] == data["nodes"].size());
    CHECK(found["backward"] == data["nodes"].size());
    CHECK(found["leaves"] == data["leaves"].size());
    CHECK(found["nameless"].empty());
    CHECK(found["texts"] > 300);
    CHECK(found["faint"].empty());

    REQUIRE(found["turned"].size() == 3);
    for (const json& at : found["turned"]) {
      const double secant = at["secant"], slope = at["slope"];
      CHECK(std::abs(slope - secant) <= 0.01 * std::abs(secant));
    }
    const double tape = found["recordedSlope"], slope = found["turned"][1]["slope"];
    CHECK(std::abs(slope - tape) <= 1e-4 * std::abs(tape));
    CHECK(found["turned"][0]["loss"] != found["turned"][2]["loss"]);

    for (const char* what : {"explains", "hidden", "right", "shown", "wrong"}) {
      INFO(what);
      CHECK(found[what] == true);
    }
    CHECK(found["tally"] == "1 right, 2 wrong, 1 revealed");
  };
  check(1280, "light");
  check(360, "dark");
}

}  // namespace hewn::test
