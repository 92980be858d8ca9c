#include "train/data/data_set_files.h"

#include <atomic>
#include <filesystem>
#include <thread>

#include "core/error.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "train/data/data.h"

using namespace hewn;
using test::read_file;
using test::TempDir;
using test::write_file;
namespace fs = std::filesystem;

namespace {

std::string short_text(char letter) {
  return std::string(3, letter) + " and other words, in a text of one length.\n";
}

// A data set and, in "other", one of another text with files of the same sizes.
void prepare_two(const TempDir& dir) {
  for (const auto& [name, letter] : {std::pair("data", 'q'), std::pair("other", 'z')}) {
    const std::string text = (dir / name).string() + ".txt";
    write_file(text, short_text(letter));
    prepare_data({.dataset = text, .val_fraction = 0.5}, (dir / name).string());
  }
}

// What opening the directory says, "" if it is accepted; the same as `data_damage`.
std::string refusal_of(const std::string& directory) {
  std::string message;
  try {
    open_dataset({.dataset = directory});
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::input);
    message = error.what();
  }
  CHECK(data_damage(directory) == message);
  return message;
}

}  // namespace

TEST_CASE("files of two data sets are not mixed", "[data]") {
  const TempDir dir;
  const std::string data = (dir / "data").string();
  for (const std::string name : {"train.bin", "val.bin", "tokenizer.json", "MANIFEST"}) {
    INFO(name);
    fs::remove_all(data), fs::remove_all(dir / "other");
    prepare_two(dir);
    REQUIRE(refusal_of(data) == "");
    CHECK(fs::file_size(dir / "other" / name) == fs::file_size(dir / "data" / name));
    fs::copy_file(dir / "other" / name, dir / "data" / name, fs::copy_options::overwrite_existing);
    const std::string message = refusal_of(data);
    CHECK_THAT(message, Catch::Contains("another data set") && Catch::Contains("hewn data prepare --force"));
    CHECK_THAT(message, Catch::Contains(name == "MANIFEST" ? "MANIFEST" : data + "/" + name));
  }
}

TEST_CASE("a data set with a missing, shorter or additional file is refused by its name", "[data]") {
  const TempDir dir;
  const std::string data = (dir / "data").string();
  const auto damaged = [&](const std::string& name, const std::string& part, const auto& damage) {
    INFO(name << ": " << part);
    fs::remove_all(data), fs::remove_all(dir / "other");
    prepare_two(dir);
    damage();
    CHECK_THAT(refusal_of(data), Catch::Contains(data + "/" + name) && Catch::Contains(part) &&
                                     Catch::Contains("hewn data prepare --force"));
  };
  for (const std::string name : {"train.bin", "val.bin", "tokenizer.json"}) {
    const std::string path = data + "/" + name;
    damaged(name, "No such file", [&] { fs::remove(path); });
    damaged(name, " bytes, but", [&] { fs::resize_file(path, fs::file_size(path) - 1); });
    damaged(name, "does not list it", [&] {
      std::string list = read_file(data + "/MANIFEST");
      const size_t line = list.rfind('\n', list.find(name)) + 1;
      list.erase(line, list.find('\n', line) + 1 - line);
      write_file(data + "/MANIFEST",
                 list.substr(0, list.rfind('\n', list.size() - 2) + 1));  // without its own line
    });
    damaged("MANIFEST", "has changed", [&] {
      std::string list = read_file(data + "/MANIFEST");
      const size_t line = list.rfind('\n', list.find(name)) + 1;
      write_file(data + "/MANIFEST", list.erase(line, list.find('\n', line) + 1 - line));
    });
  }
  damaged("MANIFEST", "is empty", [&] { write_file(data + "/MANIFEST", ""); });
  // Where other text is for validation, val.bin is not opened; it is part of the data set nevertheless.
  fs::remove_all(data), fs::remove_all(dir / "other");
  prepare_two(dir);
  fs::remove(data + "/val.bin");
  CHECK_THROWS_WITH(open_dataset({.dataset = data, .val = data + ".txt"}), Catch::Contains("val.bin"));
}

TEST_CASE("a flipped bit in any byte of a data set is found", "[data]") {
  const TempDir dir;
  const std::string data = (dir / "data").string();
  prepare_two(dir);
  for (const std::string name : {"train.bin", "val.bin", "tokenizer.json", "MANIFEST"}) {
    const std::string path = data + "/" + name, bytes = read_file(path);
    for (size_t i = 0; i < bytes.size(); ++i) {
      std::string flipped = bytes;
      flipped[i] = static_cast<char>(flipped[i] ^ (1 << i % 8));
      write_file(path, flipped);
      INFO(name << " byte " << i);
      CHECK(data_damage(data) != "");
    }
    write_file(path, bytes);
  }
  CHECK(data_damage(data) == "");
}

TEST_CASE("data sets without MANIFEST open as before", "[data]") {
  const TempDir dir;
  prepare_two(dir);
  const std::string data = (dir / "data").string();
  const uint64_t hash = open_dataset({.dataset = data}).hash;
  fs::remove(data + "/MANIFEST");
  CHECK(open_dataset({.dataset = data}).hash == hash);
  CHECK(is_data_directory(data));
  CHECK_FALSE(is_data_directory(dir.path().string()));
  CHECK_FALSE(is_data_directory(data + ".txt"));
  fs::resize_file(data + "/val.bin", 130);
  CHECK_THAT(data_damage(data), Catch::Contains("val.bin") && Catch::Contains("damaged"));
}

TEST_CASE("a data set that is replaced while it is opened is the old one or the new one", "[data]") {
  const TempDir dir;
  prepare_two(dir);
  const std::string data = (dir / "data").string();
  const uint64_t one = open_dataset({.dataset = data}).hash,
                 other = open_dataset({.dataset = (dir / "other").string()}).hash;
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (int i = 0; i < 60; ++i)
      prepare_data({.dataset = (dir / (i % 2 ? "data.txt" : "other.txt")).string(), .val_fraction = 0.5},
                   data, true);
    done = true;
  });
  int opened = 0;
  for (; !done; ++opened) {
    uint64_t hash = 0;
    CHECK_NOTHROW(hash = open_dataset({.dataset = data}).hash);
    CHECK((hash == one || hash == other));
  }
  writer.join();
  CHECK(opened > 0);
}

TEST_CASE("a data set counts as replaced once its MANIFEST is another one that can be read", "[data]") {
  const TempDir dir;
  prepare_two(dir);
  const std::string data = (dir / "data").string();
  const DataSetFiles files(data);
  CHECK_FALSE(files.replaced());
  fs::remove(data + "/MANIFEST");
  CHECK(files.replaced());
  fs::create_directory(data + "/MANIFEST");
  CHECK_FALSE(files.replaced());
  fs::remove(data + "/MANIFEST");
  fs::copy_file(dir / "other/MANIFEST", data + "/MANIFEST");
  CHECK(files.replaced());
}
