#include "train/ranks/value_exchange.h"

#include <algorithm>
#include <vector>

#include "core/error.h"
#include "kernels/contract/contract.h"

namespace hewn {
namespace {

/// The elements of the slab's members that are sent as copies, or of the others, with the gaps behind them.
std::vector<Range> elements_sent(const Parameters& parameters, bool as_copies) {
  std::vector<Range> ranges;
  for (size_t i = 0; i < parameters.slab().members.size(); ++i) {
    if (ValueExchange::sends_copy(*parameters.slab().members[i]) != as_copies) continue;
    const Range member = elements_to_next_member(parameters, i);
    if (!ranges.empty() && ranges.back().end == member.begin)
      ranges.back().end = member.end;
    else
      ranges.push_back(member);
  }
  return ranges;
}

}  // namespace

ValueExchange::ValueExchange(const Parameters& parameters, Ranks& ranks, const Slices& slices)
    : ranks_(ranks), slices_(slices), by_value_(elements_sent(parameters, false)) {
  const ParameterSlab& slab = parameters.slab();
  const Tensor values = elements_of(*slab.values, parameters.dtype());
  for (const Range& elements : by_value_) sent_.push_back({.numbers = values, .elements = elements});
  for (const Range& elements : elements_sent(parameters, true)) {
    sent_.push_back({.numbers = slab.values_bf16, .elements = elements});
    behind_.push_back({.numbers = values, .elements = elements});
  }
  list_pieces(parameters);
  list_targets(parameters);
}

ValueExchange::~ValueExchange() {
  try {
    finish();
  } catch (const Error&) {
    ranks_.abandon();
  }
  for (const Target& target : targets_) target.storage->arrival = nullptr;
}

/// Layers are declared in the order in which a forward pass reads them.
void ValueExchange::list_pieces(const Parameters& parameters) {
  const std::vector<Parameter*>& members = parameters.slab().members;
  std::vector<Range> declared;
  for (const Parameter& p : parameters.all())
    if (const auto member = std::ranges::find(members, &p); member != members.end())
      declared.push_back(elements_of_member(parameters, static_cast<size_t>(member - members.begin())));
  for (int64_t bucket = 0; bucket < slices_.buckets(); ++bucket)
    for (const SlabPart& part : sent_)
      if (const Range elements = common(part.elements, slices_.elements(bucket)); elements.size() > 0)
        pieces_.push_back({{.numbers = part.numbers, .elements = elements}, bucket});
  const auto first_read = [&](const Piece& piece) {
    return std::ranges::find_if(declared, [&](Range p) { return common(p, piece.part.elements).size() > 0; });
  };
  std::ranges::stable_sort(pieces_, {}, first_read);
}

void ValueExchange::list_targets(const Parameters& parameters) {
  const ParameterSlab& slab = parameters.slab();
  for (size_t i = 0; i < slab.members.size(); ++i) {
    const Parameter& p = *slab.members[i];
    targets_.push_back(
        {(sends_copy(p) ? p.value_bf16 : p.value).storage(), elements_of_member(parameters, i)});
  }
  for (const SlabPart& part : sent_) targets_.push_back({part.numbers.storage(), {0, slab.n}});
}

void ValueExchange::gather() {
  finish();
  complete_ = behind_.empty();
  if (!ranks_.goes_on()) return ranks_.all_gather(sent_, slices_);
  for (const Piece& piece : pieces_)
    under_way_.push_back({piece.part.elements, ranks_.start_gather(piece.part, slices_, piece.bucket)});
  for (const Target& target : targets_) target.storage->arrival = this;
}

void ValueExchange::await(Storage& storage) {
  const auto target = std::ranges::find(targets_, &storage, [](const Target& t) { return t.storage.get(); });
  for (UnderWay& piece : under_way_)
    if (piece.exchange && common(piece.elements, target->elements).size() > 0) {
      ranks_.wait(*piece.exchange);
      piece.exchange.reset();
    }
  storage.arrival = nullptr;
}

void ValueExchange::finish() {
  for (UnderWay& piece : under_way_)
    if (piece.exchange) ranks_.wait(*piece.exchange);
  under_way_.clear();
  for (const Target& target : targets_) target.storage->arrival = nullptr;
}

void ValueExchange::complete() {
  finish();
  if (complete_) return;
  ranks_.all_gather(behind_, slices_);
  ranks_.settle();
  complete_ = true;
}

void broadcast_values(Tensor& values, Ranks& ranks) {
  if (!executor(values.device()).gpu()) {
    ranks.broadcast({static_cast<std::byte*>(values.data()), values.bytes()});
    return values.changed();
  }
  std::vector<std::byte> host(values.bytes());
  if (ranks.rank() == 0) values.device().download(host.data(), values.data(), host.size());
  ranks.broadcast(host);
  if (ranks.rank() > 0) values.upload(host.data());
}

void broadcast_parameters(Parameters& parameters, Ranks& ranks) {
  for (Parameter& p : parameters.all()) broadcast_values(p.value, ranks);
}

}  // namespace hewn
