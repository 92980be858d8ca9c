#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/fuzz/mutators/mutator.h"

namespace hewn::test {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t most_data = 1 << 14;

/// The header's entries, of which names may occur twice, and the data.
struct SafetensorsSkeleton {
  std::vector<std::pair<std::string, Json>> entries;
  std::string data;
  std::optional<uint64_t> length = {};  ///< of the header, if it shall be a wrong one
};

std::optional<SafetensorsSkeleton> parse_safetensors(std::string_view file) {
  Taker taker(file);
  const uint64_t length = taker.number(8);
  const std::string_view header = taker.take(length);
  if (!taker.good()) return std::nullopt;
  const Json json = Json::parse(header, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  SafetensorsSkeleton skeleton{.entries = {}, .data = std::string(taker.take(taker.left()))};
  for (const auto& [name, value] : json.items()) skeleton.entries.emplace_back(name, value);
  return skeleton;
}

std::string written(const SafetensorsSkeleton& skeleton) {
  const auto text = [](const Json& json) {
    return json.dump(-1, ' ', false, Json::error_handler_t::replace);
  };
  std::string header = "{";
  for (const auto& [name, value] : skeleton.entries)
    header += (header.size() > 1 ? "," : "") + text(name) + ":" + text(value);
  header += "}";
  return number_bytes(skeleton.length.value_or(header.size()), 8) + header + skeleton.data;
}

size_t type_bytes(const std::string& type) {
  constexpr std::pair<std::string_view, size_t> types[] = {{"F64", 8}, {"I64", 8}, {"U64", 8}, {"F32", 4},
                                                           {"I32", 4}, {"U32", 4}, {"F16", 2}, {"BF16", 2},
                                                           {"I16", 2}, {"U16", 2}};
  for (const auto& [name, bytes] : types)
    if (name == type) return bytes;
  return 1;
}

bool is_tensor(const Json& value) {
  const auto list = [&](const char* name) {
    return value.contains(name) && value[name].is_array() &&
           std::all_of(value[name].begin(), value[name].end(),
                       [](const Json& n) { return n.is_number_unsigned(); });
  };
  return value.is_object() && value.contains("dtype") && value["dtype"].is_string() && list("shape") &&
         list("data_offsets") && value["data_offsets"].size() == 2;
}

/// Places all tensors one behind the other, each with the bytes of its shape, as far as those are few.
void place_again(SafetensorsSkeleton& skeleton) {
  uint64_t end = 0;
  for (auto& [name, value] : skeleton.entries) {
    if (!is_tensor(value)) continue;
    uint64_t bytes = type_bytes(value["dtype"].get<std::string>());
    for (const Json& size : value["shape"])
      bytes = size.get<uint64_t>() > most_data
                  ? most_data + 1
                  : std::min<uint64_t>(bytes * size.get<uint64_t>(), most_data + 1);
    if (end + bytes > most_data) return;
    value["data_offsets"] = {end, end + bytes};
    end += bytes;
  }
  skeleton.data.resize(end);
}

void change_tensor(Json& tensor, Dice& dice) {
  const char* const field = dice.one_of<const char*>({"shape", "shape", "data_offsets", "dtype"});
  if (!tensor.is_object() || !tensor.contains(field)) return;
  Json& value = tensor[field];
  if (value.is_string()) {
    value = dice.one_of<const char*>({"F64", "F32", "F16", "BF16", "I64", "I32", "I16", "I8", "U64", "U32",
                                      "U16", "U8", "BOOL", "F8_E4M3", "F4", "", "f32"});
  } else if (value.is_array()) {
    switch (dice.below(6)) {
      case 0: value.push_back(dice.one_in(2) ? 1 : boundary(value.size(), dice)); break;
      case 1:
        if (!value.empty()) value.erase(value.size() - 1);
        break;
      case 2:
        if (dice.one_in(4)) tensor.erase(field);
        break;
      case 3:
        if (dice.one_in(4)) value = dice.one_of<Json>({nullptr, -1, 1.5, "text", Json::object(), true});
        break;
      default:
        if (!value.empty()) {
          Json& number = value[dice.below(value.size())];
          number = boundary(number.is_number_unsigned() ? number.get<uint64_t>() : 0, dice);
        }
    }
  }
}

}  // namespace

std::optional<std::string> mutate_safetensors(std::string_view file, Dice& dice) {
  auto skeleton = parse_safetensors(file);
  if (!skeleton) return std::nullopt;
  auto& entries = skeleton->entries;
  switch (dice.below(9)) {
    case 0: rearrange(entries, dice); break;
    case 1:
      if (!entries.empty())  // the same tensor under another name, or another one under the same
        dice.one_of(entries).first =
            dice.one_in(2) ? dice.one_of(entries).first : std::string(dice.below(200), 'n');
      break;
    case 2:
      entries.emplace_back("__metadata__",
                           Json{{"format", "pt"}, {"n", dice.one_in(4) ? Json(1) : Json("1")}});
      break;
    case 3:
      entries.emplace_back("new" + std::to_string(dice.below(100)),
                           Json{{"dtype", "F32"}, {"shape", {dice.below(4)}}, {"data_offsets", {0, 0}}});
      break;
    case 4:
      if (dice.one_in(4)) {
        skeleton->length = boundary(written(*skeleton).size() - 8 - skeleton->data.size(), dice);
        return written(*skeleton);
      }
      break;
    default:
      if (!entries.empty()) change_tensor(dice.one_of(entries).second, dice);
  }
  if (!dice.one_in(3)) place_again(*skeleton);
  if (dice.one_in(10)) skeleton->data.resize(boundary(skeleton->data.size(), dice) % most_data);
  return written(*skeleton);
}

}  // namespace hewn::test
