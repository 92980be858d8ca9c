#pragma once
// Keys: the members of a configuration that users set by name. One table per configuration (`model_keys` in
// model/config.h, `training_keys` and `watching_keys` in train/config.h) holds name, range, choices, help,
// and when a later run may change the value. Command-line options, HEWN_* variables, CONFIG.toml, JSON,
// checks and resuming read the tables. A key's default is its member's.

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "core/dtype.h"

namespace hewn {

/// Types whose values have names, listed by `names_of(T{})` as in "pre|post". The functions `name_of` and
/// `parse_name` convert between values and names.
template <class T>
concept Named = requires(T t) {
  std::string_view(names_of(t));
};

/// Enumerations with enumerators 0, 1, ..., named in this order.
template <class E>
concept NamedEnum = std::is_enum_v<E> && Named<E>;

/// Name number `index` in "a|b|c"; "?" if there are fewer.
std::string_view name_at(std::string_view names, size_t index);
/// The index of `name` in "a|b|c". Throws usage with all names if it is not among them.
size_t index_of(std::string_view names, std::string_view name);

template <NamedEnum E>
std::string name_of(E value) {
  return std::string(name_at(names_of(value), static_cast<size_t>(value)));
}
/// The inverse of `name_of`. Throws usage with the list of names.
template <NamedEnum E>
void parse_name(std::string_view name, E& value) {
  value = static_cast<E>(index_of(names_of(value), name));
}

/// The range of an integer, both ends included.
struct Integers {
  int64_t least = 0, most = 0;
};
/// The range of a real number, ends included unless excluded; `most` may be infinite.
struct Reals {
  double least = 0, most = std::numeric_limits<double>::infinity();
  bool least_excluded = false, most_excluded = false;
};
struct Switch {};
/// A list of names: "cosine|linear|constant".
struct Choices {
  std::string_view names;
};
/// Any text; the configuration's own check reads it.
struct FreeText {
  std::string_view form;  ///< as shown in the help: "all|last:K|head"
};
/// The values that a key accepts.
using Domain = std::variant<Switch, Integers, Reals, Choices, FreeText>;

/// A key's value; an enumeration's is its name.
using KeyValue = std::variant<bool, int64_t, double, std::string>;

/// Whether a value has the domain's type and is in its range. NaN never is.
bool allows(const Domain& domain, const KeyValue& value);
/// The range of a number in words: "1 to 4096", "0 or more", "0 to less than 1"; "" for other domains.
std::string range_text(const Domain& domain);
/// Converts "a|b|c" to "a, b or c".
std::string choices_text(std::string_view names);
/// A value as users write it: "true", "12", "1e-05", "gelu".
std::string text_of(const KeyValue& value);
/// Throws usage unless the value is allowed: "n_head = 0 is out of range; give 1 to 4096".
void require_allowed(std::string_view name, const Domain& domain, const KeyValue& value);

/// When a key's value may differ from the value in the run that supplies the weights.
enum class Change : uint8_t {
  always,    ///< even when the run is resumed
  new_run,   ///< when a new run starts from its weights, not when it is resumed
  new_model  ///< only with new weights, since the old ones depend on it
};

/// A key of a configuration. Created by `key`.
template <class Config>
struct Key {
  std::string_view name;
  Change change = Change::always;
  Domain domain;
  std::string_view help;
  KeyValue (*get)(const Config&) = nullptr;
  void (*set)(Config&, const KeyValue&) = nullptr;  ///< the value must be allowed
  std::string_view follows;                         ///< source of the derived value: "n_head"
  void (*derive)(Config&) = nullptr;                ///< sets the derived value; null: the member's default
  bool from_data = false;                           ///< no option: the data determines the value

  /// If no value is given, `derive` computes it or the data determines it. The help prints `what` as the default.
  constexpr Key following(std::string_view what, void (*how)(Config&) = nullptr) const {
    Key key = *this;
    key.follows = what;
    key.derive = how;
    return key;
  }
  constexpr Key of_data() const {
    Key key = *this;
    key.from_data = true;
    return key;
  }
};

namespace keys_detail {

template <class C, class M>
C class_of(M C::*);

/// The member reached by a path of member pointers.
template <class C, class P, class... Rest>
constexpr auto& member(C& config, P pointer, Rest... rest) {
  if constexpr (sizeof...(rest) == 0)
    return config.*pointer;
  else
    return member(config.*pointer, rest...);
}

template <class Config, auto... Path>
KeyValue get(const Config& config) {
  const auto& value = member(config, Path...);
  using T = std::remove_cvref_t<decltype(value)>;
  if constexpr (std::is_enum_v<T> || Named<T>)
    return std::string(name_of(value));
  else if constexpr (std::is_same_v<T, uint64_t>)
    return static_cast<int64_t>(value);
  else
    return value;
}

template <class Config, auto... Path>
void set(Config& config, const KeyValue& value) {
  auto& to = member(config, Path...);
  using T = std::remove_cvref_t<decltype(to)>;
  if constexpr (std::is_same_v<T, DType>)
    to = dtype_from_name(std::get<std::string>(value));
  else if constexpr (Named<T>)
    parse_name(std::get<std::string>(value), to);
  else if constexpr (std::is_same_v<T, uint64_t>)
    to = static_cast<uint64_t>(std::get<int64_t>(value));
  else
    to = std::get<T>(value);
}

template <class T>
constexpr Domain domain_of() {
  if constexpr (Named<T>)
    return Choices{names_of(T{})};
  else
    return Switch{};
}

}  // namespace keys_detail

/// The key of a member, `key<&ModelConfig::n_head>(...)`, or of a member's member. Numbers and strings
/// require a domain.
template <auto First, auto... Rest>
constexpr auto key(std::string_view name, Change change, Domain domain, std::string_view help) {
  using Config = decltype(keys_detail::class_of(First));
  return Key<Config>{.name = name,
                     .change = change,
                     .domain = domain,
                     .help = help,
                     .get = keys_detail::get<Config, First, Rest...>,
                     .set = keys_detail::set<Config, First, Rest...>,
                     .follows = "",
                     .derive = nullptr};
}
/// The key of a switch or an enumeration, whose type is its domain.
template <auto First, auto... Rest>
constexpr auto key(std::string_view name, Change change, std::string_view help) {
  using Config = decltype(keys_detail::class_of(First));
  using T = std::remove_cvref_t<decltype(keys_detail::member(std::declval<Config&>(), First, Rest...))>;
  static_assert(std::is_same_v<T, bool> || Named<T>, "a number or a string needs a domain");
  return key<First, Rest...>(name, change, keys_detail::domain_of<T>(), help);
}

/// Throws usage at the first key whose value is not allowed. Values at a default that means "derived from
/// other members" are not checked.
template <class Keys, class Config>
void check_keys(const Keys& keys, const Config& config) {
  const Config fresh{};
  for (const Key<Config>& key : keys)
    if (const KeyValue value = key.get(config); !(key.derive && value == key.get(fresh)))
      require_allowed(key.name, key.domain, value);
}

}  // namespace hewn
