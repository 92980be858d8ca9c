// Text that others wrote, in files, models and arguments, does not control the user's terminal; files and pipes get it
// unchanged.

#include <filesystem>
#include <sstream>

#include "tests/apps/small_run.h"
#include "tests/support/write_safetensors.h"

namespace hewn::test {
namespace {

const std::string clipboard = "\x1b]52;c;SGV3bg==\x07", shown_clipboard = "\\x1b]52;c;SGV3bg==\\x07",
                  clear = "\x1b[2J", shown_clear = "\\x1b[2J";

ProcessResult on_terminal(const std::vector<std::string>& arguments, const TempDir& dir) {
  return hewn(arguments, {.env = {{"TERM", "xterm"}}, .directory = dir.path().string(), .terminal = true});
}

// The command writes these bytes to a pipe, and to a terminal only what shows them.
void check_shown(const std::vector<std::string>& arguments, const TempDir& dir, const std::string& bytes,
                 const std::string& shown, int status = 0) {
  const auto piped = hewn(arguments, {.directory = dir.path().string()}), seen = on_terminal(arguments, dir);
  INFO("pipe: " << piped.out << piped.err << "\nterminal: " << seen.out);
  CHECK(piped.exit_code == status);
  CHECK(seen.exit_code == status);
  CHECK(contains(piped.out + piped.err, bytes));
  CHECK(contains(seen.out, shown));
  CHECK_FALSE(contains(seen.out, bytes));
  CHECK_FALSE(contains(seen.out, "\x1b]"));
  CHECK_FALSE(contains(seen.out, clear));
}

}  // namespace

TEST_CASE("an argument in an error message does not control the terminal") {
  const TempDir dir;
  check_shown({"info", "no" + clipboard + "file"}, dir, "no" + clipboard + "file", "no" + shown_clipboard, 3);
  check_shown({"train", "--" + clear + "=1"}, dir, clear, shown_clear, 2);
  check_shown({"non" + clear + "sense"}, dir, clear, shown_clear, 2);
  check_shown({"info", "no\u202efile"}, dir, "no\u202efile", "no\\u202efile", 3);
  check_shown({"info", "no\xc2\x9b\x32Jfile"}, dir, "no\xc2\x9b\x32Jfile", "no\\u009b2Jfile", 3);
}

TEST_CASE("names in model files do not control the terminal") {
  const TempDir dir;
  const float zero = 0;
  write_safetensors((dir / "m.safetensors").string(),
                    {{.name = "a" + clipboard, .dtype = DType::f32, .shape = {1}, .data = &zero, .bytes = 4}},
                    {{"about", "b" + clear}});
  // JSON has escapes of its own, which --json uses everywhere.
  check_shown({"info", "m.safetensors"}, dir, "a" + clipboard, "a" + shown_clipboard);
  check_shown({"info", "m.safetensors"}, dir, "b" + clear, "b" + shown_clear);
  CHECK(contains(on_terminal({"info", "m.safetensors", "--json"}, dir).out, "b\\u001b[2J"));

  std::string gguf = read_file(source_dir() / "tests/files/official.gguf");
  for (size_t at = 0; (at = gguf.find("a.text", at)) != gguf.npos;) gguf.replace(at, 6, "\x1b]52;c");
  write_file(dir / "m.gguf", gguf);
  check_shown({"info", "m.gguf"}, dir, "\x1b]52;c", "\\x1b]52;c");
}

TEST_CASE("neither a run's name nor what its model writes controls the terminal") {
  if (left_out()) return;
  const TempDir dir;
  std::string text;
  for (int i = 0; i < 200; ++i) text += clear + "é";
  write_file(dir / "clear.txt", text);
  const std::string run = "run" + clear;
  std::vector<std::string> train = small_train(
      dir, {"--dataset=clear.txt", "--out_dir=" + run, "--force", "--learning_rate=0.01", "--max_iters=60"});
  check_shown(train, dir, run, "run" + shown_clear);
  for (const char* also : {"--num_samples=1", "--show_probs", "--beam=2"}) {
    INFO(also);
    const std::vector<std::string> sample{"sample", run, "--start=" + clear, "--max_new_tokens=40", also};
    const auto piped = hewn(sample, {.directory = dir.path().string()}), seen = on_terminal(sample, dir);
    INFO(seen.out);
    CHECK(seen.exit_code == 0);
    const bool quotes = std::string(also) == "--show_probs";  // as in JSON
    CHECK(contains(piped.out, quotes ? "\\u001b" : clear));
    CHECK(contains(seen.out, quotes ? "\\u001b" : shown_clear));
    CHECK(contains(seen.out, "é"));
    CHECK_FALSE(contains(seen.out, clear));
  }
}

TEST_CASE("decoded text does not control the terminal") {
  const TempDir dir;
  const std::string text = clipboard + "é水\x9b\n";
  write_file(dir / "text.txt", text);
  const std::string directory = dir.path().string();
  REQUIRE(hewn({"tokenizer", "train", "text.txt", "--tokenizer=byte"}, {.directory = directory}).exit_code ==
          0);
  const auto encoded =
      hewn({"tokenizer", "encode", "--tokenizer=tokenizer.json"}, {.input = text, .directory = directory});
  INFO(encoded.err);
  REQUIRE(encoded.exit_code == 0);
  std::vector<std::string> decode{"tokenizer", "decode", "--tokenizer=tokenizer.json"};
  std::istringstream ids(encoded.out);
  for (std::string id; ids >> id;) decode.push_back(id);
  check_shown(decode, dir, text, shown_clipboard + "é水\\x9b");
}

}  // namespace hewn::test
