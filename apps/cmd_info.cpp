// hewn info: what something is, a file or this machine.

#include <nlohmann/json.hpp>

#include "apps/commands.h"
#include "apps/terminal.h"
#include "apps/version.h"
#include "core/error.h"
#include "kernels/rooms.h"

namespace hewn::cli {
namespace {

using Json = nlohmann::ordered_json;

// One small case of every operation of every room, to ask its ladder.
Json kernel_list() {
  Json ops = Json::object();
  for (const Room& room : rooms()) {
    for (const auto& c : room.cases({.width = 4, .shape = ""})) {
      if (ops.contains(c->op())) continue;
      Json rungs = Json::array();
      for (size_t i = 0; i < c->rungs(); ++i) {
        Json isas = Json::array();
        for (int k = 0; k < n_isas; ++k)
          if (c->has(i, static_cast<Isa>(k))) isas.push_back(name_of(static_cast<Isa>(k)));
        rungs.push_back({{"rung", c->rung_name(i)}, {"idea", c->rung_idea(i)}, {"isas", isas}});
        if (c->why_not(i)) rungs.back()["why_not"] = c->why_not(i);
      }
      ops[c->op()] = rungs;
    }
  }
  return ops;
}

int describe_machine(bool json) {
  if (json) {
    Json all = Json::parse(version_json());
    all["kernels"] = kernel_list();
    print(all.dump(2), "\n");
    return 0;
  }
  print(version_text(), "\nKernels, from the reference to the preferred:\n");
  const Json kernels = kernel_list();
  for (const auto& [op, rungs] : kernels.items()) {
    print(op, "\n");
    for (const Json& rung : rungs) {
      std::string isas;
      for (const Json& isa : rung["isas"]) isas += (isas.empty() ? "" : " ") + isa.get<std::string>();
      print("  ", rung["rung"].get<std::string>(), " (", isas, "): ", rung["idea"].get<std::string>(), "\n");
    }
  }
  return 0;
}

}  // namespace

int run_info(const Settings& settings) {
  if (settings.arguments.empty()) return describe_machine(settings.flag("json"));
  fail(ErrorCode::usage, "info takes no argument yet");
}

}  // namespace hewn::cli
