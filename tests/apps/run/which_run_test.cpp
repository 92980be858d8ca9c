// Which run is read: the one named by its argument or by --out_dir, else the one in ./out.

#include "tests/apps/small_run.h"

namespace hewn::test {

TEST_CASE("commands find the run where train writes it") {
  const TempDir dir, empty;
  const ProcessOptions here{.directory = dir.path().string()}, elsewhere{.directory = empty.path().string()};
  auto words = small_train(dir);
  std::erase_if(words, [](const std::string& word) { return word.starts_with("--out_dir="); });
  REQUIRE(hewn(words, here).exit_code == 0);

  const std::string run = (dir / "out").string();
  const std::vector<std::vector<std::string>> calls = {
      {"sample", "--max_new_tokens=5"},   {"chat"},          {"eval"}, {"verify"},
      {"export", "--format=safetensors"}, {"info", "--json"}};
  for (const std::vector<std::string>& call : calls) {
    INFO(call[0]);
    const auto with = [&](const std::vector<std::string>& more, const ProcessOptions& options) {
      std::vector<std::string> all = call;
      if (call[0] == "export")
        all.push_back("--out=" + (dir / "model.safetensors").string()), all.push_back("--force");
      all.insert(all.end(), more.begin(), more.end());
      return hewn(all, options);
    };
    const bool machine = call[0] == "info";  // without an argument it describes the machine
    CHECK(with({}, here).exit_code == 0);
    CHECK(with({"--out_dir=" + run}, elsewhere).exit_code == 0);
    CHECK(with({run}, elsewhere).out == with({"--out_dir=" + run}, elsewhere).out);
    if (!machine) {
      CHECK(with({}, {.env = {{"HEWN_OUT_DIR", run}}, .directory = empty.path().string()}).exit_code == 0);
      CHECK_FAILS(
          with({}, elsewhere), 2,
          "no run was given; use `hewn " + call[0] +
              " RUN`, with a run's directory, one of its checkpoints, or a model file; ./out, where `hewn "
              "train` writes by default, is not a run");
    }
    CHECK_FAILS(with({run, "--out_dir=" + run}, elsewhere), 2,
                "two runs were given, " + run + " and --out_dir=" + run);
  }
}

}  // namespace hewn::test
