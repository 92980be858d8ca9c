#include "apps/evaluate/scores/scored_runs.h"

#include "apps/cli/terminal.h"
#include "core/error.h"

namespace hewn::cli {

std::vector<std::string> scored_runs(const Settings& settings) {
  const std::vector<std::string>& named = settings.arguments;
  if (named.size() < 2) return {named_run(settings)};
  require(named.size() == 2, named.size(), " runs were given; expected one, or two to compare");
  require(!settings.given("out_dir") || settings.where("out_dir") != "--out_dir",
          "two runs and --out_dir were given; leave out --out_dir");
  return named;
}

void show_progress(const std::string& task, size_t done, size_t all) {
  if (is_quiet() || !is_terminal(Stream::messages)) return;
  write_message(join(control_sequence("\r"), task, "  ", done, "/", all, done == all ? "\n" : ""));
}

AnswerFile::AnswerFile(const Settings& settings) {
  if (settings.given("answers")) file_.emplace(settings.text("answers"));
}

void AnswerFile::add(std::string_view line) {
  if (!file_) return;
  file_->append(line);
  file_->append("\n");
}

void AnswerFile::commit() {
  if (file_) file_->commit();
}

}  // namespace hewn::cli
