#include "core/scope.h"

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace hewn {
namespace {

thread_local int current_scope = 0;
thread_local const char* current_op = "";
thread_local Phase current_phase = Phase::forward;

/// A scope with this name inside of another one, and its number.
using InnerScope = std::pair<const std::pair<int, std::string>, int>;

struct Names {
  std::mutex lock;
  std::deque<std::string> paths{""};
  std::unordered_map<std::string, int> numbers{{"", 0}};
  std::map<std::pair<int, std::string>, int> inner;  // of `InnerScope`, which stay where they are
};

Names& scope_names() {
  static Names all;
  return all;
}

/// The scope with this name inside of `outer`, which has a number from now on.
const InnerScope& inner_scope(int outer, std::string_view name) {
  Names& all = scope_names();
  const std::lock_guard guard(all.lock);
  std::pair<int, std::string> key(outer, name);
  if (const auto known = all.inner.find(key); known != all.inner.end()) return *known;
  const std::string& before = all.paths[static_cast<size_t>(outer)];
  const std::string path = before.empty() ? key.second : before + "." + key.second;
  auto number = all.numbers.find(path);
  if (number == all.numbers.end()) {
    all.paths.push_back(path);
    number = all.numbers.emplace(path, static_cast<int>(all.paths.size()) - 1).first;
  }
  return *all.inner.emplace(std::move(key), number->second).first;
}

/// The scopes that this thread has entered lately, each at a place that follows from its name and the outer scope: a
/// small model enters one every few microseconds. An array without a destructor, for which the C library would allocate
/// memory and abort if there is none.
thread_local std::array<const InnerScope*, 1024> recent{};

}  // namespace

Scope::Scope(std::string_view name) : before_(current_scope) {
  const size_t hash = std::hash<std::string_view>()(name) + static_cast<size_t>(before_) * 31;
  const InnerScope*& scope = recent[hash % recent.size()];
  if (!scope || scope->first.first != before_ || scope->first.second != name)
    scope = &inner_scope(before_, name);
  current_scope = scope->second;
}

Scope::~Scope() { current_scope = before_; }
int Scope::current() { return current_scope; }

const std::string& Scope::path(int scope) {
  Names& all = scope_names();
  const std::lock_guard guard(all.lock);
  return all.paths.at(static_cast<size_t>(scope));
}

ScopeAt::ScopeAt(int scope) : before_(current_scope) { current_scope = scope; }
ScopeAt::~ScopeAt() { current_scope = before_; }

InOp::InOp(const OpInfo& info) : before_(current_op) {
  if (*current_op == '\0') current_op = info.name;
}
InOp::~InOp() { current_op = before_; }
const char* InOp::current() { return current_op; }

InPhase::InPhase(Phase phase) : before_(current_phase) { current_phase = phase; }
InPhase::~InPhase() { current_phase = before_; }
Phase InPhase::current() { return current_phase; }

}  // namespace hewn
