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

std::vector<PartNorm> update_ratios(Trainer& trainer, std::span<const Batch> micro_batches) {
  std::vector<std::pair<Tensor, Tensor>> kept;  // a tensor and a copy of it
  std::vector<const Parameter*> trained;
  trainer.exchange().gather_values();
  for (const Parameter& p : trainer.model().parameters().all())
    if (p.trains) trained.push_back(&p), kept.emplace_back(p.value.detached(), p.value.detached().clone());
  for (const Tensor& moments : trainer.optimizer().moments_here())
    kept.emplace_back(moments, moments.clone());
  const int64_t steps = trainer.steps_done();
  trainer.step(micro_batches);
  trainer.exchange().gather_values();

  std::vector<PartNorm> ratios;
  std::vector<double> squares;  // of the weights of each part
  for (size_t i = 0; i < trained.size(); ++i) {
    std::string part = part_of(trained[i]->name);
    if (ratios.empty() || ratios.back().part != part)
      ratios.push_back({.part = std::move(part)}), squares.push_back(0);
    const std::vector<double> after = kept[i].first.doubles(), before = kept[i].second.doubles();
    for (size_t k = 0; k < before.size(); ++k) {
      ratios.back().norm += (after[k] - before[k]) * (after[k] - before[k]);
      squares.back() += before[k] * before[k];
    }
  }
  for (size_t i = 0; i < ratios.size(); ++i)
    ratios[i].norm = squares[i] > 0 ? std::sqrt(ratios[i].norm / squares[i]) : 0;
  for (auto& [tensor, copy] : kept) tensor.copy_from(copy);
  trainer.set_steps_done(steps);
  return ratios;
}

}  // namespace hewn
