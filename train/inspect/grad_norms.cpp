#include "train/inspect/grad_norms.h"

#include <cmath>

#include "core/tape.h"

namespace hewn {

std::string part_of(const std::string& parameter) {
  constexpr std::string_view prefix = "transformer.", block = "h.";
  std::string_view rest = parameter;
  if (rest.starts_with(prefix)) rest.remove_prefix(prefix.size());
  return std::string(rest.substr(0, rest.find('.', rest.starts_with(block) ? block.size() : 0)));
}

std::vector<PartNorm> grad_norms(Trainer& trainer, std::span<const Batch> micro_batches) {
  TapeObserver nothing;
  trainer.watch(micro_batches, nothing);
  std::vector<PartNorm> norms;
  for (const Parameter& p : trainer.model().parameters().all()) {
    if (!p.trains) continue;
    std::string part = part_of(p.name);
    if (norms.empty() || norms.back().part != part) norms.push_back({.part = std::move(part)});
    for (const double g : grad_of(p.value).doubles()) norms.back().norm += g * g;
  }
  for (PartNorm& part : norms) part.norm = std::sqrt(part.norm);
  return norms;
}

}  // namespace hewn
