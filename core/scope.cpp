#include "core/scope.h"

#include <deque>
#include <mutex>
#include <unordered_map>

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

}  // namespace

Scope::Scope(std::string_view name) : before_(current_scope) {
  Names& all = scope_names();
  const std::lock_guard guard(all.lock);
  const std::string& outer = all.paths[static_cast<size_t>(before_)];
  std::string path = outer.empty() ? std::string(name) : outer + "." + std::string(name);
  const auto [at, fresh] = all.numbers.try_emplace(path, static_cast<int>(all.paths.size()));
  if (fresh) all.paths.push_back(std::move(path));
  current_scope = at->second;
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
