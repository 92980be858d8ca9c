#include "tests/support/env.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <sstream>
#include <stdexcept>

#include "tests/support/random.h"
#include "tests/support/tally.h"

namespace hewn::test {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

}  // namespace

std::filesystem::path source_dir() { return HEWN_SOURCE_DIR; }
std::filesystem::path build_dir() { return HEWN_BINARY_DIR; }
std::string compiler() { return HEWN_COMPILER; }
std::string sanitizers() { return HEWN_SANITIZERS; }

std::filesystem::path hewn_program() {
  const std::string given = environment("HEWN_PROGRAM");
#ifdef HEWN_PROGRAM
  if (given.empty()) return HEWN_PROGRAM;
#endif
  return given;
}

std::filesystem::path shared_root() {
  const std::string given = environment("HEWN_SHARED");
  return given.empty() ? source_dir() / ".." / "shared" : std::filesystem::path(given);
}

std::string documentation() {
  std::vector<std::filesystem::path> pages;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(source_dir() / "docs"))
    if (entry.path().extension() == ".md") pages.push_back(entry.path());
  std::sort(pages.begin(), pages.end());
  std::string text;
  for (const std::filesystem::path& page : pages) text += read_file(page);
  return text;
}

std::vector<std::filesystem::path> oracles(std::string_view relative) {
  std::vector<std::filesystem::path> found{source_dir() / "tests/fixtures" / relative};
  if (!std::filesystem::exists(found[0])) throw std::runtime_error("no " + found[0].string());
  if (const auto second = shared_root() / "fixtures" / relative; std::filesystem::exists(second))
    found.push_back(second);
  return found;
}

void skip(std::string_view why) {
  tally().skip_running_test = true;
  std::cerr << "skipped: " << why << "; test: " << tally().running_test << std::endl;
}

bool full() {
  const std::string slow = environment("HEWN_SLOW");
  return !slow.empty() && slow != "0";
}

bool sampled() { return std::atoi(environment("HEWN_TEST_SAMPLE").c_str()) > 1; }

bool in_sample() {
  static uint64_t next = run_seed();
  const std::string sample = environment("HEWN_TEST_SAMPLE");
  return sample.empty() || next++ % std::stoull(sample) == 0;
}

bool left_out() {
  const std::string sample = environment("HEWN_TEST_SAMPLE");
  if (sample.empty()) return false;
  const uint64_t number = run_seed() + std::hash<std::string>{}(tally().running_test);
  if (number % std::stoull(sample) == 0) return false;
  skip("one in " + sample + " long tests is run (HEWN_TEST_SAMPLE)");
  return true;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path.string());
  std::ostringstream bytes;
  bytes << in.rdbuf();
  return bytes.str();
}

void write_file(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream out(path, std::ios::binary);
  out << bytes;
  if (!out.flush()) throw std::runtime_error("cannot write " + path.string());
}

std::filesystem::path directory_in_memory() {
  const std::filesystem::path memory = "/dev/shm";
  std::error_code error;
  const auto space = std::filesystem::space(memory, error);
  return !error && space.available >= (256u << 20) ? memory : std::filesystem::temp_directory_path();
}

TempDir::TempDir(const std::filesystem::path& parent) {
  std::string pattern = (parent / "hewn-test-XXXXXX").string();
  if (!mkdtemp(pattern.data())) throw std::runtime_error("cannot make a directory like " + pattern);
  path_ = pattern;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace hewn::test
