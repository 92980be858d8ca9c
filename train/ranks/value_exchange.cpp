#include "train/ranks/value_exchange.h"

namespace hewn {
namespace {

/// The elements of the slab's members that are sent as copies, or of the others, with the gaps behind them.
std::vector<Range> elements_sent(const Parameters& parameters, bool as_copies) {
  const ParameterSlab& slab = parameters.slab();
  std::vector<Range> ranges;
  for (size_t i = 0; i < slab.members.size(); ++i) {
    if (ValueExchange::sends_copy(*slab.members[i]) != as_copies) continue;
    const auto place = [&](size_t member) {
      return static_cast<int64_t>(slab.values->offset(member) / size_of(parameters.dtype()));
    };
    const Range member{place(i), i + 1 < slab.members.size() ? place(i + 1) : slab.n};
    if (!ranges.empty() && ranges.back().end == member.begin)
      ranges.back().end = member.end;
    else
      ranges.push_back(member);
  }
  return ranges;
}

}  // namespace

ValueExchange::ValueExchange(const Parameters& parameters, Ranks& ranks)
    : ranks_(ranks),
      slices_(ranks.slices(parameters.slab().n, parameters.dtype())),
      by_value_(elements_sent(parameters, false)) {
  const ParameterSlab& slab = parameters.slab();
  const Tensor values = elements_of(*slab.values, parameters.dtype());
  for (const Range& elements : by_value_) sent_.push_back({.numbers = values, .elements = elements});
  for (const Range& elements : elements_sent(parameters, true)) {
    sent_.push_back({.numbers = slab.values_bf16, .elements = elements});
    behind_.push_back({.numbers = values, .elements = elements});
  }
}

void ValueExchange::gather() {
  ranks_.all_gather(sent_, slices_);
  complete_ = behind_.empty();
}

void ValueExchange::complete() {
  if (complete_) return;
  ranks_.all_gather(behind_, slices_);
  ranks_.settle();
  complete_ = true;
}

}  // namespace hewn
