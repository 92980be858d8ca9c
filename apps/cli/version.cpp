#include "apps/cli/version.h"

#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "apps/cli/format.h"
#include "apps/cli/terminal.h"
#include "kernels/devices/devices.h"
#include "model/json.h"

namespace hewn::cli {
namespace {

std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != line.npos) return line.substr(colon + 2);
  }
  return "unknown processor";
}

std::string usable_isas() {
  return list_text(those_of(known_isas, supported), ", ", [](Isa isa) { return name_of(isa); });
}

std::string cuda_text() {
  const std::string obstacle = why_no_cuda();
  return obstacle.empty() ? join("usable: ", cuda_description()) : join("not usable: ", obstacle);
}

Json cuda_json() {
  const std::string obstacle = why_no_cuda();
  if (obstacle.empty()) return {{"name", "cuda"}, {"usable", true}, {"gpu", cuda_description()}};
  return {{"name", "cuda"}, {"usable", false}, {"why_not", obstacle}};
}

}  // namespace

std::string version_number() { return HEWN_VERSION; }
std::string build_description() { return HEWN_BUILD; }
std::string bug_reports() { return HEWN_BUGS_URL; }

std::string version_text() {
  return join(
      "hewn ", version_number(), "\ncommit   ",
      commit().empty() ? "unknown: the source was no git checkout, or git was not installed" : commit(),
      "\nbuild    ", build_description(), "\nmachine  ", processor(), ", ", default_threads(),
      " threads\nisa      ", name_of(best_isa()), " (usable: ", usable_isas(),
      "; choose with HEWN_ISA)\n         compiled: ", compiled_names(),
      "\ndevices  cpu: usable\n         cuda: ", cuda_text(), "\n");
}

std::string version_json() {
  const auto name = [](Isa isa) { return name_of(isa); };
  const Json isas = json_list(those_of(known_isas, supported), name), all = json_list(known_isas, name);
  const Json out = {{"version", version_number()},
                    {"commit", commit()},
                    {"build", build_description()},
                    {"processor", processor()},
                    {"threads", default_threads()},
                    {"isa", name_of(best_isa())},
                    {"isas", isas},
                    {"compiled_isas", all},
                    {"devices", Json::array({{{"name", "cpu"}, {"usable", true}}, cuda_json()})}};
  return json_text(out, 2) + "\n";
}

}  // namespace hewn::cli
