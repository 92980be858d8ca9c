#include "apps/run/ranks/rank_environment.h"

#include <bit>
#include <cstdlib>

#include "core/error.h"

namespace hewn::cli {
namespace {

// A whole number in the environment. Throws usage if it is not in the range, or if the variable is missing and has no default.
int64_t number_of(const Settings& settings, const char* variable, int64_t least, int64_t most,
                  const char* meaning, int64_t missing = -1) {
  const char* const text = std::getenv(variable);
  if (!text && missing >= 0) return missing;
  require(text, settings.where("rendezvous"), ": ", variable, ", ", meaning,
          ", is not set in the environment; torchrun sets it, or start each process with "
          "RANK=R WORLD_SIZE=N LOCAL_RANK=L in front of the command");
  int64_t number = 0;
  require(parse_integer(text, number) && number >= least && number <= most, settings.where("rendezvous"),
          ": ", variable, "=", text, " in the environment is not ", meaning,
          "; expected a whole number from ", least, " to ", most);
  return number;
}

std::string text_in(const char* variable) {
  const char* const text = std::getenv(variable);
  return text ? text : "";
}

// The numeric address of this host to listen at.
std::string own_address(int64_t size) {
  if (text_in("LOCAL_WORLD_SIZE") == std::to_string(size)) return "127.0.0.1";
  const Doing step("choosing the address at which other ranks reach this one, on the way to MASTER_ADDR");
  return address_towards(text_in("MASTER_ADDR"));
}

void check_keys(const Settings& settings) {
  for (const char* key : {"hosts", "restarts"})
    require(!settings.takes(key) || !settings.given(key) || !settings.where(key).starts_with('-'),
            settings.where(key), ": is for processes that --ranks=N starts; leave it out with rendezvous");
}

}  // namespace

bool has_rendezvous(const Settings& settings) {
  return settings.takes("rendezvous") && settings.has("rendezvous");
}

Rendezvous rendezvous_of(const Settings& settings) {
  check_keys(settings);
  const int64_t size = number_of(settings, "WORLD_SIZE", 1, 1024, "the number of processes");
  require(std::has_single_bit(static_cast<uint64_t>(size)), settings.where("rendezvous"),
          ": WORLD_SIZE=", size,
          " in the environment; expected a power of two, as gradients are added in pairs");
  const int64_t rank = number_of(settings, "RANK", 0, size - 1, "the number of this process");
  number_of(settings, "LOCAL_RANK", 0, rank, "the number of this process on its host");
  const std::string run = text_in("TORCHELASTIC_RUN_ID");
  return {
      .directory = settings.text("rendezvous"),
      .run = run.empty() ? "run" : run,
      .attempt = number_of(settings, "TORCHELASTIC_RESTART_COUNT", 0, 1'000'000, "the number of restarts", 0),
      .rank = static_cast<int>(rank),
      .size = static_cast<int>(size),
      .address = size == 1 ? "127.0.0.1" : own_address(size),
      .timeout = std::chrono::duration<double>(settings.real("rank_timeout"))};
}

}  // namespace hewn::cli
