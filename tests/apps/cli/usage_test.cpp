// What is asked for wrongly is refused with status 2, says what was wrong and what was probably meant.

#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "kernels/contract/isa.h"
#include "tests/apps/hewn.h"

namespace hewn::test {

TEST_CASE("hewn without arguments prints a welcome") {
  const auto r = hewn({});
  CHECK(r.exit_code == 0);
  CHECK(r.err.empty());
  CHECK(contains(r.out, "hewn train "));
  CHECK(contains(r.out, "  hewn sample "));
}

// Two screens of 24 lines of 80 characters.
TEST_CASE("every help fits two screens; with all, it lists every option and ends with examples") {
  const std::string reference = hewn({"completion", "markdown"}).out, overview = hewn({"--help"}).out;
  size_t seen = 0;
  for (size_t at = 0; (at = reference.find("\n### hewn ", at)) != reference.npos; ++at, ++seen) {
    const std::string name = reference.substr(at + 10, reference.find('\n', at + 1) - at - 10);
    INFO(name);
    std::vector<std::string> words;
    std::istringstream parts(name);
    for (std::string word; parts >> word;) words.push_back(word);
    CHECK(contains(overview, "\n  " + words[0] + " "));
    words.emplace_back("--help");
    const auto brief = hewn(words, {.env = {{"COLUMNS", "80"}}});
    CHECK(brief.exit_code == 0);
    CHECK(brief.err.empty());
    CHECK(std::count(brief.out.begin(), brief.out.end(), '\n') <= 48);
    CHECK(contains(brief.out, "Examples\n  "));
    CHECK(contains(brief.out, "--help=all"));
    words.back() = "--help=all";
    const auto all = hewn(words);
    CHECK(all.out.find("Examples\n") > all.out.find("--version"));
    CHECK(all.out.size() >= brief.out.size() / 2);
    // Prose calls the program by its name, wherever it is.
    CHECK_FALSE(contains(all.out.substr(all.out.find("\n\n"), all.out.find("Examples\n") - all.out.find("\n\n")),
                         "apps/hewn"));
  }
  CHECK(seen >= 35);
}

TEST_CASE("unknown commands and options are refused with a suggestion") {
  CHECK_FAILS(hewn({"inof"}), 2, "did you mean 'info'?");
  CHECK_FAILS(hewn({"data", "corpsu"}), 2, "did you mean 'corpus'?");
  CHECK_FAILS(hewn({"finetune", "clasify"}), 2, "did you mean 'classify'?");
  const auto explained = hewn({"finetune", "out/my book", "--dataset=other.txt"});
  CHECK_FAILS(explained, 2, "\nhewn train --init_from='out/my book' --dataset=other.txt --out_dir=tuned");
  CHECK_FAILS(explained, 2, "\nhewn finetune classify --init_from='out/my book' --data=FILE --out_dir=tuned");
  // A name that begins with the word comes before one that is as near.
  CHECK_FAILS(hewn({"quantize", "out", "--format=q4_k", "--out=x.gguf"}), 2, "; did you mean 'q4_k_m'?");
  CHECK_FAILS(hewn({"entirely-unknown"}), 2, "unknown command 'entirely-unknown'\n");
  CHECK_FAILS(hewn({"data"}), 2, "corpus");
  CHECK(hewn({"train", "--device=gpu"}).err.ends_with("'gpu' is not one of cpu, cuda or emulated\n"));
  CHECK_FAILS(hewn({"data", "corpus", "--tails=3"}), 2, "unknown option --tails; did you mean 'tales'?");
  CHECK_FAILS(hewn({"data", "corpus", "--nonsense"}), 2, "unknown option --nonsense");
  CHECK_FAILS(hewn({"data", "corpus", "-x"}), 2, "unknown option -x");
  CHECK_FAILS(hewn({"data", "corpus", "--ladder"}), 2,
              "--ladder is an option of bench kernels, quantize, not of data corpus");
  CHECK_FAILS(hewn({"data", "corpus", "-tales=3"}), 2, "unknown option -tales; did you mean --tales?");
  CHECK_FAILS(hewn({"data", "corpus", "extra"}), 2, "no arguments");
  CHECK_FAILS(hewn({"--color", "never", "dat"}), 2, "unknown command 'dat'");
  // Commands and keys of later days are unknown until they exist.
  CHECK_FAILS(hewn({"serve"}), 2, "unknown command");
  CHECK_FAILS(hewn({"data", "corpus", "--tensorboard=1"}), 2, "unknown option --tensorboard");
}

TEST_CASE("words of other programs are answered with what to type") {
  const auto answers = [](std::vector<std::string> words, const std::string& part) {
    CHECK_FAILS(hewn(std::move(words)), 2, part);
  };
  answers({"train", "--data=x"}, "unknown option --data; did you mean --dataset?\n");
  answers({"train", "--input=x"}, "did you mean --dataset?");
  answers({"train", "--lr=1"}, "did you mean --learning_rate?");
  answers({"train", "--steps", "3"}, "did you mean --max_iters?");
  answers({"train", "--batch=3"}, "did you mean --batch_size?");
  answers({"train", "--hidden=3"}, "did you mean --n_embd?");
  answers({"train", "--layers=3"}, "did you mean --n_layer?");
  answers({"train", "--context=3"}, "did you mean --block_size?");
  answers({"train", "--model=x"}, "did you mean --init_from?");
  answers({"train", "--resume"}, "did you mean --init_from=resume?");
  answers({"finetune", "classify", "--steps=3"}, "did you mean --max_iters?");
  answers({"sample", "out", "--n=3"}, "did you mean --num_samples or --max_new_tokens?");
  answers({"sample", "out", "-n", "3"}, "unknown option -n; did you mean --num_samples");
  answers({"sample", "--model=out"}, "unknown option --model; give it as an argument: hewn sample [RUN]");
  answers({"sample", "out", "--input=x"}, "did you mean --prompt?");
  answers({"data", "prepare", "--input=x"}, "give it as an argument: hewn data prepare FILE...");
  answers({"generate"}, "unknown command 'generate'; did you mean `hewn sample`?");
  answers({"resume", "out"}, "did you mean `hewn train --init_from=resume`?");
  answers({"test"}, "did you mean `hewn eval`?");
  const TempDir dir;
  write_file(dir / "c.toml", "lr = 1\n");
  answers({"train", (dir / "c.toml").string()}, "c.toml:1:1: unknown key 'lr'; did you mean learning_rate?");
  CHECK_FAILS(hewn({"train", "none"}, {.env = {{"HEWN_LR", "1"}}}), 2,
              "HEWN_LR is not a key of train; did you mean learning_rate?");
}

TEST_CASE("an option has the same value by its name and its alias, from every source") {
  const TempDir dir;
  write_file(dir / "prompt.toml", "prompt = \"the f\"\n");
  write_file(dir / "start.toml", "start = \"the f\"\n");
  const auto sampled = [](std::vector<std::string> more, ProcessOptions options = {}) {
    std::vector<std::string> words{"sample", "lesson", "--temperature=0", "--max_new_tokens=3", "-q"};
    words.insert(words.end(), more.begin(), more.end());
    const ProcessResult r = hewn(words, std::move(options));
    INFO(r.err);
    CHECK(r.exit_code == 0);
    return r.out;
  };
  const std::string text = sampled({"--prompt=the f"});
  CHECK(text.starts_with("the f"));
  CHECK(sampled({"--start", "the f"}) == text);
  CHECK(sampled({}, {.env = {{"HEWN_PROMPT", "the f"}}}) == text);
  CHECK(sampled({}, {.env = {{"HEWN_START", "the f"}}}) == text);
  CHECK(sampled({(dir / "prompt.toml").string()}) == text);
  CHECK(sampled({(dir / "start.toml").string()}) == text);
  CHECK(sampled({"--start=a", "--prompt=the f"}) == text);
  CHECK_FAILS(hewn({"sample", "lesson", "--start="}), 2, "--start: the prompt is empty");
  CHECK(hewn({"trace", "lesson", "--prompt=the w", "--json"}).exit_code == 0);
  CHECK(hewn({"trace", "lesson", "--text=the w", "--json"}).exit_code == 0);
  const std::string help = hewn({"help", "sample"}).out;
  CHECK(contains(help, "--prompt=TEXT"));
  CHECK(contains(help, "also --start"));
  CHECK(!contains(help, "  --start="));
}

TEST_CASE("values are checked for type, range and choice") {
  CHECK_FAILS(hewn({"data", "corpus", "--tales=many"}), 2,
              "tales = 'many' is not a whole number; give 1 to 100000000");
  CHECK_FAILS(hewn({"data", "corpus", "--tales=3.5"}), 2, "not a whole number");
  CHECK_FAILS(hewn({"data", "corpus", "--tales=0"}), 2, "out of range");
  CHECK_FAILS(hewn({"data", "corpus", "--tales", "-4"}), 2, "out of range");
  CHECK_FAILS(hewn({"data", "corpus", "--tales="}), 2, "not a whole number");
  CHECK_FAILS(hewn({"data", "corpus", "--tales"}), 2, "--tales needs a value");
  CHECK_FAILS(hewn({"data", "corpus", "--tales=99999999999999999999"}), 2, "not a whole number");
  CHECK_FAILS(hewn({"bench", "kernels", "--dtype=f23"}), 2,
              "not one of f32, f64 or bf16; did you mean 'f32'?");
  CHECK_FAILS(hewn({"bench", "kernels", "--ladder=maybe"}), 2, "neither true nor false");
  CHECK_FAILS(hewn({"data", "corpus", "--color=pink"}), 2, "not one of auto, always or never");
}

TEST_CASE("a dash equals an underscore, and a value may be the next word") {
  const auto joined = hewn({"data", "corpus", "--tales=2", "--seed=5"});
  const auto apart = hewn({"data", "corpus", "--tales", "2", "--seed", "5"});
  CHECK(joined.exit_code == 0);
  CHECK(joined.out == apart.out);
  CHECK(joined.out != hewn({"data", "corpus", "--tales=2", "--seed=6"}).out);
  const auto twice = hewn({"data", "corpus", "--tales=9", "--tales=2", "--seed=5"});
  CHECK(twice.out == joined.out);
  const auto quiet = hewn({"-q", "data", "corpus", "--tales=2", "--seed=5"});
  CHECK(quiet.out == joined.out);
  CHECK(quiet.err.empty());
  CHECK(contains(joined.err, "nats per character"));
}

TEST_CASE("flags beat the environment, which beats the configuration, which beats the defaults") {
  const TempDir dir;
  write_file(dir / "two.toml", "tales = 2\nseed = 3\n");
  const std::string config = (dir / "two.toml").string();
  const auto lines = [](const ProcessResult& r) {
    INFO(r.err);
    CHECK(r.exit_code == 0);
    return std::count(r.out.begin(), r.out.end(), '\n');
  };
  const ProcessOptions three{.env = {{"HEWN_TALES", "3"}}};
  CHECK(lines(hewn({"data", "corpus", config})) == 2);
  CHECK(lines(hewn({"data", "corpus", config}, three)) == 3);
  CHECK(lines(hewn({"data", "corpus", config, "--tales=4"}, three)) == 4);
  CHECK(hewn({"data", "corpus", config}).out == hewn({"data", "corpus", "--tales=2", "--seed=3"}).out);
  CHECK_FAILS(hewn({"data", "corpus"}, {.env = {{"HEWN_TALES", "x"}}}), 2, "HEWN_TALES: tales = 'x'");
  CHECK_FAILS(hewn({"data", "corpus", "--tales=1"}, {.env = {{"HEWN_TALSE", "3"}}}), 0,
              "HEWN_TALSE is not a key of data corpus; did you mean 'tales'?");
}

TEST_CASE("mistakes in a configuration are reported with line and column") {
  const TempDir dir;
  const auto with = [&](const std::string& text) {
    write_file(dir / "c.toml", text);
    return hewn({"data", "corpus", (dir / "c.toml").string()});
  };
  CHECK_FAILS(with("seed = 1\n  tails = 3\n"), 2, "c.toml:2:3: unknown key 'tails'; did you mean 'tales'?");
  CHECK_FAILS(with("# comment\ntales = 0\n"), 2, "c.toml:2:1: tales = 0 is out of range");
  CHECK_FAILS(with("counters = true\n"), 2,
              "c.toml:1:1: 'counters' is a key of bench kernels, not of data corpus");
  CHECK_FAILS(with("tales = [1]\n"), 2, "c.toml:1:1: expected a number");
  CHECK_FAILS(with("[data]\ntales = 1\n"), 2, "c.toml:1:");
  CHECK_FAILS(with("quiet = true\n"), 2,
              "c.toml:1:1: quiet can only be given on the command line, as --quiet");
  CHECK_FAILS(with("tales = = 1\n"), 3, "c.toml:1:9: not TOML");
  CHECK_FAILS(with("tales = 1\ntales = 2\n"), 3, "c.toml:2:");
  CHECK_FAILS(hewn({"data", "corpus", (dir / "none.toml").string()}), 3, "none.toml");
  CHECK_FAILS(hewn({"data", "corpus", "a.toml", "b.toml"}), 3, "a.toml");
}

TEST_CASE("a run's configuration is read by commands that do not train") {
  if (left_out()) return;
  const TempDir dir;
  const std::string out = (dir / "run").string(), config = (dir / "run/config.toml").string();
  REQUIRE(hewn({"train", "--n_layer=1", "--n_head=2", "--n_embd=16", "--max_iters=0", "--decay_lr=false",
                "--out_dir=" + out})
              .exit_code == 0);
  const auto plan = hewn({"plan", config});
  INFO(plan.err);
  CHECK(plan.exit_code == 0);
  CHECK(hewn({"bench", "sample", config, "--max_new_tokens=2"}).exit_code == 0);
  write_file(config, "n_embd = 16\ncounters = true\n");
  CHECK_FAILS(hewn({"plan", config}), 2,
              "config.toml:2:1: 'counters' is a key of bench kernels, not of plan");
}

TEST_CASE("non-ASCII characters are accepted in a configuration's strings and comments") {
  const TempDir dir;
  const auto with = [&](const std::string& text) {
    write_file(dir / "c.toml", text);
    return hewn({"data", "corpus", (dir / "c.toml").string()});
  };
  const std::string good = "# \u00e9t\u00e9\ntales = 1\n";
  CHECK(with(good).exit_code == 0);
  CHECK(with("\xef\xbb\xbf" + good).exit_code == 0);  // a byte order mark is no character of the first line
  CHECK(with("# \u00e9\n  \"tales\" = 1 # \"\u00e9\"\n").exit_code == 0);
  CHECK_FAILS(with("tales = \"\u00e9\"\n"), 2, "c.toml:1:1: tales = '\u00e9'");
  CHECK_FAILS(with("tales = '\\\u00e9'\n"), 2, "c.toml:1:1: tales = '\\\u00e9'");  // there a backslash is one
  CHECK_FAILS(with("tales = \"\"\"\n\u00e9\"\"\"\"\"\n"), 2, "c.toml:1:1: tales = '\u00e9\"\"'");
  const std::string quote =
      "unsupported TOML: a quote that is neither first in its line nor right "
      "after `key =`";
  CHECK_FAILS(with(good + "tales = 1\"\u00e9\"\n"), 3, "c.toml:3: " + quote);
  CHECK_FAILS(with("tales\"\u00e9\" = 1\n"), 3, "c.toml:1: " + quote);
  CHECK_FAILS(with("tales = [\"\u00e9\"]\n"), 3, "c.toml:1: " + quote);
  CHECK_FAILS(with("tales = \"\"\"a\u00e9\"\"\" 'b'\n"), 3, "c.toml:1: " + quote);
  CHECK_FAILS(with("tales = 'a' 'b' # c\n"), 3,
              "c.toml:1:13: not TOML");  // of ASCII alone, the parser says so
  CHECK_FAILS(with("seed = 1\ntales = \u00e9\n"), 3,
              "c.toml:2: not TOML: a non-ASCII character outside of a string");
  CHECK_FAILS(with("tales = \"a\\\u00e9\"\n"), 3, "c.toml:1: not TOML: a non-ASCII character after \\");
  CHECK_FAILS(with("tales = \"\"\"a\\\n \u00e9\"\"\"\n"), 3, "a non-ASCII character after \\");
}

TEST_CASE("the version lists build, instruction set, threads and devices") {
  const auto r = hewn({"--version"});
  CHECK(r.exit_code == 0);
  for (const char* part : {"hewn 0.", "build", "isa", "threads", "cpu: usable", "cuda: not usable: "})
    CHECK(contains(r.out, part));
  CHECK(contains(hewn({"--version", "--json"}).out, "\"isa\": "));
  CHECK(contains(r.out, "compiled: " + compiled_names()));
  const std::string narrowest(name_of(compiled_isas[0]));
  CHECK(contains(hewn({"--version"}, {.env = {{"HEWN_ISA", narrowest}}}).out, "isa      " + narrowest));
  CHECK_FAILS(hewn({"--version"}, {.env = {{"HEWN_ISA", "mmx"}}}), 2, "HEWN_ISA=mmx is unknown");
}

TEST_CASE("help and version are commands and options alike") {
  const std::string version = hewn({"--version"}).out;
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"-V"}, {"version"}, {"train", "-V"}, {"-V", "train"}, {"-qV"}})
    CHECK(hewn(words).out == version);
  CHECK(hewn({"version", "--json"}).out == hewn({"--version", "--json"}).out);
  CHECK(hewn({"help"}).out == hewn({"--help"}).out);
  CHECK(hewn({"-h"}).out == hewn({"--help"}).out);
  CHECK(hewn({"help", "train"}).out == hewn({"train", "--help"}).out);
  CHECK(hewn({"help", "data", "prepare"}).out == hewn({"data", "prepare", "--help"}).out);
  CHECK(hewn({"help", "data"}).out == hewn({"data", "--help"}).out);
  CHECK_FAILS(hewn({"help", "trian"}), 2,
              "no help for 'trian': there is no such command; did you mean 'train'?");
  CHECK_FAILS(hewn({"version", "1"}), 2, "version` takes no arguments");
  CHECK_FAILS(hewn({"--hlep"}), 2, "unknown option --hlep; did you mean 'help'?\nSee `hewn --help`.");
}

TEST_CASE("help uses the program name as it was called") {
  const TempDir dir;
  std::filesystem::create_directory(dir / "my bin");
  std::filesystem::create_symlink(hewn_program(), dir / "my bin/hewn");
  const auto r = run_program({"my bin/hewn", "trian"}, {.directory = dir.path().string()});
  CHECK_FAILS(r, 2, "See `'my bin/hewn' --help` for all commands.");
  CHECK(contains(run_program({"my bin/hewn"}, {.directory = dir.path().string()}).out,
                 "\n  'my bin/hewn' train\n"));
  const std::string help =
      run_program({"my bin/hewn", "help", "train"}, {.directory = dir.path().string()}).out;
  CHECK(contains(help, "Usage: 'my bin/hewn' train "));
  CHECK(contains(help, "\n  'my bin/hewn' train --dataset"));
  CHECK_FALSE(contains(help, "\n  hewn"));
}

// What an option does, then its default, then its range.
TEST_CASE("help shows defaults, ranges and the meaning of false") {
  const std::string help = hewn({"train", "--help=all"}, {.env = {{"COLUMNS", "100"}}}).out;
  CHECK(contains(help, "default: 12; 1 or more)"));
  CHECK(contains(help, "default: 8; 1 to 4096)"));
  CHECK(contains(help, "default: false)"));
  CHECK_FALSE(contains(help, "e+0"));
  CHECK(contains(hewn({"completion", "markdown"}).out, "0 or more"));
  CHECK_FALSE(contains(hewn({"completion", "markdown"}).out, "e+07"));
  // The meaning of a special value is in the same parentheses.
  const std::string manual = hewn({"completion", "man"}).out;
  CHECK(contains(manual, "most likely tokens (default: 0; 0 or more; 0: all)."));
  CHECK(contains(manual, "sum to this (default: 1; more than 0 to 1; 1: all)."));
  CHECK_FALSE(contains(manual, ") (default: 0;"));
  size_t switches = 0;
  for (size_t at = 0; (at = help.find("=true|false ", at)) != help.npos; ++at, ++switches)
    CHECK(contains(help.substr(at + 12, help.find("\n  -", at) - at), "false:"));
  CHECK(switches >= 4);
}

TEST_CASE("help fits a narrow terminal") {
  for (const std::string columns : {"40", "59", "80"}) {
    const std::string help = hewn({"train", "--help=all"}, {.env = {{"COLUMNS", columns}}}).out;
    const std::string text = help.substr(0, help.find("\nExamples"));  // commands are whole, to be copied
    size_t broken = 0;
    for (size_t at = 0, end; at < text.size(); at = end + 1) {
      end = std::min(text.find('\n', at), text.size());
      const std::string line = text.substr(at, end - at);
      broken += line.size() > std::stoul(columns) && line.find(' ', line.find_first_not_of(' ')) != line.npos;
      const bool text_beside_term = line.starts_with("  --") && contains(line.substr(2), "  ");
      CHECK(text_beside_term <= (columns == "80"));
    }
    CHECK(broken == 0);
  }
}

TEST_CASE("HEWN_THREADS sets the number of threads, else the first value of OMP_NUM_THREADS") {
  const auto threads = [](const std::string& omp, const std::string& ours) {
    return hewn({"--version"}, {.env = {{"OMP_NUM_THREADS", omp}, {"HEWN_THREADS", ours}}}).out;
  };
  CHECK(contains(threads("3", ""), ", 3 threads"));
  CHECK(contains(threads("3,2", ""), ", 3 threads"));
  CHECK(contains(threads("3 , 2", ""), ", 3 threads"));
  CHECK(contains(threads("3,2", "5"), ", 5 threads"));
  for (const char* wrong : {"none", "0", "3;2", "-1"})
    CHECK_FAILS(hewn({"--version"}, {.env = {{"OMP_NUM_THREADS", wrong}}}), 2,
                "a whole number from 1 to 1024");
}

TEST_CASE("OpenMP's own settings do not change the number of threads") {
  const auto plain = hewn({"--version"}, {.unset_env = {"OMP_NUM_THREADS"}});
  const auto bound = hewn({"--version"}, {.env = {{"OMP_PROC_BIND", "true"}, {"OMP_PLACES", "cores"}},
                                          .unset_env = {"OMP_NUM_THREADS"}});
  CHECK(plain.out == bound.out);
}

// Processor time, as other programs may be using the processors.
TEST_CASE("help starts in under 20 ms") {
  const auto of_children = [] {
    rusage used{};
    getrusage(RUSAGE_CHILDREN, &used);
    const auto seconds = [](const timeval& t) {
      return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
    };
    return seconds(used.ru_utime) + seconds(used.ru_stime);
  };
  double best = 1;
  for (int i = 0; i < 20; ++i) {
    const double before = of_children();
    CHECK(hewn({"--help"}).exit_code == 0);
    best = std::min(best, of_children() - before);
  }
  if (sanitizers().empty()) CHECK(best < 0.020);  // which make a program several times slower
}

}  // namespace hewn::test
