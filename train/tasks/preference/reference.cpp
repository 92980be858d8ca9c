#include "train/tasks/preference/reference.h"

#include <cstring>

#include "core/error.h"
#include "model/weights/safetensors/safetensors.h"

namespace hewn {
namespace {

constexpr const char *reference_format = "hewn-reference", *reference_version = "1";

/// The sides that have pairs, by the names of their tensors.
template <class Sides, class Use>
void each_side(Sides& sides, const Use& use) {
  for (const auto& [name, pairs] :
       {std::pair{"train", &sides.train}, std::pair{"val", &sides.val}, std::pair{"test", &sides.test}})
    if (!pairs->empty()) use(name, *pairs);
}

/// Identifies the answers: all tokens and targets.
std::string hash_of_answers(const PairSides& sides) {
  Checksum sum;
  const auto add = [&](const std::vector<int32_t>& values) {
    const uint64_t n = values.size();
    sum.update(&n, sizeof n);
    sum.update(values.data(), n * sizeof(int32_t));
  };
  each_side(sides, [&](std::string_view name, const std::vector<PreferencePair>& pairs) {
    sum.update(name.data(), name.size());
    for (const PreferencePair& pair : pairs)
      for (const TrainingRow* row : {&pair.chosen, &pair.rejected}) {
        add(row->tokens);
        add(row->targets);
      }
  });
  return to_hex(sum.value());
}

std::string hash_of_values(const PairSides& sides) {
  Checksum sum;
  each_side(sides, [&](std::string_view, const std::vector<PreferencePair>& pairs) {
    for (const PreferencePair& pair : pairs) sum.update(pair.reference.data(), sizeof pair.reference);
  });
  return to_hex(sum.value());
}

TensorEntry entry_of(const char* name, const std::vector<PreferencePair>& pairs) {
  return {.name = name, .dtype = DType::f32, .shape = {std::ssize(pairs), 2}};
}

}  // namespace

void write_reference(const std::string& path, const PairSides& sides) {
  std::vector<TensorEntry> entries;
  each_side(sides, [&](const char* name, const std::vector<PreferencePair>& pairs) {
    entries.push_back(entry_of(name, pairs));
  });
  SafetensorsWriter writer(path, entries,
                           {{"format", reference_format},
                            {"version", reference_version},
                            {"answers", hash_of_answers(sides)},
                            {"values", hash_of_values(sides)}});
  each_side(sides, [&](const char* name, const std::vector<PreferencePair>& pairs) {
    for (const PreferencePair& pair : pairs)
      writer.append(name, pair.reference.data(), sizeof pair.reference);
  });
  writer.finish();
}

void read_reference(const std::string& path, PairSides& sides) {
  const SafetensorsFile file(path);
  const auto text = [&](const char* key) {
    const auto found = file.metadata().find(key);
    return found == file.metadata().end() ? std::string() : found->second;
  };
  if (text("format") != reference_format || text("version") != reference_version)
    fail(ErrorCode::input, path, ": does not have log probabilities of a reference model, of version ",
         reference_version);
  if (text("answers") != hash_of_answers(sides))
    fail(ErrorCode::input, path, ": belongs to other rows, or to rows with other tokens");
  each_side(sides, [&](const char* name, std::vector<PreferencePair>& pairs) {
    const TensorEntry &found = file.at(name), expected = entry_of(name, pairs);
    if (found.dtype != expected.dtype || found.shape != expected.shape)
      fail(ErrorCode::input, path, ": the tensor ", name, " does not have the shape [", pairs.size(),
           ", 2] of float32");
    const auto* values = static_cast<const char*>(found.data);
    for (PreferencePair& pair : pairs) {
      std::memcpy(pair.reference.data(), values, sizeof pair.reference);
      values += sizeof pair.reference;
    }
  });
  if (text("values") != hash_of_values(sides))
    fail(ErrorCode::input, path, ": is damaged: its values do not have the checksum that was written");
}

}  // namespace hewn
