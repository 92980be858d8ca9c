#include <algorithm>
#include <iterator>

#include "tests/fuzz/mutators/mutator.h"

namespace hewn::test {
namespace {

constexpr uint64_t text_type = 8, list_type = 9;
constexpr size_t most_gguf_data = 1 << 14;

/// A text and the length that is written before it.
struct GgufText {
  std::string text;
  std::optional<uint64_t> length = {};
};

/// A value of a key: the bytes of a number, a text, or a list of them.
struct GgufItem {
  uint64_t type = 0;
  std::string number = {};
  GgufText text = {};
  uint64_t of = 0;                     ///< type of a list's items
  std::vector<GgufItem> items = {};    ///< of a list
  std::optional<uint64_t> count = {};  ///< of a list, if it shall be a wrong one
};

struct GgufSkeleton {
  uint64_t version = 3;
  std::optional<uint64_t> tensor_count = {}, key_count = {};
  std::vector<std::pair<GgufText, GgufItem>> keys = {};
  struct Tensor {
    GgufText name;
    std::vector<uint64_t> sizes = {};
    std::optional<uint64_t> dimensions = {};
    uint64_t type = 0, offset = 0;
  };
  std::vector<Tensor> tensors = {};
  std::string data = {};
};

size_t number_size(uint64_t type) {
  constexpr size_t sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return type < std::size(sizes) ? sizes[type] : 0;
}

GgufText take_text(Taker& taker) { return {std::string(taker.take(taker.number(8)))}; }

GgufItem take_item(Taker& taker, uint64_t type) {
  GgufItem item{.type = type};
  if (type == text_type) {
    item.text = take_text(taker);
  } else if (type == list_type) {
    item.of = taker.number(4);
    const uint64_t n = taker.number(8);
    const bool has_bytes =
        item.of == text_type || number_size(item.of) > 0;  // of no other type is there an end
    for (uint64_t i = 0; i < n && taker.good() && has_bytes; ++i)
      item.items.push_back(take_item(taker, item.of));
  } else {
    item.number = taker.take(number_size(type));
  }
  return item;
}

std::optional<GgufSkeleton> parse_gguf(std::string_view file) {
  Taker taker(file);
  if (taker.take(4) != "GGUF") return std::nullopt;
  GgufSkeleton skeleton;
  skeleton.version = taker.number(4);
  const uint64_t tensors = taker.number(8), keys = taker.number(8);
  for (uint64_t i = 0; i < keys && taker.good(); ++i) {
    GgufText name = take_text(taker);
    skeleton.keys.emplace_back(std::move(name), take_item(taker, taker.number(4)));
  }
  for (uint64_t i = 0; i < tensors && taker.good(); ++i) {
    GgufSkeleton::Tensor tensor{.name = take_text(taker)};
    const uint64_t dimensions = taker.number(4);
    for (uint64_t d = 0; d < dimensions && taker.good(); ++d) tensor.sizes.push_back(taker.number(8));
    tensor.type = taker.number(4);
    tensor.offset = taker.number(8);
    skeleton.tensors.push_back(std::move(tensor));
  }
  if (!taker.good()) return std::nullopt;
  const size_t at = file.size() - taker.left();
  taker.take(std::min((32 - at % 32) % 32, taker.left()));
  skeleton.data = taker.take(taker.left());
  return skeleton;
}

std::string written(const GgufText& text) {
  return number_bytes(text.length.value_or(text.text.size()), 8) + text.text;
}

std::string written(const GgufItem& item) {
  if (item.type == text_type) return written(item.text);
  if (item.type != list_type) return item.number;
  std::string bytes = number_bytes(item.of, 4) + number_bytes(item.count.value_or(item.items.size()), 8);
  for (const GgufItem& each : item.items) bytes += written(each);
  return bytes;
}

std::string written(const GgufSkeleton& skeleton) {
  std::string bytes = "GGUF" + number_bytes(skeleton.version, 4) +
                      number_bytes(skeleton.tensor_count.value_or(skeleton.tensors.size()), 8) +
                      number_bytes(skeleton.key_count.value_or(skeleton.keys.size()), 8);
  for (const auto& [name, item] : skeleton.keys)
    bytes += written(name) + number_bytes(item.type, 4) + written(item);
  for (const auto& tensor : skeleton.tensors) {
    bytes += written(tensor.name) + number_bytes(tensor.dimensions.value_or(tensor.sizes.size()), 4);
    for (const uint64_t size : tensor.sizes) bytes += number_bytes(size, 8);
    bytes += number_bytes(tensor.type, 4) + number_bytes(tensor.offset, 8);
  }
  bytes.resize((bytes.size() + 31) / 32 * 32);
  return bytes + skeleton.data;
}

/// Places all tensors one behind the other, as far as they are small.
void place_again(GgufSkeleton& skeleton) {
  uint64_t end = 0;
  for (auto& tensor : skeleton.tensors) {
    struct Type {
      uint64_t number, elements, bytes;
    };
    constexpr Type types[] = {{1, 1, 2},     {30, 1, 2},     {28, 1, 8},     {27, 1, 8},     {24, 1, 1},
                              {8, 32, 34},   {2, 32, 18},    {3, 32, 20},    {6, 32, 22},    {7, 32, 24},
                              {10, 256, 84}, {11, 256, 110}, {12, 256, 144}, {13, 256, 176}, {14, 256, 210}};
    Type type{0, 1, 4};
    for (const Type& known : types)
      if (known.number == tensor.type) type = known;
    uint64_t elements = 1;
    for (const uint64_t size : tensor.sizes)
      elements = size > most_gguf_data ? most_gguf_data : std::min<uint64_t>(elements * size, most_gguf_data);
    const uint64_t bytes = std::min<uint64_t>(elements * type.bytes / type.elements, most_gguf_data);
    if (end + bytes > most_gguf_data) return;
    tensor.offset = end;
    end = (end + bytes + 31) / 32 * 32;
  }
  skeleton.data.resize(end);
}

void change_text(GgufText& text, Dice& dice) {
  if (dice.one_in(3))
    text.length = boundary(text.text.size(), dice);
  else if (dice.one_in(2))
    text.text.resize(dice.below(2 * text.text.size() + 2), 't');
  else if (!text.text.empty())
    text.text[dice.below(text.text.size())] = static_cast<char>(dice.bits());
}

void change_item(GgufItem& item, Dice& dice) {
  if (dice.one_in(8)) {
    item.type = dice.one_in(4) ? boundary(12, dice) : dice.below(13);
    item.number.resize(number_size(item.type));
  } else if (item.type == text_type) {
    change_text(item.text, dice);
  } else if (item.type != list_type) {
    Taker taker(item.number);
    item.number = number_bytes(boundary(taker.number(item.number.size()), dice), item.number.size());
  } else if (dice.one_in(6)) {
    item.count = boundary(item.items.size(), dice);
  } else if (dice.one_in(6)) {
    item.of = dice.one_in(2) ? dice.below(13) : boundary(list_type, dice);
  } else if (dice.one_in(2)) {
    rearrange(item.items, dice);
  } else if (!item.items.empty()) {
    GgufItem& one = dice.one_of(item.items);
    const uint64_t type = one.type;
    change_item(one, dice);
    one.type = type;
  }
}

void change_tensor(GgufSkeleton::Tensor& tensor, Dice& dice) {
  switch (dice.below(6)) {
    case 0: change_text(tensor.name, dice); break;
    case 1:
      tensor.type = dice.one_in(3) ? boundary(tensor.type, dice)
                                   : dice.one_of<uint64_t>({0, 1, 24, 26, 27, 28, 30, 2, 8});
      break;
    case 2: tensor.offset = boundary(tensor.offset, dice); break;
    case 3: tensor.dimensions = boundary(tensor.sizes.size(), dice); break;
    case 4: tensor.sizes.push_back(dice.one_in(2) ? 1 : boundary(1, dice)); break;
    default:
      if (!tensor.sizes.empty()) {
        uint64_t& size = dice.one_of(tensor.sizes);
        size = boundary(size, dice);
      }
  }
}

}  // namespace

std::optional<std::string> mutate_gguf(std::string_view file, Dice& dice) {
  auto skeleton = parse_gguf(file);
  if (!skeleton) return std::nullopt;
  switch (dice.below(12)) {
    case 0: rearrange(skeleton->keys, dice); break;
    case 1: rearrange(skeleton->tensors, dice); break;
    case 2:
      if (dice.one_in(3)) skeleton->tensor_count = boundary(skeleton->tensors.size(), dice);
      if (dice.one_in(3)) skeleton->key_count = boundary(skeleton->keys.size(), dice);
      if (dice.one_in(6)) skeleton->version = boundary(skeleton->version, dice);
      break;
    case 3:
      skeleton->keys.push_back({{"general.alignment"},
                                {.type = dice.one_of<uint64_t>({4, 5, 10}),
                                 .number = number_bytes(dice.one_in(2) ? 32 : boundary(32, dice), 8)}});
      skeleton->keys.back().second.number.resize(number_size(skeleton->keys.back().second.type));
      break;
    case 4:
      if (!skeleton->keys.empty()) change_text(dice.one_of(skeleton->keys).first, dice);
      break;
    case 5:
    case 6:
    case 7:
      if (!skeleton->tensors.empty()) change_tensor(dice.one_of(skeleton->tensors), dice);
      break;
    default:
      if (!skeleton->keys.empty()) change_item(dice.one_of(skeleton->keys).second, dice);
  }
  if (!dice.one_in(3)) place_again(*skeleton);
  if (dice.one_in(10)) skeleton->data.resize(boundary(skeleton->data.size(), dice) % most_gguf_data);
  return written(*skeleton);
}

}  // namespace hewn::test
