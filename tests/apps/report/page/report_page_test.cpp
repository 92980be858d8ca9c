// The page of a report: its scripts, its numbers, and how it looks in a browser.

#include <nlohmann/json.hpp>

#include "tests/apps/page/embedded_data.h"
#include "tests/apps/small_run.h"

namespace hewn::test {
namespace {

using nlohmann::json;

// A run with everything that a page shows.
std::string whole_run(const TempDir& dir) {
  CHECK_FAILS(hewn(small_train(dir, {"--log_grad_norms", "--log_update_ratios", "--sample_interval=10",
                                     "--profile", "--quiet"})),
              0, "");
  return (dir / "run").string();
}

// A copy of a page that notes its errors and, once it is drawn, its measures in an attribute.
std::string watched(std::string page) {
  page = with_script(page, "<title>", R"(
    const problems = [];
    addEventListener('error', e => problems.push(e.message));
    addEventListener('securitypolicyviolation', e => problems.push('policy: ' + e.violatedDirective));
    console.error = (...all) => problems.push(all.join(' '));
  )");
  return with_script(page, "</body>", R"(
    setTimeout(() => {
      const unnamed = [...document.querySelectorAll('button, select, input, canvas[tabindex], [role=region]')].filter(
          e => !(e.getAttribute('aria-label') || e.textContent.trim() || e.closest('label')));
      document.documentElement.dataset.watched = JSON.stringify({
        problems, sections: [...document.querySelectorAll('main > section')].map(s => s.id),
        drawn: [...document.querySelectorAll('main > section')].filter(s => s.querySelector('canvas, table, .sample, .drawing, .missing')).length,
        charts: document.querySelectorAll('.drawing').length,
        small: Math.min(...[...document.querySelectorAll('.drawing text')].map(
          t => parseFloat(getComputedStyle(t).fontSize) * t.ownerSVGElement.getBoundingClientRect().width / t.ownerSVGElement.viewBox.baseVal.width)),
        missing: document.querySelectorAll('.missing').length,
        unnamed: unnamed.length, overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth
      }).replace(/[^\x20-\x7e]/g, '?');
    }, 1500);
  )");
}

std::string browser() {
  for (const char* name : {"chromium", "google-chrome", "chrome"})
    if (run_program({name, "--version"}).exit_code == 0) return name;
  return "";
}

json seen_in_browser(const std::string& program, const TempDir& dir, const std::string& page, int width,
                     bool dark) {
  const std::string file = (dir / "watched.html").string();
  write_file(file, watched(page));
  // A window of Chromium is at least 500 pixels wide, so a narrow page is shown in a frame.
  const std::string outer = (dir / "frame.html").string();
  write_file(outer,
             "<body style=\"margin:0\"><iframe id=\"f\" src=\"watched.html\" style=\"border:0;width:" +
                 std::to_string(width) +
                 "px;height:3000px\"></iframe><script>const frame = document.getElementById('f'), wait = "
                 "setInterval(() => {"
                 "const seen = frame.contentDocument.documentElement.dataset.watched;"
                 "if (seen) document.body.dataset.watched = seen, clearInterval(wait); }, 100)</script>");
  std::vector<std::string> call = {program,
                                   "--headless",
                                   "--no-sandbox",
                                   "--disable-gpu",
                                   "--allow-file-access-from-files",
                                   "--virtual-time-budget=30000",
                                   "--user-data-dir=" + (dir / "profile").string(),
                                   "--dump-dom"};
  if (dark) call.emplace_back("--blink-settings=preferredColorScheme=0");
  call.push_back("file://" + outer);
  const auto r = run_program(call, {.timeout = 120});
  REQUIRE(r.exit_code == 0);
  std::string text = between(r.out, "data-watched=\"", "\"");
  for (size_t at = 0; (at = text.find("&quot;", at)) != text.npos;) text.replace(at, 6, "\"");
  return json::parse(text);
}

}  // namespace

TEST_CASE("report page: the script is JavaScript, and nothing ends the element with the data", "[page]") {
  const TempDir dir;
  std::string hostile;
  for (int i = 0; i < 40; ++i)
    hostile +=
        "</script><script>alert(1)</script> <!-- \"quotes\" 'and' \\ more & \xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d "
        "\xe2\x80\xae turned\n";
  const TempDir other;
  auto train = small_train(dir, {"--tokenizer=byte", "--sample_interval=10", "--quiet"});
  write_file(dir / "text.txt", hostile);
  CHECK_FAILS(hewn(train), 0, "");
  std::filesystem::create_directories(dir / "run/samples");
  write_file(dir / "run/samples/step-000015.txt", "</script>\xff\xfe broken \xe2\x80");
  const std::string run = (dir / "run").string(), file = (dir / "report.html").string();
  CHECK_FAILS(
      hewn({"report", run, "--out=" + file, "--text=</script><b>\n", "--figures=" + (dir / "svg").string()}),
      0, "");
  const std::string page = read_file(file);
  size_t ends = 0;
  for (size_t at = 0; (at = page.find("</script", at)) != page.npos; ++at) ++ends;
  CHECK(ends == 2);  // of the data and of the script
  const json data = json::parse(data_of_page(page));
  CHECK(data["runs"][0]["attention"]["tokens"][0]["text"] == "<");
  bool broken = false;
  for (const auto& text : data["runs"][0]["texts"]["texts"])
    broken |= contains(text["text"], "</script>\uFFFD");
  CHECK(broken);
  CHECK(!contains(page, "Chart.js"));
  for (const auto& svg : std::filesystem::directory_iterator(dir / "svg")) {
    const std::string drawing = read_file(svg.path());
    CHECK(contains(drawing, "<svg"));
    CHECK(!contains(drawing, "<script"));
  }
  if (run_program({"node", "--version"}).exit_code != 0) return;
  const std::string script = (dir / "page.js").string();
  write_file(script, script_of_page(page));
  const auto checked = run_program({"node", "--check", script});
  INFO(checked.err);
  CHECK(checked.exit_code == 0);
}

TEST_CASE("report page: what is not shown is one line, and a reason is given once", "[page]") {
  if (run_program({"node", "--version"}).exit_code != 0) return skip("node is not installed");
  const auto shown = [](const json& runs) {
    const auto part = [](const char* file) { return read_file(source_dir() / file) + "\n"; };
    const TempDir dir;
    write_file(dir / "page.js", part("tests/apps/report/page/folded_test.js") + part("apps/page/numbers.js") +
                                    part("apps/page/page.js") + part("apps/report/page/main.js"));
    const auto r = run_program({"node", (dir / "page.js").string(), json::object({{"runs", runs}}).dump()});
    INFO(r.err);
    REQUIRE(r.exit_code == 0);
    return json::parse(r.out);
  };
  json run{{"name", "a"}}, other = run;
  for (const char* row :
       {"losses", "schedule", "depth", "texts", "decoding", "attention", "embeddings", "positions",
        "activations", "lens", "gradient", "profile", "memory", "results", "about"}) {
    run[row] = json::object();
    other[row] = {{"missing", "gone"}};
  }
  for (const char* row : {"losses", "lens", "gradient"})
    run[row] = {{"missing", "a classifier predicts labels"}};
  run["profile"] = {{"missing", "not measured"}, {"command", "hewn train --profile"}};
  const json alone = shown(json::array({run}));
  CHECK(alone["sections"].size() == 10);
  CHECK(alone["links"].size() == 10);
  CHECK(alone["left"] ==
        json({"Not shown: Losses; Embeddings of tokens; Logit lens; Gradient lens; Kernels"}));
  REQUIRE(alone["reasons"].size() == 3);
  CHECK(alone["reasons"][0] == "Losses; Logit lens; Gradient lens: a classifier predicts labels.");
  CHECK(contains(alone["reasons"][1], "Embeddings of tokens: Cannot read"));
  CHECK(alone["reasons"][2] == "Kernels: not measured. To see it: hewn train --profile");
  // Curves are compared, so that one run suffices.
  run["losses"] = json::object();
  const json second = shown(json::array({other, run}));
  CHECK(second["sections"] == json({"losses", "schedule"}));
  CHECK(second["reasons"].size() == 1);
  run["embeddings"] = {{"pca", {{"x", "drawn"}}}};
  for (const char* row : {"lens", "gradient", "profile"}) run[row] = json::object();
  CHECK(shown(json::array({run}))["left"].empty());
}

TEST_CASE("report page: in a browser", "[page]") {
  const std::string program = browser();
  if (program.empty()) return skip("Chromium is not installed");
  const TempDir dir;
  const std::string run = whole_run(dir), file = (dir / "report.html").string();
  CHECK_FAILS(hewn({"report", run, run, "--out=" + file}), 0, "");
  for (const auto& [width, dark] : {std::pair(1200, false), {360, true}}) {
    INFO(width << " pixels");
    const json seen = seen_in_browser(program, dir, read_file(file), width, dark);
    INFO(seen);
    CHECK(seen["problems"] == json::array());
    CHECK(seen["sections"].size() == 14);
    CHECK(seen["drawn"] == 14);
    CHECK(seen["missing"] == 1);  // results: the run is not fine-tuned
    CHECK(seen["charts"] >= 12);
    CHECK(seen["small"].get<double>() >= 11);  // pixels of a text on the screen
    CHECK(seen["unnamed"] == 0);
    CHECK(seen["overflow"] <= 0);
  }
}

}  // namespace hewn::test
