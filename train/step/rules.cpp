#include "train/step/rules.h"

#include <algorithm>
#include <iterator>

#include "core/error.h"
#include "kernels/contract/contract.h"
#include "kernels/optimizer/abi.h"

namespace hewn {
namespace {

/// Updates every element by itself, all in one sweep; kernels/optimizer/abi.h has the formulas.
template <UpdateRule rule>
void sweep(const OptimizerConfig& config, const Updated& u) {
  run(u.w.device(), ParameterUpdate{.rule = rule,
                                    .dtype = u.w.dtype(),
                                    .n = u.w.numel(),
                                    .n_decayed = u.n_decayed,
                                    .w = u.w.data(),
                                    .g = u.g.data(),
                                    .m = u.moments[0].data(),
                                    .v = u.moments.size() > 1 ? u.moments[1].data() : nullptr,
                                    .beta1 = config.beta1,
                                    .beta2 = config.beta2,
                                    .eps = config.eps,
                                    .weight_decay = config.weight_decay,
                                    .state = u.state,
                                    .w_bf16 = u.w_bf16.defined() ? u.w_bf16.data() : nullptr});
}

constexpr Rule rules[] = {
    {.of = OptimizerKind::adamw, .moments = "mv", .update = sweep<UpdateRule::adamw>},
    {.of = OptimizerKind::adam, .moments = "mv", .update = sweep<UpdateRule::adam>},
    {.of = OptimizerKind::sgd, .moments = "m", .update = sweep<UpdateRule::sgd>},
};

}  // namespace

std::vector<ParameterGroup> parameter_groups(const Parameters& parameters, const OptimizerConfig& config) {
  std::vector<ParameterGroup> groups;
  for (int64_t i = 0; i < std::ssize(parameters.slab().members); ++i) {
    const Parameter& p = *parameters.slab().members[static_cast<size_t>(i)];
    const Rule* const rule = std::ranges::find_if(
        rules, [&](const Rule& r) { return r.of == config.kind && (!r.takes || r.takes(p)); });
    require(rule != std::end(rules), "no rule of ", name_of(config.kind), " updates ", p.name);
    const Range elements = elements_to_next_member(parameters, static_cast<size_t>(i));
    if (groups.empty() || groups.back().rule != rule || rule->whole)
      groups.push_back({.rule = rule, .members = {i, i}, .elements = elements});
    groups.back().members.end = i + 1;
    groups.back().elements.end = elements.end;
  }
  return groups;
}

SlabBlocks blocks_of(const Parameters& parameters, const OptimizerConfig& config) {
  std::vector<Range> whole;
  for (const ParameterGroup& group : parameter_groups(parameters, config))
    if (group.rule->whole) whole.push_back(group.elements);
  return SlabBlocks(parameters.slab().n, whole);
}

}  // namespace hewn
