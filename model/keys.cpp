#include "model/keys.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/error.h"

namespace hewn {
namespace {

std::string number_text(double value) {
  if (std::floor(value) == value && std::abs(value) < 1e15)
    return std::to_string(static_cast<int64_t>(value));
  char buffer[40];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, printable(value));
  return error == std::errc() ? std::string(buffer, end) : "?";
}

std::string reals_text(const Reals& reals) {
  const std::string least = number_text(reals.least);
  if (std::isinf(reals.most)) return reals.least_excluded ? "more than " + least : least + " or more";
  const std::string most = (reals.most_excluded ? "less than " : "") + number_text(reals.most);
  return (reals.least_excluded ? "more than " : "") + least + " to " + most;
}

bool contains(const Reals& reals, double x) {
  const bool above = reals.least_excluded ? x > reals.least : x >= reals.least;
  const bool below = reals.most_excluded ? x < reals.most : x <= reals.most;
  return above && below && std::isfinite(x);
}

// Removes and returns the first name of "a|b|c".
std::string_view take_name(std::string_view& names) {
  const std::string_view name = names.substr(0, names.find('|'));
  names.remove_prefix(std::min(names.size(), name.size() + 1));
  return name;
}

}  // namespace

std::string_view name_at(std::string_view names, size_t index) {
  for (size_t i = 0; !names.empty(); ++i)
    if (const std::string_view name = take_name(names); i == index) return name;
  return "?";
}

size_t index_of(std::string_view names, std::string_view wanted) {
  std::string_view rest = names;
  for (size_t i = 0; !rest.empty(); ++i)
    if (take_name(rest) == wanted) return i;
  fail(ErrorCode::usage, "\"", wanted, "\" is not one of ", choices_text(names));
}

bool allows(const Domain& domain, const KeyValue& value) {
  if (const auto* integers = std::get_if<Integers>(&domain)) {
    const auto* x = std::get_if<int64_t>(&value);
    return x && integers->least <= *x && *x <= integers->most;
  }
  if (const auto* reals = std::get_if<Reals>(&domain)) {
    const auto* x = std::get_if<double>(&value);
    return x && contains(*reals, *x);
  }
  if (const auto* choices = std::get_if<Choices>(&domain)) {
    const auto* name = std::get_if<std::string>(&value);
    std::string_view rest = choices->names;
    while (name && !rest.empty())
      if (take_name(rest) == *name) return true;
    return false;
  }
  if (std::holds_alternative<FreeText>(domain)) return std::holds_alternative<std::string>(value);
  return std::holds_alternative<bool>(value);
}

std::string range_text(const Domain& domain) {
  if (const auto* integers = std::get_if<Integers>(&domain))
    return std::to_string(integers->least) + " to " + std::to_string(integers->most);
  const auto* reals = std::get_if<Reals>(&domain);
  return reals ? reals_text(*reals) : "";
}

std::string choices_text(std::string_view names) {
  std::string text(take_name(names));
  while (!names.empty()) {
    const std::string_view name = take_name(names);
    text += (names.empty() ? " or " : ", ") + std::string(name);
  }
  return text;
}

std::string text_of(const KeyValue& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* whole = std::get_if<int64_t>(&value)) return std::to_string(*whole);
  if (const auto* real = std::get_if<double>(&value)) return number_text(*real);
  return std::get<std::string>(value);
}

void require_allowed(std::string_view name, const Domain& domain, const KeyValue& value) {
  if (allows(domain, value)) return;
  const auto* choices = std::get_if<Choices>(&domain);
  fail(ErrorCode::usage, name, " = ", text_of(value),
       choices ? " is not one of " + choices_text(choices->names)
               : " is out of range; give " + range_text(domain));
}

}  // namespace hewn
