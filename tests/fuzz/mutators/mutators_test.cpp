// A mutator is worth its lines if much of what it makes gets past the header of its format, and is yet different.

#include <filesystem>
#include <set>

#include "core/error.h"
#include "tests/fuzz/mutators/mutator.h"
#include "tests/fuzz/target.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/random.h"

namespace hewn::test {
namespace {

const FuzzTarget& target_named(std::string_view name) {
  for (const FuzzTarget& target : fuzz_targets())
    if (target.name == name) return target;
  throw std::logic_error("no target " + std::string(name));
}

/// The good files of a corpus.
std::vector<std::string> seeds_of(const FuzzTarget& target) {
  std::vector<std::string> seeds;
  for (const char* folder : {"", "read"}) {
    const auto path = source_dir() / "tests/fuzz/corpus" / std::string(target.name) / folder;
    if (!std::filesystem::exists(path)) continue;
    for (const auto& entry : std::filesystem::directory_iterator(path))
      if (entry.is_regular_file()) {
        std::string bytes = read_file(entry.path());
        try {
          target.read(bytes);
          seeds.push_back(std::move(bytes));
        } catch (const Error&) {
        }
      }
  }
  return seeds;
}

/// What a format's messages say about a file whose outermost layer is whole.
struct Format {
  std::string_view target;
  std::vector<std::string_view> deep;
};

const std::vector<Format>& formats() {
  static const std::vector<Format> all{
      {"safetensors", {"tensor \"", "the tensors end", "__metadata__"}},
      {"gguf", {"reading tensor", "reading key"}},
      {"gguf_model", {"reading tensor", "reading key", "general.", "gpt2.", "llama.", "tensor", "n_"}},
      {"pickle", {" where ", "calls", "requests", "refers", "ends with", "takes", "contains"}},
      {"torch", {"tensor", "the pickle", "byte order"}},
      {"config_toml", {":2:", ":3:", ":4:", ":5:"}},
  };
  return all;
}

}  // namespace

TEST_CASE("what mutators make is different and often gets past the header", "[fuzz][mutators]") {
  Random random("mutators");
  for (const Format& format : formats()) {
    INFO(format.target);
    const FuzzTarget& target = target_named(format.target);
    const Mutate mutate = mutator_for(format.target);
    REQUIRE(mutate);
    std::vector<std::string> seeds = seeds_of(target);
    REQUIRE(seeds.size() >= 2);
    int made = 0, read = 0, deep = 0, same = 0;
    std::set<std::string> messages;
    for (int i = 0; i < repeats(400, 4000); ++i) {
      Dice dice(static_cast<uint32_t>(random.bits()));
      const std::string& seed = random.one_of(seeds);
      const auto changed = mutate_until_changed(mutate, seed, dice);
      if (!changed) continue;
      ++made;
      same += *changed == seed;
      try {
        target.read(*changed);
        ++read;
      } catch (const Error& error) {
        const std::string_view message = error.what();
        messages.insert(std::string(message.substr(0, 60)));
        bool known = false;
        for (const std::string_view part : format.deep) known |= message.find(part) != message.npos;
        deep += known;
      }
    }
    INFO(made << " made, " << read << " read, " << deep << " refused below the header, " << same
              << " the same, " << messages.size() << " messages");
    CHECK(made >= repeats(300, 3000));
    CHECK(7 * same <= made);
    CHECK(10 * read >= made);
    CHECK(2 * (read + deep) >= made);
    CHECK(messages.size() >= 8);
  }
}

TEST_CASE("mutators stay within the space they have", "[fuzz][mutators]") {
  Random random("mutator space");
  for (const FuzzTarget& target : fuzz_targets()) {
    const Mutate mutate = mutator_for(target.name);
    if (!mutate) continue;
    INFO(target.name);
    std::vector<std::string> seeds = seeds_of(target);
    for (int i = 0; i < repeats(300, 3000); ++i) {
      // Also broken files, which a mutator has to survive.
      std::string bytes = seeds.empty() ? random.bytes(40) : random.one_of(seeds);
      if (i % 3 == 0 && !bytes.empty())
        bytes[static_cast<size_t>(random.integer(0, std::ssize(bytes) - 1))] =
            static_cast<char>(random.bits());
      if (i % 3 == 1) bytes.resize(static_cast<size_t>(random.integer(0, std::ssize(bytes))));
      const size_t most = bytes.size() + static_cast<size_t>(random.integer(0, 20));
      std::vector<uint8_t> space(most + 16, 0xa5);
      std::copy(bytes.begin(), bytes.end(), space.begin());
      const auto size =
          mutate_in_place(mutate, space.data(), bytes.size(), most, static_cast<uint32_t>(random.bits()));
      if (size) CHECK(*size <= most);
      for (size_t guard = most; guard < space.size(); ++guard) REQUIRE(space[guard] == 0xa5);
    }
  }
}

TEST_CASE("a list of a type that does not exist has no items to parse", "[fuzz][mutators]") {
  const auto number = [](uint64_t value, int bytes) {
    std::string text;
    for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> 8 * i & 255);
    return text;
  };
  constexpr uint64_t list = 9, no_type = 200, many = uint64_t{1} << 60;
  const std::string file = "GGUF" + number(3, 4) + number(0, 8) + number(1, 8) + number(1, 8) + "k" +
                           number(list, 4) + number(no_type, 4) + number(many, 8);
  Dice dice(1);
  CHECK_NOTHROW(mutate_gguf(file, dice));  // 2^60 items of no bytes each would not fit in memory
}

TEST_CASE("a mutator's result follows from its seed", "[fuzz][mutators]") {
  for (const Format& format : formats()) {
    INFO(format.target);
    const std::string seed = seeds_of(target_named(format.target)).front();
    for (uint32_t i = 1; i < 20; ++i) {
      Dice one(i), two(i);
      CHECK(mutator_for(format.target)(seed, one) == mutator_for(format.target)(seed, two));
    }
  }
}

}  // namespace hewn::test
