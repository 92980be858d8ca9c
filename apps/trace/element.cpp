#include "apps/trace/element.h"

#include "core/error.h"

namespace hewn::cli {

NamedElement named_element(const Settings& settings, std::string_view key, std::string_view expected) {
  const std::string text = settings.text(key);
  const size_t bracket = text.find('[');
  NamedElement wanted{.name = text.substr(0, bracket)};
  const auto expect = [&](bool holds) {
    require(holds, settings.where(key), ": '", text, "' is not ", expected);
  };
  expect(!wanted.name.empty());
  if (bracket == text.npos) return wanted;
  expect(text.ends_with(']'));
  const std::string inside = text.substr(bracket + 1, text.size() - bracket - 2);
  if (inside.empty()) return wanted;
  for (const std::string& word : split(inside, ',')) {
    int64_t i = 0;
    expect(parse_integer(word, i));
    wanted.index.push_back(i);
  }
  return wanted;
}

std::vector<int64_t> checked_index(const Settings& settings, std::string_view key, const std::string& name,
                                   const Shape& shape, std::vector<int64_t> index) {
  while (std::ssize(index) < shape.rank() &&
         shape[static_cast<int>(shape.rank() - std::ssize(index) - 1)] == 1)
    index.insert(index.begin(), 0);
  bool fits = std::ssize(index) == shape.rank();
  for (size_t i = 0; fits && i < index.size(); ++i)
    fits = index[i] >= 0 && index[i] < shape[static_cast<int>(i)];
  require(fits, settings.where(key), ": '", settings.text(key), "' is not an element of ", name,
          ", whose shape is ", shape, "; ",
          shape.rank() == 0 ? "leave out the index" : "give the place in each dimension, counted from 0");
  return index;
}

std::string index_text(const std::vector<int64_t>& index) {
  std::string text;
  for (const int64_t i : index) text += join(text.empty() ? "[" : ",", i);
  return text.empty() ? "" : text + "]";
}

}  // namespace hewn::cli
