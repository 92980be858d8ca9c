// hewn data prepare, stats, corpus.

#include "tests/apps/hewn.h"

namespace hewn::test {

TEST_CASE("text is prepared and described") {
  const TempDir dir;
  const std::string text = (dir / "tales.txt").string(), made = (dir / "made").string();
  write_file(text, hewn({"data", "corpus", "--tales=60"}).out);
  CHECK_FAILS(hewn({"data", "prepare", text, "--out_dir=" + made}), 0, "hewn train --dataset=" + made);
  const auto of_text = hewn({"data", "stats", text, "--json"}),
             of_made = hewn({"data", "stats", made, "--json"});
  CHECK(contains(of_text.out, "\"documents\": 60"));
  CHECK(contains(of_made.out, "\"documents\": 60"));
  CHECK(contains(of_text.out, "\"lines\": 60"));
  CHECK_FAILS(hewn({"data", "prepare", text, "--out_dir=" + made}), 1, "already exists");
  CHECK_FAILS(hewn({"data", "prepare", text, "--out_dir=" + made, "--force"}), 0, "next:");
}

TEST_CASE("the size of a learned vocabulary can be chosen") {
  const TempDir dir;
  const std::string text = (dir / "tales.txt").string(), data = (dir / "data").string();
  write_file(text, hewn({"data", "corpus", "--tales=60"}).out);
  const auto vocabulary = [&](const std::string& tokenizer, const std::string& vocab_size) {
    const auto r = hewn({"data", "prepare", text, "--out_dir=" + data, "--tokenizer=" + tokenizer,
                         "--vocab_size=" + vocab_size, "--force", "--json"});
    INFO(r.err);
    return r.exit_code == 0 && contains(r.out, "\"vocab_size\": " + vocab_size + ",");
  };
  const std::string plain = (dir / "plain.txt").string();
  write_file(plain, "one two three four five six seven eight nine ten\n");
  CHECK_FAILS(hewn({"data", "prepare", plain, "--out_dir=" + data, "--tokenizer=regex", "--vocab_size=9"}), 0,
              "vocabulary of 9");
  CHECK(vocabulary("word", "20"));
  CHECK(vocabulary("bpe", "270"));
  CHECK_FAILS(hewn({"data", "prepare", text, "--out_dir=" + data, "--vocab_size=20", "--force"}), 2,
              "vocab_size does not apply to the char tokenizer, only to word, regex and bpe; leave it out");

  const auto train = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = {"train",       "--n_layer=1",    "--n_head=1",     "--n_embd=8",
                                          "--threads=1", "--batch_size=2", "--eval_iters=1", "--max_iters=1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return hewn(arguments);
  };
  const std::string run = (dir / "run").string(), other = "--out_dir=" + (dir / "other").string();
  CHECK_FAILS(train({"--dataset=" + text, "--out_dir=" + run, "--tokenizer=bpe", "--vocab_size=270"}), 0,
              "vocabulary of 270");
  // Where the vocabulary is what it is, another size is refused, not overlooked.
  CHECK_FAILS(train({"--dataset=" + data, other, "--vocab_size=300"}), 2,
              "tokenizer.json is a trained tokenizer with 270 tokens");
  CHECK_FAILS(hewn({"train", "--init_from=resume", "--out_dir=" + run, "--vocab_size=300"}), 2,
              "vocab_size = 300, but the run in");
  CHECK_FAILS(hewn({"train", "--init_from=" + run, other, "--vocab_size=300"}), 2, "leave vocab_size out");
  CHECK_FAILS(hewn({"train", "--init_from=resume", "--out_dir=" + run, "--max_iters=2"}), 0, "step 2");
}

TEST_CASE("data in shards trains like data in one file") {
  if (left_out()) return;
  const TempDir dir;
  const std::string text = (dir / "tales.txt").string(), one = (dir / "one").string(),
                    shards = (dir / "shards").string();
  write_file(text, hewn({"data", "corpus", "--tales=60"}).out);
  CHECK_FAILS(hewn({"data", "prepare", text, "--out_dir=" + one}), 0, "tokens for training, ");
  CHECK_FAILS(hewn({"data", "prepare", text, "--out_dir=" + shards, "--shard_tokens=1000"}), 0,
              " tokens for training in ");
  CHECK(contains(
      hewn({"data", "prepare", text, "--out_dir=" + shards, "--shard_tokens=1000", "--force", "--json"}).out,
      "\"val_files\": 1,"));
  CHECK(hewn({"data", "stats", shards, "--json"}).out == hewn({"data", "stats", one, "--json"}).out);
  CHECK_FAILS(hewn({"data", "prepare", text, "--out_dir=" + shards}), 1, "train-000.bin: already exists");
  CHECK_FAILS(hewn({"data", "prepare", text, "--out_dir=" + shards, "--shard_tokens=-1"}), 2, "shard_tokens");

  const std::string about = hewn({"info", shards, "--json"}).out;
  CHECK(contains(about, "train-*.bin"));
  CHECK(contains(about, "\"shards\": "));
  CHECK(contains(hewn({"info", shards + "/train-001.bin", "--json"}).out, "\"shard\": 1,"));
  CHECK(contains(hewn({"verify", shards}).out, "intact"));

  const auto weights = [&](const std::string& data, const std::string& run) {
    const auto r = hewn({"train", "--dataset=" + data, "--out_dir=" + (dir / run).string(), "--n_layer=1",
                         "--n_head=1", "--n_embd=8", "--block_size=160", "--batch_size=2", "--eval_iters=1",
                         "--max_iters=3", "--threads=1"});
    INFO(r.err);
    CHECK(r.exit_code == 0);
    return read_file(dir / run / "checkpoints/last/model.safetensors");
  };
  CHECK((weights(shards, "of_shards") == weights(one, "of_one")));

  std::filesystem::remove(shards + "/train-001.bin");
  CHECK_FAILS(hewn({"train", "--dataset=" + shards, "--out_dir=" + (dir / "none").string()}), 3,
              shards + "/train-001.bin");
  const auto damaged = hewn({"verify", shards});
  CHECK(damaged.exit_code == 5);
  CHECK(contains(damaged.out, shards + "/train-001.bin: "));
}

TEST_CASE("bad data is reported by name with status 3") {
  const TempDir dir;
  const std::string out = "--out_dir=" + (dir / "out").string();
  write_file(dir / "empty.txt", "");
  write_file(dir / "bytes.txt", "abc\xff\xfe");
  CHECK_FAILS(hewn({"data", "prepare"}), 2, "no text was given");
  CHECK_FAILS(hewn({"data", "stats"}), 2, "no data was given");
  CHECK_FAILS(hewn({"data", "prepare", (dir / "none.txt").string(), out}), 3, "none.txt");
  CHECK_FAILS(hewn({"data", "prepare", (dir / "empty.txt").string(), out}), 3, "empty.txt");
  CHECK_FAILS(hewn({"data", "prepare", (dir / "bytes.txt").string(), out}), 3, "bytes.txt");
  CHECK_FAILS(hewn({"data", "stats", dir.path().string()}), 3, dir.path().string());
  CHECK_FALSE(std::filesystem::exists(dir / "out/train.bin"));
}

}  // namespace hewn::test
