// Names of files that are hard to handle: the system refuses them, or they are not UTF-8.

#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "tests/apps/small_run.h"

namespace hewn::test {
namespace {

namespace fs = std::filesystem;
constexpr int failed = static_cast<int>(ErrorCode::failed), input = static_cast<int>(ErrorCode::input),
              usage = static_cast<int>(ErrorCode::usage);

struct Attempt {
  int status;
  std::vector<std::string> words;
};

/// Commands with this path as what they read (3), and as what they write (1). `dir` has a run and a text.
std::vector<Attempt> attempts_with(const std::string& path, const TempDir& dir) {
  const std::string run = (dir / "run").string(), text = (dir / "text.txt").string(),
                    rows = (dir / "rows.csv").string(), out = "--out_dir=" + (dir / "new").string(),
                    out_file = "--out=" + (dir / "new").string();
  return {
      {input, {"info", path}},
      {input, {"import", path, out_file}},
      {input, {"import", run + "/checkpoints/last/model.safetensors", "--tokenizer=" + path, out_file}},
      {failed, {"import", run + "/checkpoints/last/model.safetensors", "--out=" + path}},
      {input, {"train", "--dataset=" + path, out}},
      {input, {"train", "--dataset=" + text, "--val=" + path, out}},
      {input, {"train", "--dataset=" + text, "--tokenizer=" + path, out}},
      {input, {"train", "--dataset=" + text, "--init_from=" + path, out}},
      {input, {"train", path + ".toml"}},
      {failed, {"train", "--dataset=" + text, "--n_layer=1", "--out_dir=" + path}},
      {input, {"tokenizer", "train", path, out_file}},
      {failed, {"tokenizer", "train", text, "--out=" + path}},
      {input, {"tokenizer", "encode", "--tokenizer=" + path, "a"}},
      {input, {"verify", path}},
      {input, {"sample", path}},
      {input, {"sample", run, "--adapter=" + path}},
      {input, {"chat", path}},
      {input, {"eval", path}},
      {input, {"eval", run, "--tasks=" + path}},
      {input, {"export", path, "--format=safetensors", out_file}},
      {failed, {"export", run, "--format=safetensors", "--out=" + path}},
      {input, {"data", "prepare", path, out}},
      {failed, {"data", "prepare", text, "--out_dir=" + path}},
      {input, {"data", "stats", path}},
      {input, {"finetune", "classify", "--init_from=" + path, "--data=" + rows, out}},
      {input, {"finetune", "classify", "--init_from=" + run, "--data=" + path, out}},
      {input, {"finetune", "instruct", "--init_from=" + run, "--data=" + rows, "--template=" + path, out}},
      {input, {"merge", path, out_file}},
      {input, {"plan", path}},
      {input, {"trace", path, "--text=a"}},
      {input, {"gradcheck", path}},
      {input, {"report", path}},
      {input, {"sweep", "--grid=n_layer=1,2", "--dataset=" + text, "--out_dir=" + path}},
      {input, {"sweep", "--grid=dataset=" + text + "," + path, out}},
  };
}

void check_refused(const std::string& path, const TempDir& dir, const std::string& reason,
                   const ProcessOptions& options = {}) {
  CHECK_FAILS(hewn({"train", "--init_from=resume", "--out_dir=" + path}, options), input, path);
  for (const Attempt& attempt : attempts_with(path, dir)) {
    std::string called;
    for (const std::string& word : attempt.words) called += word + " ";
    INFO(called);
    const auto result = hewn(attempt.words, options);
    CHECK_FAILS(result, attempt.status, path);
    CHECK_FALSE(contains(result.err, "internal error"));
    CHECK(contains(result.err, reason));
    CHECK_FALSE(fs::exists(dir / "new/checkpoints"));
  }
}

/// A directory with text.txt, rows.csv and a run, open to all users.
struct Trained {
  TempDir dir;

  Trained() {
    REQUIRE(hewn(small_train(dir, {"--tokenizer=byte", "--max_iters=1"})).exit_code == 0);
    std::string rows = "text,label\n";
    for (int i = 0; i < 20; ++i) rows += i % 2 ? "a bird,animal\n" : "a tree,plant\n";
    write_file(dir / "rows.csv", rows);
    fs::permissions(dir.path(), fs::perms::all);
  }
  std::string at(const std::string& name) const { return (dir / name).string(); }
};

/// A GGUF file with one tensor, whose names and a value are not UTF-8.
std::string odd_gguf() {
  std::string bytes = "GGUF";
  const auto number = [&](uint64_t value, size_t size) {
    for (size_t i = 0; i < size; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xFF);
  };
  const auto text = [&](const std::string& value) {
    number(value.size(), 8);
    bytes += value;
  };
  number(3, 4), number(1, 8), number(1, 8);               // version, tensors, keys
  text("odd.k\xFFy"), number(8, 4), text("v\xFE");        // 8: a text
  text("ten\xFFsor"), number(1, 4), number(1, 8);         // one dimension, of 1
  number(0, 4), number(0, 8);                             // f32, at offset 0
  bytes.append((32 - bytes.size() % 32) % 32 + 4, '\0');  // aligned data
  return bytes;
}

}  // namespace

TEST_CASE("a name that is too long is refused by name, with the reason") {
  const Trained trained;
  check_refused(trained.at(std::string(300, 'x')), trained.dir, "File name too long");
}

TEST_CASE("a loop of links is refused by name, with the reason") {
  const Trained trained;
  fs::create_symlink("loop", trained.dir / "loop");
  check_refused(trained.at("loop/below"), trained.dir, "Too many levels of symbolic links");
}

TEST_CASE("a path below a directory that may not be entered is refused by name, with the reason") {
  const Trained trained;
  const fs::path locked = trained.dir / "locked";
  fs::create_directory(locked);
  write_file(locked / "file", small_text);
  fs::permissions(locked, fs::perms::none);
  const ProcessOptions options{.user = 65534};  // root may enter every directory
  if (const auto runs = hewn({"--version"}, options); runs.exit_code != 0)
    return skip("another user than root cannot run " + hewn_program().string());
  check_refused((locked / "file").string(), trained.dir, "Permission denied", options);
  fs::permissions(locked, fs::perms::owner_all);
}

TEST_CASE("what a run would note must be UTF-8, and is refused before any work") {
  const Trained trained;
  const std::string odd = trained.at("odd\xFFname"), shown = "odd\\xffname";
  fs::copy(trained.at("run"), odd, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  write_file(odd + "/text.txt", read_file(trained.dir / "text.txt"));
  fs::copy(trained.at("rows.csv"), odd + "/rows.csv");
  const std::string text = "--dataset=" + trained.at("text.txt"), out = "--out_dir=" + trained.at("new"),
                    odd_text = odd + "/text.txt";
  const std::vector<std::string> lora{"train", text, "--train=lora", "--init_from=" + odd, out};
  for (const auto& [key, words] : std::vector<std::pair<std::string, std::vector<std::string>>>{
           {"out_dir", {"train", text, "--n_layer=1", "--out_dir=" + odd + "2"}},
           {"dataset", {"train", "--dataset=" + odd_text, "--n_layer=1", out}},
           {"val", {"train", text, "--val=" + odd_text, "--n_layer=1", out}},
           {"tokenizer", {"train", text, "--tokenizer=" + odd + "/tokenizer.json", "--n_layer=1", out}},
           {"init_from", lora},
           {"out_dir", {"data", "prepare", trained.at("text.txt"), "--out_dir=" + odd + "2"}},
           {"out_dir", {"sweep", "--grid=n_layer=1,2", text, "--out_dir=" + odd + "2"}},
           {"dataset", {"sweep", "--grid=n_layer=1,2", "--dataset=" + odd_text, out}},
           {"dataset", {"sweep", "--grid=dataset=" + trained.at("text.txt") + "," + odd_text, out}},
           {"init_from", {"sweep", "--grid=n_layer=1,2", text, "--init_from=" + odd, out}},
           {"init_from",
            {"finetune", "classify", "--init_from=" + odd, "--data=" + trained.at("rows.csv"), out}},
           {"data",
            {"finetune", "classify", "--init_from=" + trained.at("run"), "--data=" + odd + "/rows.csv", out}},
           {"out_dir",
            {"finetune", "classify", "--init_from=" + trained.at("run"), "--data=" + trained.at("rows.csv"),
             "--out_dir=" + odd + "2"}}}) {
    INFO(key << " of " << words[0]);
    const auto result = hewn(words);
    CHECK_FAILS(result, usage, key + " = '");
    CHECK(contains(result.err, shown));
    CHECK(contains(result.err, "is not UTF-8"));
    CHECK_FALSE(fs::exists(trained.at("new")));
    CHECK_FALSE(fs::exists(odd + "2"));
  }
}

TEST_CASE("names that are not UTF-8 are shown, and replaced in JSON") {
  const Trained trained;
  const std::string odd = trained.at("odd\xFFrun"), replaced = "odd\xEF\xBF\xBDrun";
  write_file(trained.dir / "odd.gguf", odd_gguf());
  const auto about = hewn({"info", trained.at("odd.gguf"), "--json"});
  INFO(about.err);
  REQUIRE(about.exit_code == 0);
  CHECK(contains(about.out, "\"odd.k\xEF\xBF\xBDy\": \"v\xEF\xBF\xBD\""));
  CHECK(contains(about.out, "\"ten\xEF\xBF\xBDsor\""));
  CHECK(nlohmann::json::accept(about.out));
  CHECK(hewn({"info", trained.at("odd.gguf")}).exit_code == 0);

  // An imported run notes no path, so it can be read under any name.
  const auto imported = hewn({"import", trained.at("run/checkpoints/last/model.safetensors"), "--json",
                              "--tokenizer=" + trained.at("run/tokenizer.json"), "--out=" + odd});
  INFO(imported.err);
  REQUIRE(imported.exit_code == 0);
  CHECK(contains(imported.out, replaced));
  for (const auto& words : std::vector<std::vector<std::string>>{
           {"info", odd, "--json"},
           {"verify", odd},
           {"sample", odd, "--max_new_tokens=2", "--json"},
           {"eval", odd, "--dataset=" + trained.at("text.txt"), "--json"},
           {"tokenizer", "encode", "--tokenizer=" + odd, "a"},
           {"data", "stats", trained.at("text.txt"), "--json"},
           {"export", odd, "--format=safetensors", "--out=" + odd + ".safetensors", "--json"}}) {
    const auto result = hewn(words);
    INFO(words[0] << ": " << result.err);
    CHECK(result.exit_code == 0);
    if (words.back() == "--json") CHECK(nlohmann::json::accept(result.out));
  }
}

}  // namespace hewn::test
