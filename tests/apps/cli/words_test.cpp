// The words of a command line, and commands as a shell reads them back.

#include "apps/cli/words.h"

#include "apps/cli/shell.h"
#include "core/error.h"
#include "tests/support/catch.h"
#include "tests/support/process.h"
#include "tests/support/random.h"

namespace hewn::test {
namespace {

using Given = std::vector<std::string>;  // "name=value"

struct Outcome {
  Given options, arguments;
};

cli::Option option(std::string_view name, cli::Kind kind, std::string_view value, char letter = 0) {
  cli::Option made;
  made.name = name, made.kind = kind, made.choices = value, made.letter = letter;
  return made;
}

cli::Option general(std::string_view name, char letter) {
  cli::Option made = option(name, cli::Kind::flag, "", letter);
  made.general = true;
  return made;
}

const std::vector<const cli::Option*>& known() {
  static const std::vector<cli::Option> table = {option("start", cli::Kind::text, "TEXT"),
                                                 option("batch_size", cli::Kind::integer, "N"),
                                                 option("norm", cli::Kind::choice, "layernorm|rmsnorm"),
                                                 option("bias", cli::Kind::flag, ""),
                                                 option("repeat", cli::Kind::integer, "N", 'r'),
                                                 general("quiet", 'q'),
                                                 general("verbose", 'v')};
  static const std::vector<const cli::Option*> list = [] {
    std::vector<const cli::Option*> all;
    for (const cli::Option& one : table) all.push_back(&one);
    return all;
  }();
  return list;
}

Outcome split(const std::vector<std::string>& words) {
  const cli::Words given = cli::split_words(words, known());
  Outcome out{{}, given.arguments};
  for (const cli::GivenOption& one : given.options) out.options.push_back(one.name + "=" + one.value);
  return out;
}

std::string refused(const std::vector<std::string>& words) {
  try {
    split(words);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::usage);
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("words: a value is joined or is the next word") {
  CHECK(split({"--start=a b", "--batch-size", "3"}).options == Given{"start=a b", "batch_size=3"});
  CHECK(split({"--start="}).options == Given{"start="});
  CHECK(split({"--start", ""}).options == Given{"start="});
  CHECK(split({"--start=a=b"}).options == Given{"start=a=b"});
  CHECK(split({"--start", "-"}).options == Given{"start=-"});
  CHECK(split({"--batch_size", "-4"}).options == Given{"batch_size=-4"});
  CHECK(split({"--start", "-- he said"}).options == Given{"start=-- he said"});
  CHECK(split({"--start=--quiet"}).options == Given{"start=--quiet"});
  CHECK(split({"--start", "a", "--start=b"}).options == Given{"start=a", "start=b"});
  CHECK(refused({"--start"}) == "--start needs a value: --start=TEXT");
  CHECK(refused({"--norm"}) == "--norm needs a value (one of layernorm|rmsnorm)");
  CHECK(refused({"--start", "--quiet"}) ==
        "--start needs a value: --start=TEXT; --quiet looks like an option; write --start=--quiet if it is "
        "the value");
  CHECK(refused({"--start", "--", "x"}).starts_with("--start needs a value"));
  CHECK(refused({"--start", "-q"}).starts_with("--start needs a value"));
}

TEST_CASE("words: flags, letters and arguments") {
  CHECK(split({"--bias"}).options == Given{"bias=true"});
  CHECK(split({"--bias=false"}).options == Given{"bias=false"});
  CHECK(split({"--bias", "false", "x"}).options == Given{"bias=false"});
  CHECK(split({"--bias", "false", "x"}).arguments == Given{"x"});
  CHECK(split({"--bias", "run"}).arguments == Given{"run"});
  CHECK(split({"--no-bias", "true"}).options == Given{"bias=false"});
  CHECK(split({"--no-bias", "true"}).arguments == Given{"true"});
  CHECK(refused({"--no-bias=true"}) == "--no-bias takes no value; write --bias=true or --bias=false");
  CHECK(split({"--quiet", "true"}).arguments == Given{"true"});  // not a key: there is nothing to set it to
  CHECK(split({"-qv"}).options == Given{"quiet=true", "verbose=true"});
  for (const std::vector<std::string>& words :
       {Given{"-r", "9"}, Given{"-r9"}, Given{"-r=9"}, Given{"--repeat", "9"}})
    CHECK(split(words).options == Given{"repeat=9"});
  CHECK(split({"-qr9"}).options == Given{"quiet=true", "repeat=9"});
  CHECK(refused({"-qr"}) == "-r needs a value: -r=N");
  CHECK(split({"a", "-", "--", "--bias", "-q", "--"}).arguments == Given{"a", "-", "--bias", "-q", "--"});
  CHECK(split({""}).arguments == Given{""});
  CHECK(split({"-1", "-q", "-0.5", "-.5"}).arguments == Given{"-1", "-0.5", "-.5"});
}

TEST_CASE("words: an unknown option is returned as it was typed") {
  CHECK(split({"--no-such=3"}).options == Given{"no_such="});
  CHECK(cli::split_words({"--no-such=3"}, known()).options[0].typed == "--no-such");
  CHECK(split({"-xyz=3"}).options == Given{"xyz="});
  CHECK(cli::split_words({"-xyz=3"}, known()).options[0].typed == "-xyz");
  CHECK(refused({"-start=x"}) == "unknown option -start; did you mean --start?");
  CHECK(split({"--=3"}).options == Given{"="});
  CHECK(split({"---"}).options == Given{"="});
  CHECK(split({"--no-quiet"}).options == Given{"no_quiet="});
  CHECK(split({"--no-start"}).options == Given{"no_start="});
}

// Every word is used once: as an argument, as an option, or as its value.
TEST_CASE("words: odd words are neither lost nor crash the parser") {
  Random random("odd words");
  const std::vector<std::string> pieces = {
      "-", "--", "=",  "start", "bias", "no-", "r",          "q",          "v",
      " ", "'",  "\\", "\xff",  "\n",   "1",   "batch_size", "batch-size", std::string(1, '\0')};
  size_t taken = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::string> words;
    for (int64_t n = random.integer(0, 4); n > 0; --n) {
      std::string& word = words.emplace_back();
      for (int64_t k = random.integer(0, 4); k > 0; --k) word += random.one_of(pieces);
    }
    try {
      const cli::Words given = cli::split_words(words, known());
      size_t letters = 0;
      for (const std::string& word : words) letters += word.size();
      CHECK(given.arguments.size() <= words.size());
      CHECK(given.arguments.size() + given.options.size() <= words.size() + letters);
      for (const std::string& argument : given.arguments)
        CHECK(std::find(words.begin(), words.end(), argument) != words.end());
      ++taken;
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::usage);
    }
  }
  CHECK(taken > 10'000);
}

TEST_CASE("a shell reads a quoted word back") {
  const auto read_back = [](const std::string& word) {
    return run_program({"sh", "-c", "printf '%s' " + cli::shell_word(word)}).out;
  };
  for (const std::string word : {"out", "my run", "it's", "a\\b", "$HOME", "`ls`", "*", "~", "a\nb", "é",
                                 "--out_dir=my run", "--out_dir=", "--a b=c", "#", "a;b", "\"", ""})
    CHECK(read_back(word) == word);
  CHECK(cli::shell_word("out/book-2") == "out/book-2");
  CHECK(cli::shell_word("--out_dir=my run") == "--out_dir='my run'");
  CHECK(cli::shell_word("") == "''");
}

TEST_CASE("messages use the program name as it was called") {
  cli::set_program("build/apps/hewn");
  CHECK(
      cli::as_called("See `hewn --help`, hewn is GPT; `hewn`\n  hewn x | hewn y <(hewn z) hewnx") ==
      "See `build/apps/hewn --help`, hewn is GPT; `build/apps/hewn`\n  build/apps/hewn x | build/apps/hewn y "
      "<(build/apps/hewn z) hewnx");
  cli::set_program("/my programs/hewn");
  CHECK(cli::as_called("hewn train") == "'/my programs/hewn' train");
  cli::set_program("");
  CHECK(cli::as_called("hewn train") == "hewn train");
}

}  // namespace hewn::test
