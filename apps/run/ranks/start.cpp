#include "apps/run/ranks/start.h"

#include <nlohmann/json.hpp>

#include "apps/cli/terminal.h"
#include "apps/cli/version.h"
#include "core/error.h"
#include "core/io/checksum.h"
#include "kernels/gpu/runtime/runtime.h"
#include "model/config_json.h"
#include "model/json.h"
#include "train/ranks/agreement.h"

namespace hewn::cli {
namespace {

std::string message_of(const Settings& settings, const TrainStart& start) {
  const Json values = json_list(settings.assignments(), [](const Assignment& a) {
    return Json{a.key, a.value, a.where};
  });
  return exact_json_text(Json{{"settings", values},
                              {"resumed", start.resumed},
                              {"weights", start.has_weights()},
                              {"vocab_size", start.vocab_size()},
                              {"tokenizer", start.tokenizer ? start.tokenizer->to_json() : ""},
                              {"state", to_json(start.state)}});
}

void read(const std::string& text, Settings& settings, TrainStart& start) {
  const Json json = parse_ordered_json(text);
  settings = Settings(settings.command());
  for (const Json& a : json.at("settings"))
    settings.set({a.at(0).get<std::string>(), a.at(1).get<std::string>(), a.at(2).get<std::string>()});
  start.resumed = json.at("resumed").get<bool>();
  start.received = {.has_weights = json.at("weights").get<bool>(),
                    .vocab_size = json.at("vocab_size").get<int64_t>()};
  if (const auto tokenizer = json.at("tokenizer").get<std::string>(); !tokenizer.empty())
    start.tokenizer = tokenizer_from_json(tokenizer);
  start.state = run_state_from_json(json.at("state").get<std::string>());
}

// A GPU divides some sums among its multiprocessors.
std::string gpu_text(Executor& device) {
  if (!device.gpu()) return "none";
  const GpuProperties& gpu = device.gpu()->properties();
  return join(gpu.name, " with ", gpu.multiprocessors, " multiprocessors");
}

std::vector<RankFact> facts_of(Executor& device, uint64_t data_hash) {
  const std::string isa(name_of(device.isa()));
  return {
      {"the version", join(version_number(), " (", build_description(), ")"), "install the same build", 0},
      {"the instruction set", isa, "set HEWN_ISA=" + isa, static_cast<int>(device.isa())},
      {"the device", std::string(device.name()), "set device", 0},
      {"the GPU", gpu_text(device), "use GPUs of one kind", 0},
      {"the hash of the data", to_hex(data_hash), "copy the same data to all hosts", 0}};
}

}  // namespace

void check_division(const Settings& settings, int64_t micro_steps, int64_t shards, int64_t ranks) {
  require(micro_steps % ranks == 0, settings.where("gradient_accumulation_steps"),
          ": gradient_accumulation_steps = ", micro_steps, " micro-steps cannot be divided among ", ranks,
          " ranks; give a multiple of ", ranks);
  require(shards % ranks == 0, settings.where("grad_shards"), ": grad_shards = ", shards,
          " groups of micro-steps cannot be divided among ", ranks, " ranks; give a multiple of ", ranks,
          ", or at most ", shards, shards == 1 ? " rank" : " ranks");
}

void divide_micro_steps(Settings& settings, int64_t ranks) {
  if (!settings.given("grad_shards"))
    settings.set({"grad_shards", std::to_string(ranks), "the number of ranks"});
  check_division(settings, settings.integer("gradient_accumulation_steps"), settings.integer("grad_shards"),
                 ranks);
}

void share_start(Settings& settings, TrainStart& start, Ranks& ranks) {
  const bool first = ranks.rank() == 0;
  if (first) divide_micro_steps(settings, ranks.size());
  const std::string text = ranks.gather(first ? message_of(settings, start) : "").at(0);
  if (!first) read(text, settings, start);
}

void require_agreement(Ranks& ranks, const TrainConfig& config, Executor& device, uint64_t data_hash) {
  std::string keys;
  for (const auto& key : training_keys) keys += join(key.name, "=", text_of(key.get(config)), ";");
  std::vector<RankFact> facts = facts_of(device, data_hash);
  facts.push_back({"the hash of the configuration", to_hex(checksum(to_json(config.model) + keys)), "", 0});
  require_agreement(ranks, facts);
}

void require_agreement(Ranks& ranks, const Model& model, uint64_t data_hash) {
  std::vector<RankFact> facts = facts_of(executor(model.device()), data_hash);
  facts.push_back(
      {"the checksum of the weights", checksum_of(model.parameters()), "copy the same run to all hosts", 0});
  require_agreement(ranks, facts);
}

void say_ranks(Ranks& ranks, Executor& device) {
  std::string mine = join(name_of_host(), ", ", device.name(), ", ");
  if (GpuRuntime* const gpu = device.gpu()) {
    const GpuProperties& its = gpu->properties();
    mine += its.address.empty() ? its.name : join(its.name, " at ", its.address);
  } else {
    mine += join(device.threads(), device.threads() == 1 ? " thread, " : " threads, ", name_of(device.isa()));
  }
  int rank = 0;
  for (const std::string& theirs : ranks.gather(mine)) {
    const std::string name = join("rank ", rank++);
    say(name, std::string(8 - std::min<size_t>(7, name.size()), ' '), theirs);
  }
}

}  // namespace hewn::cli
