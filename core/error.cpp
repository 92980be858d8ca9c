#include "core/error.h"

#include <utility>
#include <vector>

namespace hewn {
namespace {

std::vector<std::string>& contexts() {
  thread_local std::vector<std::string> stack;
  return stack;
}

}  // namespace

void Doing::enter(std::string what) { contexts().push_back(std::move(what)); }
Doing::~Doing() { contexts().pop_back(); }

void throw_error(ErrorCode code, const std::string& message) {
  std::string text = message;
  for (auto it = contexts().rbegin(); it != contexts().rend(); ++it) text += "\n  while " + *it;
  throw Error(code, text);
}

}  // namespace hewn
