// hewn tokenizer: learn, encode, decode, compare.

#include <nlohmann/json.hpp>

#include "tests/apps/hewn.h"

namespace hewn::test {

TEST_CASE("text is encoded and decoded back") {
  const TempDir dir;
  const std::string text = "a naïve cat,\nor two: 12 € ☺\n";
  write_file(dir / "text.txt", text);
  for (const std::string kind : {"char", "byte", "word", "bpe"}) {
    INFO(kind);
    const std::string file = (dir / (kind + ".json")).string();
    const auto trained =
        hewn({"tokenizer", "train", (dir / "text.txt").string(), "--tokenizer=" + kind, "--out=" + file});
    CHECK_FAILS(trained, 0, "wrote " + file);
    const auto ids = hewn({"tokenizer", "encode", "--tokenizer=" + file}, {.input = text});
    CHECK(ids.exit_code == 0);
    const auto back = hewn({"tokenizer", "decode", "--tokenizer=" + file}, {.input = ids.out});
    CHECK(back.out == text);
    const auto json = hewn({"tokenizer", "encode", "--json", "--tokenizer=" + file, "cat"});
    CHECK(json.out.front() == '[');
  }
}

TEST_CASE("a model is trained on words and punctuation") {
  const TempDir dir;
  std::string text;
  for (int i = 0; i < 100; ++i) text += "Once upon a time, there was a fox -- and it ran.\n";
  write_file(dir / "text.txt", text);
  const std::string file = (dir / "text.txt").string(), run = (dir / "run").string();
  CHECK_FAILS(hewn({"train", "--dataset=" + file, "--tokenizer=regex", "--n_layer=1", "--n_head=1",
                    "--n_embd=8", "--block_size=8", "--max_iters=2", "--out_dir=" + run}),
              0, "done after step 2");
  CHECK(hewn({"tokenizer", "decode", "--tokenizer=" + run}, {.input = "2 3\n"}).exit_code == 0);
  const auto ids = hewn({"tokenizer", "encode", "--tokenizer=" + run, "a fox, and a dog."});
  CHECK(hewn({"tokenizer", "decode", "--tokenizer=" + run}, {.input = ids.out}).out ==
        "a fox, and a <|unk|>.");
  const auto sample = hewn({"sample", run, "--start=Once upon", "--max_new_tokens=1", "--temperature=0"});
  CHECK(sample.exit_code == 0);
  CHECK(sample.out.starts_with("Once upon"));
}

TEST_CASE("a vocabulary in GPT-2's form prepares and encodes text") {
  if (left_out()) return;
  const std::filesystem::path vocabulary = source_dir() / "tests/fixtures/bpe/encoder.json";
  const json pieces = json::parse(read_file(vocabulary));
  const TempDir dir;
  const std::string tokenizer = "--tokenizer=" + vocabulary.string(), out = (dir / "data").string();
  const auto id_of = [&](const char* piece) { return std::to_string(pieces.at(piece).get<int>()); };
  const std::string fox = id_of("\u0120fox"), end = id_of("<|endoftext|>");
  CHECK(hewn({"tokenizer", "encode", tokenizer, " fox fox"}).out == fox + " " + fox + "\n");
  CHECK(hewn({"tokenizer", "decode", tokenizer, fox, fox}).out == " fox fox");
  const auto special = [&](const char* how) {
    return hewn({"tokenizer", "encode", tokenizer, std::string("--special=") + how, " fox<|endoftext|>"});
  };
  CHECK(special("allow").out == fox + " " + end + "\n");
  CHECK(special("text").out == hewn({"tokenizer", "encode", tokenizer, " fox<|endoftext|>"}).out);
  CHECK_FAILS(special("refuse"), 3, "special token <|endoftext|> at byte 4");
  std::string text;
  for (int i = 0; i < 200; ++i) text += "Once upon a time, there was a fox.\n";
  write_file(dir / "text.txt", text);
  CHECK_FAILS(hewn({"data", "prepare", (dir / "text.txt").string(), tokenizer, "--out_dir=" + out}), 0,
              std::to_string(pieces.size()));
  CHECK(hewn({"tokenizer", "encode", "--tokenizer=" + out, " fox fox"}).out == fox + " " + fox + "\n");

  const std::string run = (dir / "run").string(), text_file = (dir / "text.txt").string();
  const std::vector<std::string> train = {
      "train",      "--dataset=" + text_file, tokenizer,       "--n_layer=1",     "--n_head=1",
      "--n_embd=8", "--block_size=8",         "--max_iters=2", "--out_dir=" + run};
  CHECK_FAILS(hewn(train), 0, "done after step 2");
  CHECK_FAILS(hewn({"train", "--init_from=resume", "--max_iters=3", "--out_dir=" + run}), 0,
              "done after step 3");
  CHECK_FAILS(hewn({"train", "--init_from=resume", "--max_iters=4", "--tokenizer=char", "--out_dir=" + run}),
              2, "a resumed run cannot change it");
}

TEST_CASE("errors of tokenizer commands have the right status") {
  const TempDir dir;
  write_file(dir / "text.txt", "abc\n");
  write_file(dir / "empty.txt", "");
  write_file(dir / "bytes.txt", "a\xff");
  const std::string text = (dir / "text.txt").string(), file = (dir / "t.json").string();
  const auto train = [&](const std::string& name) {
    return hewn({"tokenizer", "train", (dir / name).string(), "--out=" + file});
  };
  CHECK_FAILS(hewn({"tokenizer", "train"}), 2, "no text was given");
  CHECK_FAILS(train("missing.txt"), 3, "missing.txt");
  CHECK_FAILS(train("empty.txt"), 3, "no text");
  CHECK_FAILS(train("bytes.txt"), 3, "UTF-8");
  CHECK_FAILS(train("text.txt"), 0, "wrote");
  CHECK_FAILS(train("text.txt"), 2, "exists; replace it with --force");
  CHECK_FAILS(hewn({"tokenizer", "train", text, "--out=/no/such/place.json"}), 1, "/no/such/place.json");
  CHECK_FAILS(hewn({"tokenizer", "encode", "abc"}), 2, "no tokenizer was given");
  CHECK_FAILS(hewn({"tokenizer", "encode", "--tokenizer=" + file, "abz"}), 3, "z");
  CHECK_FAILS(hewn({"tokenizer", "encode", "--tokenizer=" + text, "a"}), 3, "text.txt");
  write_file(dir / "encoder.json", "{}");
  CHECK_FAILS(hewn({"tokenizer", "encode", "--tokenizer=" + (dir / "encoder.json").string(), "a"}), 3,
              "vocab.bpe");
  CHECK_FAILS(hewn({"tokenizer", "train", text, "--tokenizer=bpe", "--vocab_size=9",
                    "--out=" + (dir / "u.json").string()}),
              2, "at least 257");
  CHECK_FAILS(hewn({"tokenizer", "encode", "--tokenizer=" + dir.path().string(), "a"}), 3,
              "no tokenizer.json");
  CHECK_FAILS(hewn({"tokenizer", "decode", "--tokenizer=" + file, "1", "x"}), 3, "'x' is not a token id");
  CHECK_FAILS(hewn({"tokenizer", "decode", "--tokenizer=" + file, "99"}), 3, "99");
  CHECK_FAILS(hewn({"tokenizer", "compare", (dir / "empty.txt").string()}), 3, "empty");
}

TEST_CASE("tokenizers are compared on one text") {
  const TempDir dir;
  write_file(dir / "text.txt", "one two two\n");
  const std::string text = (dir / "text.txt").string(), words = (dir / "words.json").string();
  const auto r = hewn({"tokenizer", "compare", text});
  CHECK(r.exit_code == 0);
  for (const char* kind : {"char", "byte", "word", "regex", "bpe"}) CHECK(contains(r.out, kind));
  CHECK(contains(r.out, "\nregex\none| two| two\\n\n"));
  CHECK(contains(hewn({"tokenizer", "compare", text, "--color=always"}).out, "\033[30;46mone\033[0m"));

  REQUIRE(hewn({"tokenizer", "train", text, "--type=word", "--out=" + words}).exit_code == 0);
  const auto json = nlohmann::json::parse(hewn({"tokenizer", "compare", words, "byte", text, "--json"}).out);
  REQUIRE(json.size() == 2);
  CHECK(json[0]["tokenizer"] == words);
  CHECK(json[0]["kind"] == "word");
  CHECK(json[0]["tokens"] == 6);
  CHECK(json[0]["bytes_per_token"] == 2.0);
  CHECK(json[0]["megabytes_per_second"] > 0);
  CHECK(json[0]["pieces"][2] == nlohmann::json{{"id", 2}, {"text", "two"}});
  CHECK(json[1]["tokens"] == 12);

  const auto typed = hewn({"tokenizer", "compare", "byte", "--text=a\té", "--pieces=3"});
  CHECK(contains(typed.out, "\nbyte\na|\\t|\\xc3| ...\n"));
  CHECK_FALSE(contains(hewn({"tokenizer", "compare", "byte", "--text=a", "--pieces=0"}).out, "\nbyte\na"));
  CHECK_FAILS(hewn({"tokenizer", "compare"}), 2, "no text was given");
  CHECK_FAILS(hewn({"tokenizer", "compare", words, "--text=three"}), 0, "");
  CHECK_FAILS(hewn({"tokenizer", "compare", (dir / "none.json").string(), text}), 3, "none.json");
  CHECK_FAILS(hewn({"tokenizer", "compare", "regex", "--text= "}), 3, "no token occurs");
}

}  // namespace hewn::test
