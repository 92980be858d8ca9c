// OpenAI's directories of GPT-2: a small one, written by TensorFlow, and damaged ones.

#include "model/weights/tensorflow/tensorflow.h"

#include <cstring>
#include <nlohmann/json.hpp>

#include "kernels/devices/devices.h"
#include "model/weights/tensorflow/table.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

using nlohmann::json;
using test::fails;

const std::filesystem::path tensorflow_files = test::source_dir() / "tests/files/tensorflow";

std::string varint(uint64_t v) {
  std::string bytes;
  for (; v >= 128; v >>= 7) bytes += static_cast<char>(v | 128);
  return bytes + static_cast<char>(v);
}

std::string fixed32(uint32_t v) { return {reinterpret_cast<const char*>(&v), 4}; }

using Pairs = std::vector<std::pair<std::string, std::string>>;

/// A table as LevelDB writes it, a restart before every `interval` keys, a block of every `per_block`
/// entries.
struct TableBytes {
  std::string bytes;
  static std::string block(const Pairs& pairs, size_t interval) {
    std::string block, restarts, last;
    uint32_t count = 0;
    for (size_t i = 0; i < pairs.size(); ++i) {
      const auto& [key, value] = pairs[i];
      size_t shared = 0;
      if (i % interval == 0) {
        restarts += fixed32(static_cast<uint32_t>(block.size()));
        ++count;
      } else {
        while (shared < std::min(last.size(), key.size()) && last[shared] == key[shared]) ++shared;
      }
      block +=
          varint(shared) + varint(key.size() - shared) + varint(value.size()) + key.substr(shared) + value;
      last = key;
    }
    return block + restarts + fixed32(count);
  }
  std::string append(const std::string& block, char kind = 0) {
    const std::string place = varint(bytes.size()) + varint(block.size());
    bytes += block + kind + fixed32(masked_crc32c(crc32c(block + kind)));
    return place;
  }
  std::string finish(const std::string& list) {
    std::string footer = append(block({}, 1)) + append(list);
    footer.resize(40);
    return bytes + footer + "\x57\xfb\x80\x8b\x24\x75\x47\xdb";
  }
};

std::string table_of(const Pairs& pairs, size_t per_block = 1000, size_t interval = 16, char kind = 0) {
  TableBytes table;
  Pairs blocks;
  for (size_t first = 0; first < pairs.size(); first += per_block) {
    const Pairs some(pairs.begin() + static_cast<std::ptrdiff_t>(first),
                     pairs.begin() + static_cast<std::ptrdiff_t>(std::min(first + per_block, pairs.size())));
    blocks.emplace_back(some.back().first, table.append(TableBytes::block(some, interval), kind));
  }
  return table.finish(TableBytes::block(blocks, 1));
}

std::string field(uint64_t number, const std::string& bytes) {
  return varint(number << 3 | 2) + varint(bytes.size()) + bytes;
}
std::string field(uint64_t number, uint64_t value) { return varint(number << 3) + varint(value); }

std::string entry(const std::vector<uint64_t>& shape, uint64_t offset, uint64_t size, uint64_t dtype = 1) {
  std::string dims;
  for (const uint64_t n : shape) dims += field(2, field(1, n));
  return field(1, dtype) + field(2, dims) + field(4, offset) + field(5, size);
}

const std::string header = field(1, uint64_t{1}) + field(3, field(1, uint64_t{1}));

test::Failure index_refused(const Pairs& pairs, const std::string& part) {
  const std::string bytes = table_of(pairs);
  return fails(ErrorCode::input, {part}, [&] { read_bundle_index(bytes); });
}

/// A directory of a checkpoint with these entries and 64 bytes of data.
struct Bundle {
  test::TempDir dir;
  explicit Bundle(const Pairs& tensors) {
    Pairs all{{"", header}};
    all.insert(all.end(), tensors.begin(), tensors.end());
    test::write_file(dir / "m.index", table_of(all));
    test::write_file(dir / "m.data-00000-of-00001", std::string(64, 'x'));
  }
  TensorflowCheckpoint open() const { return TensorflowCheckpoint((dir / "m").string()); }
  test::Failure refused(const std::string& part) const {
    return fails(ErrorCode::input, {"m.index", part}, [&] { open(); });
  }
};

void copy_tensorflow_files(const test::TempDir& to) {
  for (const auto& file : std::filesystem::directory_iterator(tensorflow_files))
    std::filesystem::copy_file(file.path(), to / file.path().filename().string());
}

}  // namespace

TEST_CASE("CRC-32C is that of RFC 3720", "[tensorflow]") {
  CHECK(crc32c("123456789") == 0xe3069283u);
  CHECK(crc32c(std::string(32, '\0')) == 0x8a9136aau);
  CHECK(crc32c(std::string(32, '\xff')) == 0x62a8ab43u);
  CHECK(crc32c("") == 0);
}

TEST_CASE("a directory in OpenAI's layout computes the same as the reference", "[tensorflow]") {
  const ForeignModel opened = open_foreign(tensorflow_files.string());
  CHECK(opened.config.n_layer == 2);
  CHECK(opened.config.block_size == 6);
  const json expected = json::parse(test::read_file(tensorflow_files / "expected.json"));
  REQUIRE(opened.tokenizer);
  CHECK(opened.tokenizer->encode(expected.at("text").get<std::string>()) ==
        expected.at("ids").get<std::vector<int32_t>>());
  CHECK(opened.tokenizer->specials().size() == 1);
  const auto model = load_foreign(opened, cpu(), DType::f64);
  const auto ids = expected.at("tokens").get<std::vector<int32_t>>();
  const NoGrad none;
  const Tensor tokens = Tensor::from(cpu(), ids, {1, static_cast<int64_t>(ids.size())});
  CHECK(test::close_by_norm(model->logits(tokens, {.last_only = true}).doubles(),
                            expected.at("last_logits").get<std::vector<double>>(), 1e-12));
}

TEST_CASE("the checksums of index and values are verified", "[tensorflow]") {
  test::Random random("tensorflow flips");
  const test::TempDir dir;
  const std::string index = test::read_file(tensorflow_files / "model.ckpt.index"),
                    data = test::read_file(tensorflow_files / "model.ckpt.data-00000-of-00001");
  CHECK(read_bundle_index(index).size() == 29);
  const auto flipped = [&](std::string bytes, size_t at) {
    bytes[at] = static_cast<char>(bytes[at] ^ 1 << random.integer(0, 7));
    return bytes;
  };
  // Between the blocks that hold entries lies an empty one which nothing reads.
  const size_t end_of_entries = 856, list = index.size() - 48 - 20, end_of_list = index.size() - 48;
  for (size_t at = 0; at < index.size(); ++at) {
    INFO(at);
    const std::string broken = flipped(index, at);
    const auto error = test::error_of([&] { read_bundle_index(broken); });
    const bool covered = at < end_of_entries || (at >= list && at < end_of_list);
    REQUIRE((error || !covered));
    if (error) REQUIRE(error->code() == ErrorCode::input);
  }
  for (size_t size = 0; size < index.size(); size += 7)
    REQUIRE(test::error_of([&] { read_bundle_index(std::string_view(index).substr(0, size)); }));

  const auto open = [&](const std::string& values) {
    test::write_file(dir / "m.index", index);
    test::write_file(dir / "m.data-00000-of-00001", values);
    return TensorflowCheckpoint((dir / "m").string());
  };
  open(data).verify();
  for (int round = 0; round < 50; ++round) {
    const auto at = static_cast<size_t>(random.integer(0, static_cast<int64_t>(data.size()) - 1));
    CHECK(fails(ErrorCode::input, {"m.data-00000-of-00001", "the checksum of tensor"},
                [&] { open(flipped(data, at)).verify(); }));
  }
  CHECK(fails(ErrorCode::input, {"but the data file has 6000; was it cut short?"},
              [&] { open(data.substr(0, 6000)); }));
}

TEST_CASE("tables of many blocks with shared key prefixes are read", "[tensorflow]") {
  Pairs pairs;
  for (int i = 1000; i < 1400; ++i)
    pairs.emplace_back("model/h" + std::to_string(i) + "/attn",
                       std::string(static_cast<size_t>(i % 300), 'v'));
  for (const size_t per_block : {size_t{1}, size_t{7}, size_t{1000}}) {
    const std::string bytes = table_of(pairs, per_block, 5);
    const auto read = read_table(bytes);
    REQUIRE(read.size() == pairs.size());
    for (size_t i = 0; i < read.size(); ++i) {
      CHECK(read[i].key == pairs[i].first);
      CHECK(read[i].value == pairs[i].second);
    }
  }
  CHECK(read_table(table_of({})).empty());
}

TEST_CASE("a table has at most 65536 entries", "[tensorflow]") {
  Pairs pairs;
  for (int i = 0; i < 65536; ++i) pairs.emplace_back(std::to_string(100000 + i), "");
  CHECK(read_table(table_of(pairs)).size() == 65536);
  pairs.emplace_back("2", "");
  const std::string longer = table_of(pairs);
  CHECK(fails(ErrorCode::input, {"more than 65536 entries"}, [&] { read_table(longer); }));
}

TEST_CASE("invalid tables are refused with the reason", "[tensorflow]") {
  const auto refused = [](const std::string& bytes, const std::string& part) {
    return fails(ErrorCode::input, {part}, [&] { read_table(bytes); });
  };
  CHECK(refused("", "too few"));
  CHECK(refused(std::string(100, 'x'), "does not end like a table"));
  CHECK(refused(table_of({{"b", ""}, {"a", ""}}), "\"a\" is not sorted after \"b\""));
  CHECK(refused(table_of({{"a", ""}, {"a", ""}}, 1), "is not sorted after"));
  CHECK(refused(table_of({{std::string(513, 'k'), ""}}), "adds 513"));
  CHECK(refused(table_of({{"a", ""}}, 1, 1, 1), "compressed (kind 1)"));
  const auto list_of = [](const Pairs& places) {
    TableBytes table;
    table.append(TableBytes::block({{"a", "1"}}, 1));
    return table.finish(TableBytes::block(places, 1));
  };
  const std::string first = varint(0) + varint(13);
  CHECK(read_table(list_of({{"a", first}})).size() == 1);
  CHECK(refused(list_of({{"a", first}, {"b", first}}), "blocks overlap"));
  CHECK(refused(list_of({{"a", varint(0) + varint(1000)}}), "does not fit"));
  CHECK(refused(list_of({{"a", varint(~uint64_t{0}) + varint(13)}}), "does not fit"));
  CHECK(refused(list_of({{"a", varint(0) + varint(~uint64_t{0})}}), "does not fit"));
  CHECK(refused(list_of({{"a", std::string(11, '\xff')}}), "more than 64 bits"));
  CHECK(refused(list_of({{"a", ""}}), "a block's place ends"));
  CHECK(refused(list_of({{"a", varint(0) + varint(11)}}), "checksum is wrong"));
  const auto of_block = [](const std::string& block) {
    TableBytes table;
    const std::string place = table.append(block);
    return table.finish(TableBytes::block({{"z", place}}, 1));
  };
  CHECK(refused(of_block("abc"), "too short"));
  CHECK(refused(of_block(fixed32(1)), "claims to have 1 restarts"));
  CHECK(refused(of_block(fixed32(~0u)), "restarts"));
  CHECK(refused(of_block(varint(1) + varint(1) + varint(0) + "k" + fixed32(0)),
                "shares 1 bytes with the previous key, which has 0"));
  CHECK(refused(of_block(varint(0) + varint(9) + varint(0) + "k" + fixed32(0)), "the block ends"));
}

TEST_CASE("fields of the index that are not needed are passed over", "[tensorflow]") {
  const auto fixed = [](uint64_t number, uint64_t kind, size_t bytes) {
    return varint(number << 3 | kind) + std::string(bytes, '\7');  // 7 begins no field
  };
  const std::string sum = varint(6 << 3 | 5) + fixed32(0x12345678u);
  const std::string others = field(3, uint64_t{0}) + fixed(9, 1, 8) + field(10, "text") + fixed(11, 5, 4);
  const std::string index = table_of({{"", header}, {"w", others + entry({2}, 16, 8) + sum}});
  const std::vector<BundleEntry> tensors = read_bundle_index(index);
  REQUIRE(tensors.size() == 1);
  CHECK(tensors[0].name == "w");
  CHECK(tensors[0].shape == std::vector<int64_t>{2});
  CHECK(tensors[0].offset == 16);
  CHECK(tensors[0].size == 8);
  CHECK(tensors[0].checksum == 0x12345678u);
  CHECK(index_refused({{"", header}, {"w", entry({2}, 16, 8) + fixed(9, 1, 7)}}, "the entry ends"));
}

TEST_CASE("an index that refers to missing data is refused with the tensor's name", "[tensorflow]") {
  CHECK(index_refused({}, "no header"));
  CHECK(index_refused({{"w", entry({2}, 0, 8)}}, "no header"));
  CHECK(index_refused({{"", field(1, uint64_t{2})}}, "in 2 files"));
  CHECK(index_refused({{"", field(2, uint64_t{1})}}, "is big-endian"));
  CHECK(index_refused({{"", "\x0b"}}, "a field of the unknown kind 3"));
  CHECK(index_refused({{"", "\x0a\x7f"}}, "the header of the index ends"));
  const auto refused = [](const std::string& value, const std::string& part) {
    return index_refused({{"", header}, {"w", value}}, part);
  };
  CHECK(refused(entry({3}, 0, 8), "\"w\": its shape does not match its 8 bytes"));
  CHECK(refused(entry({uint64_t{1} << 62, 4}, 0, 0), "does not match its 0 bytes"));
  CHECK(refused(entry({~uint64_t{0}}, 0, 8), "the size -1"));
  CHECK(refused(entry(std::vector<uint64_t>(9, 1), 0, 4), "more than 8 dimensions"));
  CHECK(refused(entry({2}, 0, 8) + field(3, uint64_t{1}), "is in file 1"));
  CHECK(refused(entry({2}, 0, 8) + field(7, "slice"), "stored in slices"));
  CHECK(refused(field(2, field(3, uint64_t{1})), "is unknown"));

  CHECK(Bundle({{"a", entry({4, 4}, 0, 64)}}).open().find("a")->shape == std::vector<int64_t>{4, 4});
  CHECK(Bundle({{"a", entry({4}, 0, 16)}, {"b", entry({3}, 16, 3, 10)}}).open().find("b") == nullptr);
  CHECK(Bundle({{"a", entry({17}, 0, 68)}}).refused("\"a\" has 68 bytes at byte 0"));
  CHECK(Bundle({{"a", entry({1}, 61, 4)}}).refused("at byte 61"));
  CHECK(Bundle({{"a", entry({1}, ~uint64_t{0}, 4)}}).refused("but the data file has 64"));
  CHECK(Bundle({{"a", entry({4}, 0, 16)}, {"b", entry({4}, 12, 16)}}).refused("\"b\" overlaps"));
  CHECK(Bundle({{"b", entry({9}, 0, ~uint64_t{0}, 7)}}).refused("but the data file has 64"));
}

TEST_CASE("OpenAI's directory without its vocabulary is opened without a tokenizer", "[tensorflow]") {
  const test::TempDir dir;
  copy_tensorflow_files(dir);
  CHECK(open_foreign(dir.path().string()).tokenizer);
  std::filesystem::remove(dir / "encoder.json");
  const ForeignModel opened = open_foreign(dir.path().string());
  CHECK(opened.tokenizer == nullptr);
  CHECK(opened.no_tokenizer == "the directory has no encoder.json");
  CHECK_NOTHROW(load_foreign(opened, cpu()));
}

TEST_CASE("hparams.json that does not match the checkpoint is refused", "[tensorflow]") {
  const test::TempDir dir;
  copy_tensorflow_files(dir);
  const auto refused = [&](const json& change, std::initializer_list<std::string> parts) {
    json hparams = json::parse(test::read_file(tensorflow_files / "hparams.json"));
    hparams.update(change);
    test::write_file(dir / "hparams.json", hparams.dump());
    return fails(ErrorCode::input, parts, [&] { load_foreign(open_foreign(dir.path().string()), cpu()); });
  };
  CHECK(refused({{"n_head", 3}}, {"hparams.json", "n_head"}));
  CHECK(refused({{"n_layer", "two"}}, {"hparams.json"}));
  CHECK(refused({{"n_layer", 3}}, {"missing: model/h2/attn/c_attn/w"}));
  CHECK(refused({{"n_layer", 1}}, {"unknown: model/h1/attn/c_attn/b"}));
  CHECK(refused({{"n_vocab", 1 << 20}, {"n_embd", 1 << 20}}, {"model/wte is [260, 4]"}));
}

}  // namespace hewn
