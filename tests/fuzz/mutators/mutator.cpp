#include "tests/fuzz/mutators/mutator.h"

#include <algorithm>

namespace hewn::test {

uint64_t boundary(uint64_t right, Dice& dice) {
  constexpr uint64_t one = 1;
  return dice.one_of<uint64_t>({0, 1, 2, right + 1, right - 1, right * 2, right / 2, one << 16,
                                (one << 31) - 1, one << 31, (one << 32) - 1, one << 32, one << 61, one << 62,
                                (one << 63) - 1, one << 63, ~one, ~(one - 1), dice.bits() % 64});
}

std::string number_bytes(uint64_t value, size_t bytes) {
  std::string text;
  for (; bytes > 0; --bytes, value >>= 8) text += static_cast<char>(static_cast<unsigned char>(value));
  return text;
}

Mutate mutator_for(std::string_view target) {
  constexpr struct {
    std::string_view target;
    Mutate mutate;
  } mutators[] = {{"safetensors", mutate_safetensors},
                  {"adapter_weights", mutate_safetensors},
                  {"ngrams", mutate_safetensors},
                  {"reference", mutate_safetensors},
                  {"gguf", mutate_gguf},
                  {"gguf_model", mutate_gguf},
                  {"pickle", mutate_pickle},
                  {"meta_pkl", mutate_pickle},
                  {"torch", mutate_torch},
                  {"nanogpt", mutate_torch},
                  {"config_toml", mutate_toml}};
  for (const auto& known : mutators)
    if (known.target == target) return known.mutate;
  return nullptr;
}

std::optional<std::string> mutate_until_changed(Mutate mutate, std::string_view file, Dice& dice) {
  std::optional<std::string> changed;
  for (int attempt = 0; attempt < 4 && (!changed || *changed == file); ++attempt)
    changed = mutate(file, dice);
  return changed;
}

std::optional<size_t> mutate_in_place(Mutate mutate, uint8_t* data, size_t size, size_t most, uint32_t seed) {
  Dice dice(seed);
  const auto changed = mutate_until_changed(mutate, {reinterpret_cast<const char*>(data), size}, dice);
  if (!changed || changed->size() > most) return std::nullopt;
  std::copy(changed->begin(), changed->end(), data);
  return changed->size();
}

}  // namespace hewn::test
