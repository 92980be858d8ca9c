#include "tests/apps/printed/stage.h"

#include <cstdlib>
#include <regex>

#include "tests/apps/small_run.h"

namespace hewn::test {
namespace {

namespace fs = std::filesystem;

}  // namespace

Stage::Stage() {
  const fs::path tests = source_dir() / "tests/apps/printed";
  fs::create_directories(fresh_);
  fs::create_directories(dir_ / "bin");
  fs::copy(tests / "hewn.sh", dir_ / "bin/hewn");
  write_file(fresh_ / "tok512.bin", llama2c_tokenizer());
  const ProcessResult r = run("bash '" + (tests / "stage.sh").string() + "' '" + source_dir().string() + "'");
  INFO(r.err);
  REQUIRE(r.exit_code == 0);
  fs::rename(fresh_, made_);  // made in the place where it is used, whose path runs keep
  renew();
}

void Stage::renew() {
  fs::remove_all(fresh_);
  fs::copy(made_, fresh_, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
}

void Stage::make_room(const std::string& command) const {
  if (contains(command, "init_from=resume") || contains(command, "hewn sweep --out_dir=") ||
      (contains(command, "hewn train") && contains(command, "--dry_run")))
    return;
  static const std::regex out("--out(?:_dir)?=((?!\\.\\.)[\\w.][^\\s'\"]*)");
  bool named = false;
  for (auto at = std::sregex_iterator(command.begin(), command.end(), out); at != std::sregex_iterator();
       ++at, named = true)
    fs::remove_all(fresh_ / (*at)[1].str());
  if (named) return;
  static const std::regex config("hewn train configs/([\\w-]+)\\.toml");
  if (std::smatch found; std::regex_search(command, found, config)) fs::remove_all(fresh_ / "out" / found[1].str());
  if (contains(command, "hewn train") && !contains(command, ".toml")) fs::remove_all(fresh_ / "out");
  if (contains(command, "hewn data prepare")) fs::remove_all(fresh_ / "data");
  if (contains(command, "hewn sweep")) fs::remove_all(fresh_ / "sweep");
}

ProcessResult Stage::run(const std::string& command, bool check_only) const {
  static const std::regex alternatives("(\\w)(\\|\\w+)+"), redirection(" *>+ *\\S+");
  const std::string line =
      check_only ? std::regex_replace(std::regex_replace(command, alternatives, "$1"), redirection, "")
                 : command;
  ProcessOptions options{.input = "the fox\n", .directory = fresh_.string(), .timeout = 120};
  options.env = {{"PATH", (dir_ / "bin").string() + ":" + std::getenv("PATH")},
                 {"HOME", fresh_.string()},
                 {"REAL_HEWN", hewn_program().string()},
                 {"CHECK_ONLY", check_only ? "1" : ""},
                 {"OMPI_ALLOW_RUN_AS_ROOT", "1"},
                 {"OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"},
                 {"OMPI_MCA_rmaps_base_oversubscribe", "1"}};
  options.unset_env = {"NO_COLOR",   "COLUMNS",      "HEWN_THREADS",  "HEWN_SEED",
                       "HEWN_DTYPE", "HEWN_PROGRAM", "XDG_STATE_HOME"};
  return run_program({"bash", "-c", "set -o pipefail\n" + line}, options);
}

}  // namespace hewn::test
