// Time and memory of readers are bounded by the size of the file: memory by 64 times its bytes and a constant, and
// what is allocated in total, which stands for the time, by n log n.

#include <algorithm>
#include <cmath>
#include <ctime>
#include <filesystem>

#include "model/tokenizer/sentencepiece.h"
#include "model/tokenizer/tokenizer.h"
#include "model/weights/gguf/gguf_model.h"
#include "model/weights/llama2c/llama2c.h"
#include "tests/fuzz/bounds/families.h"
#include "tests/fuzz/bounds/memory.h"
#include "tests/fuzz/target.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "train/sweep/definition.h"
#include "train/sweep/results.h"
#include "train/tables/structure.h"
#include "train/tables/table.h"

namespace hewn::test {
namespace {

constexpr size_t bytes_per_byte = 64;
// For buffers and tables of a fixed size.
constexpr size_t always = size_t{2} << 20;
// Of what is allocated in total, by byte of the file and binary digit of its size.
constexpr double bytes_per_step = 8;

/// Readers that do nothing else, where the fuzz target also uses what was read.
const FuzzTarget readers[] = {
    {"tokenizer_json", [](std::string_view bytes) { tokenizer_from_json(bytes); }},
    {"tokenizer_llama2c", [](std::string_view bytes) { tokenizers::read_llama2c_tokenizer(bytes); }},
    {"tokenizer_gpt2",
     [](std::string_view bytes) {
       const size_t middle = std::min(bytes.find('\0'), bytes.size());
       put_file(fuzz_directory() / "vocab.json", bytes.substr(0, middle));
       put_file(fuzz_directory() / "merges.txt", bytes.substr(std::min(middle + 1, bytes.size())));
       load_tokenizer((fuzz_directory() / "vocab.json").string());
     }},
    {"gguf_model", [](std::string_view bytes) { open_gguf(memory_file(bytes)); }},
    {"llama2c_model", [](std::string_view bytes) { open_llama2c(memory_file(bytes)); }},
    {"sweep_definition",
     [](std::string_view bytes) { SweepDefinition::from_json(std::string(bytes), "sweep.json"); }},
    {"sweep_result", [](std::string_view bytes) { sweep_result_from_json(std::string(bytes)); }},
    {"table_structure", [](std::string_view bytes) { structure_of(bytes); }},
    {"table", [](std::string_view bytes) { open_table(memory_file(bytes)); }},
};

const FuzzTarget& reader_named(std::string_view name) {
  for (const FuzzTarget& reader : readers)
    if (reader.name == name) return reader;
  for (const FuzzTarget& target : fuzz_targets())
    if (target.name == name) return target;
  throw std::logic_error("no reader " + std::string(name));
}

Allocated allocated_for(std::string_view reader, std::string_view file) {
  return allocated_by([&] { run_fuzz_target(reader_named(reader), file); });
}

}  // namespace

TEST_CASE("memory is proportional to the size of a file", "[fuzz][bounds]") {
  for (const FuzzTarget& target : fuzz_targets())
    for (const auto& entry : std::filesystem::recursive_directory_iterator(
             source_dir() / "tests/fuzz/corpus" / std::string(target.name))) {
      if (!entry.is_regular_file()) continue;
      INFO(entry.path());
      const std::string bytes = read_file(entry.path());
      CHECK(allocated_for(target.name, bytes).peak <= bytes_per_byte * bytes.size() + always);
    }
}

TEST_CASE("no family of files takes more than its share of memory and time", "[fuzz][bounds]") {
  for (const Family& family : families()) {
    const std::string name = std::string(family.reader) + ": " + std::string(family.name);
    INFO(name);
    allocated_for(family.reader, family.file(1 << 12));  // what is made once
    double seconds_before = 0;
    for (size_t size = size_t{1} << 14; size <= size_t{1} << (full() ? 20 : 16); size *= 2) {
      const std::string file = family.file(size);
      INFO(file.size());
      const std::clock_t start = std::clock();  // of this process alone: the machine may be busy
      const Allocated needed = allocated_for(family.reader, file);
      const auto seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
      CHECK(needed.peak <= bytes_per_byte * file.size() + always);
      const auto n = static_cast<double>(file.size());
      CHECK(static_cast<double>(needed.total) <= bytes_per_step * n * std::log2(n) + always);
      CHECK(seconds < 2 + 3 * seconds_before);  // linear: 0.1; quadratic: minutes, four times the one before
      seconds_before = seconds;
    }
  }
}

}  // namespace hewn::test
