#include "core/scope.h"

#include <deque>
#include <mutex>
#include <unordered_map>
#include <utility>
#include <vector>

namespace hewn {
namespace {

thread_local int current_scope = 0;
thread_local const char* current_op = "";
thread_local Phase current_phase = Phase::forward;

struct Names {
  std::mutex lock;
  std::deque<std::string> paths{""};
  std::unordered_map<std::string, int> numbers{{"", 0}};
};

Names& scope_names() {
  static Names all;
  return all;
}

/// The number of a path, which it has from now on.
int number_of(int outer, std::string_view name) {
  Names& all = scope_names();
  const std::lock_guard guard(all.lock);
  const std::string& before = all.paths[static_cast<size_t>(outer)];
  std::string path = before.empty() ? std::string(name) : before + "." + std::string(name);
  const auto [at, fresh] = all.numbers.try_emplace(path, static_cast<int>(all.paths.size()));
  if (fresh) all.paths.push_back(std::move(path));
  return at->second;
}

/// The scopes that this thread has entered from another one. They are mostly entered in turn, so the one after the last
/// is tried first: a small model enters a scope every few microseconds.
struct Inner {
  std::vector<std::pair<std::string, int>> scopes;
  size_t next = 0;

  int find(int outer, std::string_view name) {
    for (size_t i = 0; i < scopes.size(); ++i, ++next) {
      if (next >= scopes.size()) next = 0;
      if (scopes[next].first == name) return scopes[next++].second;
    }
    return scopes.emplace_back(name, number_of(outer, name)).second;
  }
};

thread_local std::deque<Inner> inner_scopes;

}  // namespace

Scope::Scope(std::string_view name) : before_(current_scope) {
  const auto outer = static_cast<size_t>(before_);
  if (outer >= inner_scopes.size()) inner_scopes.resize(outer + 1);
  current_scope = inner_scopes[outer].find(before_, name);
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
