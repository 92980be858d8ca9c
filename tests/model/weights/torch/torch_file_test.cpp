// Files of torch.save: what PyTorch wrote is read, and nothing of it is executed.

#include "model/weights/torch/torch_file.h"

#include <cstring>

#include "model/weights/torch/zip.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/errors.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

using test::fails;

const std::filesystem::path torch_files = test::source_dir() / "tests/files/torch";

template <class T>
std::string le(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string u16(size_t v) { return le(static_cast<uint16_t>(v)); }
std::string u32(size_t v) { return le(static_cast<uint32_t>(v)); }

struct StoredFile {
  std::string name, bytes;
  uint16_t flags = 0, method = 0;
};

/// A zip archive without zip64, and its parts to damage.
struct ZipBytes {
  std::string files, directory;
  size_t count = 0;
  explicit ZipBytes(const std::vector<StoredFile>& stored) : count(stored.size()) {
    for (const StoredFile& f : stored) {
      const std::string sizes = u32(0) + u32(f.bytes.size()) + u32(f.bytes.size()) + u16(f.name.size());
      directory += "PK\1\2" + u16(20) + u16(20) + u16(f.flags) + u16(f.method) + u32(0) + sizes + u16(0) +
                   u16(0) + u16(0) + u16(0) + u32(0) + u32(files.size()) + f.name;
      files += "PK\3\4" + u16(20) + u16(f.flags) + u16(f.method) + u32(0) + sizes + u16(0) + f.name + f.bytes;
    }
  }
  std::string whole(const std::string& comment = "") const {
    return files + directory + "PK\5\6" + u16(0) + u16(0) + u16(count) + u16(count) + u32(directory.size()) +
           u32(files.size()) + u16(comment.size()) + comment;
  }
};

/// A pickle's pieces: protocol 2, one tensor called "w" of the storage "0".
std::string text(const std::string& s) { return "X" + u32(s.size()) + s; }
std::string number(int32_t v) { return "J" + le(v); }
std::string numbers(const std::vector<int32_t>& values) {
  std::string all = "(";
  for (const int32_t v : values) all += number(v);
  return all + "t";
}
std::string tensor(const std::string& offset, const std::string& shape, const std::string& strides,
                   const std::string& storage = "FloatStorage", const std::string& key = "0") {
  return "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + "ctorch\n" + storage + "\n" + text(key) +
         text("cpu") + number(4) + "tQ" + offset + shape + strides + "\x89" +
         "ccollections\nOrderedDict\n)RtR";
}
std::string dict_of(const std::string& value) { return "\x80\x02}" + text("w") + value + "s."; }

/// The file that holds this pickle and a storage of four floats.
std::string archive_of(const std::string& pickle) {
  const std::string values = le(1.0f) + le(2.0f) + le(3.0f) + le(4.0f);
  return ZipBytes({{"a/data.pkl", pickle}, {"a/data/0", values}}).whole();
}

class TorchOpener {
 public:
  std::unique_ptr<TorchFile> operator()(const std::string& bytes) const {
    test::write_file(dir_ / "model.pt", bytes);
    return std::make_unique<TorchFile>((dir_ / "model.pt").string());
  }
  test::Failure refused(const std::string& bytes, const std::string& part) const {
    return fails(ErrorCode::input, {"model.pt", part}, [&] { (*this)(bytes); });
  }
  test::Failure pickle_refused(const std::string& pickle, const std::string& part) const {
    return refused(archive_of(pickle), part);
  }

 private:
  test::TempDir dir_;
};

template <class T>
std::vector<T> values_in(const TorchFile& file, const std::string& name) {
  const TensorEntry* entry = file.find(name);
  REQUIRE(entry);
  REQUIRE(entry->dtype == dtype_of<T>);
  std::vector<T> values(entry->bytes / sizeof(T));
  if (!values.empty()) std::memcpy(values.data(), entry->data, entry->bytes);
  return values;
}

}  // namespace

TEST_CASE("tensors of every type, ordered views and plain values are read as PyTorch wrote them", "[torch]") {
  const TorchFile file((torch_files / "types.pt").string());
  CHECK(values_in<float>(file, "rows") == std::vector<float>{4, 5, 6, 7, 8, 9, 10, 11});
  CHECK(file.find("rows")->shape == std::vector<int64_t>{2, 4});
  CHECK(values_in<float>(file, "same").size() == 12);
  CHECK(values_in<float>(file, "scalar") == std::vector<float>{7.5});
  CHECK(file.find("scalar")->shape.empty());
  CHECK(file.find("empty")->shape == std::vector<int64_t>{0, 3});
  CHECK(values_in<double>(file, "f64") == std::vector<double>{1.5, -2.5});
  CHECK(static_cast<float>(values_in<Float16>(file, "f16")[1]) == -2);
  CHECK(static_cast<float>(values_in<BFloat16>(file, "bf16")[1]) == -4);
  CHECK(values_in<int64_t>(file, "i64") == std::vector<int64_t>{int64_t{1} << 40});
  CHECK(values_in<int32_t>(file, "i32") == std::vector<int32_t>{-5});
  CHECK(values_in<int8_t>(file, "i8") == std::vector<int8_t>{-6});
  CHECK(values_in<uint8_t>(file, "u8") == std::vector<uint8_t>{200});
  CHECK(values_in<float>(file, "one_row") == std::vector<float>{0});
  CHECK(values_in<float>(file, "parameter") == std::vector<float>{8});
  CHECK_FALSE(file.find("i16"));
  CHECK_FALSE(file.find("bool"));
  CHECK(file.root().at("epoch").integer() == 3);
  const std::string strided = (torch_files / "strided.pt").string();
  CHECK(fails(ErrorCode::input, {strided, "\"turned\"", "strided view", "contiguous"},
              [&] { TorchFile{strided}; }));
}

TEST_CASE("a training checkpoint: the state dict under \"model\" and settings as values are read",
          "[torch]") {
  const TorchFile file((torch_files / "ckpt.pt").string());
  int tensors = 0;
  file.each([&](const TensorEntry& entry) {
    CHECK(entry.name.starts_with("_orig_mod."));
    ++tensors;
  });
  CHECK(tensors == 18);
  const PickleValue config = file.root().at("config");
  CHECK(config.at("dataset").text() == "five");
  CHECK(config.at("lr").real() == 1e-3);
  CHECK(config.at("big").integer() == int64_t{1} << 40);
  CHECK(config.at("negative").integer() == -1);
  CHECK(config.at("none").kind() == PickleKind::none);
  CHECK(config.at("betas").item(1).real() == 0.95);
  CHECK(file.root().at("optimizer").at("param_groups").item(0).at("amsgrad").boolean() == false);
  CHECK(file.root().at("best_val_loss").kind() == PickleKind::tensor);
  CHECK(fails(ErrorCode::input, {"a tuple where a string is expected"}, [&] { config.at("betas").text(); }));
  CHECK(fails(ErrorCode::input, {"of 2 items; expected an item 2"}, [&] { config.at("betas").item(2); }));
  CHECK(fails(ErrorCode::input, {"no entry \"absent\""}, [&] { config.at("absent"); }));
}

TEST_CASE("pickles that would execute code are refused by name", "[torch]") {
  const TorchOpener open;
  const std::string good = tensor(number(0), numbers({2, 2}), numbers({2, 1}));
  CHECK(values_in<float>(*open(archive_of(dict_of(good))), "w") == std::vector<float>{1, 2, 3, 4});
  const auto pickle = [](const std::string& code) { return "\x80\x02" + code; };
  CHECK(open.pickle_refused(pickle("cos\nsystem\n" + text("echo") + "\x85R."), "\"os.system\""));
  CHECK(open.pickle_refused("\x80\x04" + text("builtins") + text("eval") + "\x93.", "\"builtins.eval\""));
  CHECK(open.pickle_refused(pickle("ctorch\n_utils._rebuild_tensor_v2\n)R."), "with 0 values"));
  CHECK(open.pickle_refused(pickle("ctorch\nFloatStorage\n)R."), "calls torch.FloatStorage"));
  CHECK(open.pickle_refused(pickle(")\x81."), "instruction 0x81"));
  CHECK(open.pickle_refused(pickle("(ios\nsystem\n."), "instruction 0x69"));
  CHECK(open.pickle_refused(pickle("K\1NR."), "where a type is expected"));
  CHECK(open.pickle_refused(pickle("K\1}b."), "where a dict is expected"));
  CHECK(open.pickle_refused("K\1.", "protocol"));
  CHECK(open.pickle_refused("\x80\x06.", "protocol 6"));
  CHECK(open.pickle_refused(pickle("."), "takes a value where the stack has none"));
  CHECK(open.pickle_refused(pickle("NN."), "more than one value"));
  CHECK(open.pickle_refused(pickle("N(."), "takes a value where the stack has none"));
  CHECK(open.pickle_refused(pickle("t."), "mark"));
  CHECK(open.pickle_refused(pickle("N"), "the pickle ends"));
  CHECK(open.pickle_refused(pickle("X\xff\xff\xff\xff."), "the pickle ends"));
  CHECK(open.pickle_refused(pickle("\x8d\xff\xff\xff\xff\xff\xff\xff\xff."), "the pickle ends"));
  CHECK(open.pickle_refused(pickle("\x95\xff\xff\xff\xff\xff\xff\xff\xff."), "bytes follow"));
  CHECK(open.pickle_refused(pickle("\x8a\x09"
                                   "123456789."),
                            "9 bytes"));
  CHECK(open.pickle_refused(pickle("h\x05."), "never stored"));
  CHECK(open.pickle_refused(pickle("Nr\xff\xff\xff\xff."), "numbers a value"));
  CHECK(open.pickle_refused(pickle("}(Nu."), "a key without a value"));
  CHECK(open.pickle_refused(pickle("]NNs."), "a list where a dict"));
  CHECK(open.pickle_refused(pickle("(K\1tQ."), "not the storage"));
  CHECK(open.pickle_refused(pickle(std::string(1'000'001, 'N')), "more than 1000000 instructions"));
  CHECK(open.pickle_refused(pickle("]."), "a list; expected a dict"));
  // A list that holds itself, and nesting without end, are values like others.
  CHECK(open(archive_of(pickle("}" + text("l") + "]q\1h\1as.")))->root().at("l").item(0).item(0).size() == 1);
  std::string nested = "}" + text("deep");
  for (int i = 0; i < 200'000; ++i) nested += "]";
  for (int i = 1; i < 200'000; ++i) nested += "a";
  CHECK_NOTHROW(open(archive_of(pickle(nested + "s."))));
}

TEST_CASE("types named by strings, as in protocol 4, are read", "[torch]") {
  const TorchOpener open;
  const std::string ordered = text("collections") + text("OrderedDict") + "\x93)R";
  const std::string pickle = "\x80\x04" + ordered + text("epoch") + number(3) + "s.";
  CHECK(open(archive_of(pickle))->root().at("epoch").integer() == 3);
  CHECK(open.pickle_refused("\x80\x04" + text("collections") + number(1) + "\x93.",
                            "an integer where a string is expected"));
}

TEST_CASE("tensors outside their storage are refused by name", "[torch]") {
  const TorchOpener open;
  const auto refused = [&](const std::string& code, const std::string& part) {
    return open.pickle_refused(dict_of(code), part);
  };
  const std::string zero = number(0);
  CHECK(refused(tensor(zero, numbers({5}), numbers({1})), "\"w\""));
  CHECK(refused(tensor(zero, numbers({5}), numbers({1})), "5 values from number 0 on"));
  CHECK(refused(tensor(number(3), numbers({2}), numbers({1})), "2 values from number 3 on"));
  CHECK(refused(tensor(number(-1), numbers({2}), numbers({1})), "from number -1"));
  CHECK(refused(tensor(number(0x7fffffff), numbers({2}), numbers({1})), "from number 2147483647"));
  CHECK(refused(tensor(zero, numbers({2, 2}), numbers({1, 2})), "strided view"));
  CHECK(refused(tensor(zero, numbers({1000}), numbers({0})), "strided view"));
  CHECK(refused(tensor(zero, numbers({2, 2}), numbers({1})), "2 sizes and 1 strides"));
  CHECK(refused(tensor(zero, numbers({-2}), numbers({1})), "the size or stride -2"));
  CHECK(refused(tensor(zero, numbers({1, 1, 1, 1, 1, 1, 1, 1, 1}), ")"), "at most 8"));
  CHECK(refused(tensor(zero, "N", ")"), "tuples"));
  const std::string huge = "(\x8a\x08" + le(int64_t{1} << 62) + number(4) + "t";
  const std::string strides = "(" + number(4) + number(1) + "t";
  CHECK(refused(tensor(zero, huge, strides), "is too large"));
  CHECK(refused(tensor(zero, numbers({2}), numbers({1}), "FloatStorage", "7"), "no file \"a/data/7\""));
  CHECK(refused(tensor(zero, numbers({2}), numbers({1}), "OrderedDict"), "torch.OrderedDict"));
  const std::string twice = text("w") + tensor(zero, ")", ")");
  CHECK(open.pickle_refused("\x80\x02}(" + twice + twice + "u.", "w"));
  const std::string untitled = number(1) + tensor(zero, ")", ")");
  CHECK(open.pickle_refused("\x80\x02}(" + untitled + "u.", "where a string is expected"));
}

TEST_CASE("archives that are damaged, compressed or not of torch.save are refused", "[torch]") {
  const TorchOpener open;
  const std::string good = dict_of("N");
  CHECK_NOTHROW(open(ZipBytes({{"a/data.pkl", good}}).whole("a comment")));
  CHECK(open.refused("", "does not end like a zip archive"));
  CHECK(open.refused(good, "bare pickle"));
  CHECK(open.refused(ZipBytes({}).whole(), "no data.pkl"));
  CHECK(open.refused(ZipBytes({{"a/b/data.pkl", good}}).whole(), "no data.pkl"));
  CHECK(open.refused(ZipBytes({{"a/data.pkl", good, 0, 8}}).whole(), "compressed (method 8)"));
  CHECK(open.refused(ZipBytes({{"a/data.pkl", good, 1, 0}}).whole(), "encrypted"));
  CHECK(open.refused(ZipBytes({{"a/data.pkl", good}, {"a/data.pkl", good}}).whole(), "two files named"));
  CHECK(open.refused(ZipBytes({{"a/data.pkl", good}, {"a/byteorder", "big"}}).whole(), "byte order \"big\""));
  ZipBytes zip({{"a/data.pkl", good}, {"a/data/0", "1234"}});
  const std::string whole = zip.whole();
  zip.count = 60000;
  CHECK(open.refused(zip.whole(), "does not fit"));
  zip = ZipBytes({{"a/data.pkl", good}, {"a/data/0", "1234"}});
  zip.directory[20] = 127;  // sizes of the first file
  zip.directory[24] = 127;
  CHECK(open.refused(zip.whole(), "\"a/data.pkl\""));
  const size_t second = 46 + 10 + 46 - 4;  // where the second file begins
  zip = ZipBytes({{"a/data.pkl", good}, {"a/data/0", "1234"}});
  zip.directory[second] = static_cast<char>(zip.directory[second] + 1);
  CHECK(open.refused(zip.whole(), "no header at byte"));
  const std::string inner = ZipBytes(std::vector<StoredFile>{{"b", "x"}}).files;
  ZipBytes overlapping({{"a/data.pkl", inner}, {"b", "x"}});
  overlapping.directory[second] = 40;  // inside the first file's bytes
  CHECK(open.refused(overlapping.whole(), "overlap"));
}

TEST_CASE("a checkpoint cut short or with flipped bytes is refused or read without a crash", "[torch]") {
  if (test::left_out()) return;
  test::Random random("torch flips");
  const TorchOpener open;
  const std::string bytes = test::read_file(torch_files / "types.pt");
  for (size_t size = 0; size < bytes.size(); size += 1 + size / 50) {
    INFO(size);
    REQUIRE(test::error_of([&] { open(bytes.substr(0, size)); }));
  }
  for (int round = test::repeats(3'000, 20'000); round > 0; --round) {
    std::string broken = bytes;
    for (int64_t flips = random.integer(1, 4); flips > 0; --flips)
      broken[static_cast<size_t>(random.integer(0, static_cast<int64_t>(bytes.size()) - 1))] =
          static_cast<char>(random.bits());
    const auto error = test::error_of([&] {
      open(broken)->each([](const TensorEntry& entry) {  // every byte it speaks of can be touched
        const std::string copy(static_cast<const char*>(entry.data), entry.bytes);
        REQUIRE(copy.size() == entry.bytes);
      });
    });
    if (error) REQUIRE(error->code() == ErrorCode::input);
  }
}

}  // namespace hewn
