// Training goes on with characters that a run has never seen: new rows of the vocabulary, in runs and adapters.

#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "model/weights/safetensors/safetensors.h"
#include "tests/apps/small_run.h"

namespace hewn::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// A run on a text in small letters, `dir`/run, and a text with characters that it has never seen: "7", "Ü", "é", the
/// last of which is only in the part for validation.
struct Book {
  TempDir dir;
  std::string base = path("run"), other = path("other.txt");
  int64_t known = 0;

  explicit Book(const std::vector<std::string>& more = {}) {
    std::vector<std::string> keys{"--max_iters=3", "--eval_interval=3"};
    keys.insert(keys.end(), more.begin(), more.end());
    const auto trained = hewn(small_train(dir, keys));
    INFO(trained.err);
    REQUIRE(trained.exit_code == 0);
    std::string text;
    for (int i = 0; i < 20; ++i) text += "the \u00dc7 sat on a 77 mat.\n";
    write_file(other, text + "caf\u00e9 in the sea.\n");
    known = std::ssize(vocabulary(base));
  }

  std::string path(const std::string& name) const { return (dir / name).string(); }
  static json vocabulary(const std::string& run) {
    return json::parse(read_file(run + "/tokenizer.json"))["vocab"];
  }
  ProcessResult train(const std::string& run, std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"train", "--init_from=" + base, "--dataset=" + other, "--out_dir=" + path(run),
                               "--batch_size=4", "--max_iters=4", "--threads=1", "--eval_interval=2",
                               "--eval_iters=1", "--learning_rate=0.01", "--warmup_iters=0"});
    return hewn(more);
  }
  std::string file(const std::string& run, const std::string& name, const std::string& at = "last") const {
    return path(run) + "/checkpoints/" + at + "/" + name;
  }
  /// The checkpoint of 2 + 2 steps has the bits of the one of 4.
  void check_resumed(const std::string& run, const std::string& weights,
                     std::vector<std::string> keys) const {
    keys.insert(keys.end(), {"--max_iters=2", "--lr_decay_iters=4"});
    CHECK_FAILS(train(run + "-halves", keys), 0, "");
    CHECK_FAILS(hewn({"train", "--init_from=resume", "--out_dir=" + path(run + "-halves"), "--max_iters=4",
                      "--threads=2"}),
                0, "resume");
    for (const std::string& name : {weights, std::string("optimizer.safetensors")})
      CHECK(read_file(file(run, name)) == read_file(file(run + "-halves", name)));
  }
};

std::vector<float> values(const SafetensorsFile& file, const std::string& name) {
  const TensorEntry& entry = file.at(name);
  REQUIRE(entry.dtype == DType::f32);
  std::vector<float> all(entry.bytes / sizeof(float));
  std::memcpy(all.data(), entry.data, entry.bytes);
  return all;
}

/// The first values of a table in one file are those of the table in another.
bool begins_with(const std::vector<float>& longer, const std::vector<float>& shorter) {
  return longer.size() > shorter.size() &&
         std::memcmp(longer.data(), shorter.data(), shorter.size() * sizeof(float)) == 0;
}

std::vector<float> behind(const std::vector<float>& all, const std::vector<float>& first) {
  return {all.begin() + static_cast<std::ptrdiff_t>(first.size()), all.end()};
}

const std::string wte = "transformer.wte.weight", new_rows = wte + ".new_rows";

}  // namespace

TEST_CASE("new characters get rows at the end of the vocabulary, tied or not") {
  const std::string tie = GENERATE("true", "false");
  const Book book({"--tie=" + tie});
  const auto trained = book.train("more");
  CHECK_FAILS(trained, 0, "3 characters are new to the model and added to its vocabulary: \"7\u00dc\u00e9\"");
  const json old = Book::vocabulary(book.base), now = Book::vocabulary(book.path("more"));
  REQUIRE(std::ssize(now) == book.known + 3);
  CHECK(std::equal(old.begin(), old.end(), now.begin()));
  CHECK(json(std::vector<json>(now.end() - 3, now.end())) == json{"7", "\u00dc", "\u00e9"});
  // At step 0, the old rows have their values, and the new ones those of a fresh model.
  const SafetensorsFile before(book.file("run", "model.safetensors")),
      start(book.file("more", "model.safetensors", "step-000000")),
      end(book.file("more", "model.safetensors"));
  for (const std::string& name : {wte, std::string("lm_head.weight")}) {
    if (!before.find(name)) continue;
    const std::vector<float> first = values(before, name), fresh = behind(values(start, name), first);
    CHECK(begins_with(values(start, name), first));
    CHECK(fresh.size() == 3 * 16);
    for (const float value : fresh) CHECK((std::abs(value) > 0 && std::abs(value) < 0.2));
    CHECK(behind(values(end, name), first) != fresh);
  }
  CHECK((before.find("lm_head.weight") == nullptr) == (tie == "true"));
  CHECK(SafetensorsFile(book.file("more", "optimizer.safetensors")).at("m." + wte).shape ==
        std::vector<int64_t>{book.known + 3, 16});
  book.check_resumed("more", "model.safetensors", {});
  // All that reads a run.
  CHECK_FAILS(hewn({"sample", book.path("more"), "--start=caf\u00e9 77", "--max_new_tokens=3"}), 0, "");
  CHECK_FAILS(hewn({"sample", book.base, "--start=caf\u00e9", "--max_new_tokens=3"}), 3, "unknown character");
  CHECK_FAILS(hewn({"eval", book.path("more")}), 0, "");
  CHECK_FAILS(hewn({"verify", book.path("more")}), 0, "");
  CHECK_FAILS(hewn({"export", book.path("more"), "--format=hf", "--out=" + book.path("hf")}), 0, "");
  CHECK_FAILS(hewn({"sample", book.path("hf"), "--start=\u00dc", "--max_new_tokens=3"}), 0, "");
}

TEST_CASE("unknown characters are left out, replaced or refused as the key says, and the run keeps that") {
  const Book book;
  CHECK_FAILS(book.train("error", {"--unknown=error"}), 3, "unknown character \"\u00dc\" (U+00DC) at byte 4");
  CHECK_FAILS(book.train("drop", {"--unknown=drop"}), 0, "new to the model and left out: \"7\u00dc\u00e9\"");
  CHECK(Book::vocabulary(book.path("drop")) == Book::vocabulary(book.base));
  CHECK_FAILS(hewn({"sample", book.path("drop"), "--start=a 7 \u00dc", "--max_new_tokens=3"}), 0, "");
  CHECK_FAILS(hewn({"train", "--init_from=resume", "--out_dir=" + book.path("drop"), "--max_iters=5"}), 0,
              "");
  CHECK_FAILS(hewn({"train", "--init_from=resume", "--out_dir=" + book.path("drop"), "--unknown=add"}), 2,
              "a resumed run cannot change it");
  CHECK_FAILS(book.train("replace", {"--unknown=replace"}), 2, "neither U+FFFD nor '?'");
  CHECK(!fs::exists(book.path("replace")));
  // A vocabulary with '?' has a replacement.
  write_file(book.other, "is the cat here? " + std::string(small_text) + small_text);
  CHECK_FAILS(book.train("asks"), 0, "1 character is new to the model and added");
  write_file(book.other, std::string(small_text) + "7 \u00dc. " + small_text);
  CHECK_FAILS(book.train("replace", {"--unknown=replace", "--init_from=" + book.path("asks")}), 0,
              "2 characters are new to the model and replaced by ?: \"7\u00dc\"");
  CHECK_FAILS(hewn({"sample", book.path("replace"), "--start=a 7?", "--max_new_tokens=3"}), 0, "");
  // Token files of the run go with a text whose characters come behind theirs, also when that is resumed.
  CHECK_FAILS(hewn({"data", "prepare", (book.dir / "text.txt").string(), "--out_dir=" + book.path("tokens"),
                    "--tokenizer=" + book.base + "/tokenizer.json"}),
              0, "");
  CHECK_FAILS(book.train("both", {"--dataset=" + book.path("tokens") + ":1," + book.other + ":1"}), 0,
              "2 characters are new");
  CHECK_FAILS(hewn({"train", "--init_from=resume", "--out_dir=" + book.path("both"), "--max_iters=5"}), 0,
              "resume");
  // Where the key has no effect.
  CHECK_FAILS(hewn(small_train(book.dir, {"--out_dir=" + book.path("x"), "--unknown=drop"})), 2,
              "--unknown: has no effect: without init_from");
  REQUIRE(
      hewn(small_train(book.dir, {"--out_dir=" + book.path("bytes"), "--tokenizer=byte", "--max_iters=1"}))
          .exit_code == 0);
  CHECK_FAILS(book.train("x", {"--init_from=" + book.path("bytes"), "--unknown=drop"}), 2,
              "the tokenizer of the model is of kind byte and accepts any text");
}

TEST_CASE("rows of new characters train beside adapters and are saved in them") {
  const std::string tie = GENERATE("true", "false");
  const Book book({"--tie=" + tie});
  const std::vector<std::string> lora{"--train=lora", "--lora_rank=2"};
  CHECK_FAILS(book.train("tuned", lora), 0, "train (lora)");
  const SafetensorsFile before(book.file("run", "model.safetensors")),
      adapter(book.file("tuned", "adapter_model.safetensors")),
      start(book.file("tuned", "adapter_model.safetensors", "step-000000"));
  for (const std::string& name : {wte, std::string("lm_head.weight")}) {
    const std::string saved = "base_model.model." + name;
    CHECK((adapter.find(saved) != nullptr) == (before.find(name) != nullptr));
    if (!before.find(name)) continue;
    const std::vector<float> first = values(before, name), trained = values(adapter, saved);
    CHECK(begins_with(trained, first));
    CHECK(behind(trained, first).size() == 3 * 16);
    CHECK(behind(trained, first) != behind(values(start, saved), first));
  }
  const SafetensorsFile moments(book.file("tuned", "optimizer.safetensors"));
  CHECK(moments.find("m." + wte) == nullptr);
  CHECK(moments.at("m." + new_rows).shape == std::vector<int64_t>{3, 16});
  book.check_resumed("tuned", "adapter_model.safetensors", lora);
  CHECK_FAILS(hewn({"verify", book.path("tuned"), "--merged"}), 0, "");
  if (tie == "false") return;  // what follows is the same
  CHECK_FAILS(hewn({"plan", book.path("tuned"), "--device=cuda"}), 0, "");
  CHECK_FAILS(hewn({"trace", book.path("tuned"), "--watch=" + new_rows + "[2,0]", "--iters=1"}), 0, "");

  // Merged, and as an adapter of the base, whose tokenizer has fewer tokens.
  const auto loss = [&](const std::vector<std::string>& of) {
    std::vector<std::string> words{"eval", "--val=" + book.other, "--json"};
    words.insert(words.end(), of.begin(), of.end());
    const auto r = hewn(words);
    INFO(r.err);
    REQUIRE(r.exit_code == 0);
    return json::parse(r.out)["loss"].get<double>();
  };
  CHECK_FAILS(hewn({"merge", book.path("tuned"), "--out=" + book.path("merged")}), 0, "");
  CHECK_FAILS(hewn({"merge", book.base, "--adapter=" + book.path("tuned"), "--out=" + book.path("same")}), 0,
              "");
  const double expected = loss({book.path("tuned")});
  CHECK(loss({book.path("merged")}) == Approx(expected).epsilon(1e-6));
  CHECK(loss({book.path("same")}) == Approx(expected).epsilon(1e-6));
  CHECK(loss({book.base, "--adapter=" + book.path("tuned")}) == Approx(expected).epsilon(1e-6));
  CHECK_FAILS(hewn({"export", book.path("tuned"), "--format=hf", "--out=" + book.path("hf")}), 0, "");
  CHECK(loss({book.path("hf")}) == Approx(expected).epsilon(1e-5));

  // An adapter with other tokens does not go with it; one of the merged run does.
  write_file(book.other, std::string("xyz: \u00e6, 99 \u00d8. ") + small_text + small_text);
  CHECK_FAILS(book.train("other", lora), 0, "");
  CHECK_FAILS(
      hewn({"sample", book.base, "--adapter=" + book.path("tuned"), "--adapter=" + book.path("other")}), 3,
      "");
  std::vector<std::string> again = lora;
  again.push_back("--init_from=" + book.path("tuned"));
  CHECK_FAILS(book.train("again", again), 0, "characters are new to the model");
  CHECK_FAILS(hewn({"sample", book.path("again"), "--start=\u00e6\u00e9", "--max_new_tokens=2"}), 0, "");
}

TEST_CASE("rows of new characters train also where the embeddings do not") {
  const std::string what = GENERATE("last:1", "head");
  const Book book({"--tie=false"});
  CHECK_FAILS(book.train("part", {"--train=" + what}), 0, "");
  const SafetensorsFile before(book.file("run", "model.safetensors")),
      after(book.file("part", "model.safetensors")),
      start(book.file("part", "model.safetensors", "step-000000"));
  const std::vector<float> first = values(before, wte);
  CHECK(begins_with(values(after, wte), first));
  CHECK(behind(values(after, wte), first) != behind(values(start, wte), first));
  CHECK(!begins_with(values(after, "lm_head.weight"), values(before, "lm_head.weight")));
  CHECK(after.find(new_rows) == nullptr);
  book.check_resumed("part", "model.safetensors", {"--train=" + what});
  CHECK_FAILS(hewn({"eval", book.path("part")}), 0, "");
}

TEST_CASE("models other than the transformer get new rows, too") {
  for (const char* arch : {"bigram", "bigram_linear", "lstm"}) {
    INFO(arch);
    const Book book({join("--arch=", arch), "--n_head=1"});
    CHECK_FAILS(book.train("more"), 0, "3 characters are new");
    CHECK_FAILS(hewn({"sample", book.path("more"), "--start=7\u00e9", "--max_new_tokens=2"}), 0, "");
    const std::string table = std::string(arch) == "bigram" ? "table.weight" : "wte.weight";
    const SafetensorsFile before(book.file("run", "model.safetensors")),
        start(book.file("more", "model.safetensors", "step-000000"));
    const std::vector<float> old = values(before, table), now = values(start, table);
    const auto from = static_cast<size_t>(before.at(table).shape[1]),
               to = static_cast<size_t>(start.at(table).shape[1]);
    for (size_t row = 0; row < static_cast<size_t>(book.known); ++row)
      CHECK(std::memcmp(&old[row * from], &now[row * to], from * sizeof(float)) == 0);
  }
}

}  // namespace hewn::test
