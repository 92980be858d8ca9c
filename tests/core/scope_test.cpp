#include "core/scope.h"

#include <thread>

#include "tests/support/catch.h"

namespace hewn {

TEST_CASE("scopes have the same numbers in any order, from any place and thread") {
  const auto number = [](const char* outer, const char* inner) {
    const Scope a(outer);
    const Scope b(inner);
    return Scope::current();
  };
  std::vector<int> first;
  for (const char* outer : {"s.0", "s.1", "s.2"})
    for (const char* inner : {"norm", "attn", "mlp"}) first.push_back(number(outer, inner));
  for (const char* outer : {"s.2", "s.0", "s.1"})
    for (const char* inner : {"mlp", "mlp", "attn", "norm"}) {
      const std::string path = std::string(outer) + "." + inner;
      CHECK(Scope::path(number(outer, inner)) == path);
    }
  CHECK(number("s.1", "attn") == first[4]);
  CHECK(number("s", "1.attn") == first[4]);  // the same path
  int elsewhere = 0;
  std::thread([&] { elsewhere = number("s.1", "attn"); }).join();
  CHECK(elsewhere == first[4]);
  CHECK(Scope::current() == 0);
}

}  // namespace hewn
