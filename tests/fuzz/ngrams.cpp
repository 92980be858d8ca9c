#include "model/baselines/ngram_tables.h"
#include "model/weights/safetensors/safetensors.h"
#include "tests/fuzz/target.h"

namespace hewn::test {
namespace {

/// Tables that were accepted can be searched for every pair of tokens.
const AddFuzzTarget ngrams_target("ngrams", [](std::string_view bytes) {
  const SafetensorsFile file(memory_file(bytes));
  const NgramTables tables(3, 4, file);
  for (int32_t a = 0; a < 4; ++a)
    for (int32_t b = 0; b < 4; ++b)
      if (const auto place = tables.find(std::vector<int32_t>{a, b}))
        for (int32_t c = 0; c < 4; ++c) tables.find(3, *place, c);
});

}  // namespace
}  // namespace hewn::test
