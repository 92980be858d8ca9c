#include "train/ranks/gradient_exchange.h"

#include <algorithm>

#include "core/error.h"

namespace hewn {
namespace {

/// The buckets with elements of each member of the slab.
std::vector<Range> buckets_of_members(const Parameters& parameters, const Slices& slices) {
  std::vector<Range> buckets;
  for (size_t i = 0; i < parameters.slab().members.size(); ++i)
    buckets.push_back(slices.buckets_of(elements_of_member(parameters, i)));
  return buckets;
}

/// The members of the slab, from the last one declared to the first.
std::vector<size_t> last_to_first(const Parameters& parameters) {
  const std::vector<Parameter*>& members = parameters.slab().members;
  std::vector<size_t> order;
  for (auto p = parameters.all().crbegin(); p != parameters.all().crend(); ++p)
    if (const auto member = std::ranges::find(members, &*p); member != members.end())
      order.push_back(static_cast<size_t>(member - members.begin()));
  return order;
}

}  // namespace

GradientExchange::GradientExchange(Parameters& parameters, GradientGroups& groups, Ranks& ranks,
                                   const Slices& slices)
    : parameters_(parameters),
      groups_(groups),
      ranks_(ranks),
      grads_(elements_of(*parameters.slab().grads, parameters.dtype())),
      slices_(slices),
      buckets_of_(buckets_of_members(parameters, slices_)) {
  reset();
  for (const size_t member : last_to_first(parameters))
    for (int64_t bucket = buckets_of_[member].begin; bucket < buckets_of_[member].end; ++bucket)
      if (--incomplete_[static_cast<size_t>(bucket)] == 0) order_.push_back(bucket);
  reset();
  const MemUseScope use(MemUse::gradient);
  for (int64_t i = 0; i < std::min(most_under_way, slices_.buckets()); ++i)
    free_.push_back(ranks.room(parameters.device(), grads_.dtype(), slices_));
}

GradientExchange::~GradientExchange() {
  remove_hooks();
  if (!under_way_.empty()) ranks_.abandon();  // an error has ended the backward pass
}

/// Nothing is complete, nothing has started.
void GradientExchange::reset() {
  complete_.assign(buckets_of_.size(), false);
  incomplete_.assign(static_cast<size_t>(slices_.buckets()), 0);
  for (const Range& buckets : buckets_of_)
    for (int64_t bucket = buckets.begin; bucket < buckets.end; ++bucket)
      ++incomplete_[static_cast<size_t>(bucket)];
  next_ = 0;
}

void GradientExchange::begin() {
  sent_before_ = ranks_.bytes_sent();
  const std::vector<Parameter*>& members = parameters_.slab().members;
  for (size_t i = 0; i < members.size(); ++i)
    members[i]->value.variable()->hooks.push_back({.call = [this, i](const Tensor&) { complete(i); }});
  hooked_ = true;
}

void GradientExchange::remove_hooks() {
  if (!hooked_) return;
  for (Parameter* p : parameters_.slab().members) p->value.variable()->hooks.pop_back();
  hooked_ = false;
}

void GradientExchange::complete(size_t member) {
  if (complete_[member])
    fail(ErrorCode::failed, "the gradient of ", parameters_.slab().members[member]->name,
         " was complete twice in one backward pass: several recomputed blocks use the parameter; this is not "
         "supported with several ranks");
  complete_[member] = true;
  for (int64_t bucket = buckets_of_[member].begin; bucket < buckets_of_[member].end; ++bucket)
    --incomplete_[static_cast<size_t>(bucket)];
  advance();
}

/// Finishes the buckets that have arrived, and starts those that are due while there is room. Does not wait.
void GradientExchange::advance() {
  for (auto at = under_way_.begin(); at != under_way_.end();) {
    const auto exchange = at++;
    if (ranks_.arrived(*exchange)) finish(exchange);
  }
  for (; next_ < order_.size() && !free_.empty(); ++next_) {
    const int64_t bucket = order_[next_];
    if (incomplete_[static_cast<size_t>(bucket)] > 0) return;
    groups_.add_subtrees(slices_.elements(bucket));
    under_way_.splice(under_way_.end(), free_, free_.begin());
    ranks_.start(grads_, slices_, bucket, under_way_.back());
  }
}

void GradientExchange::finish(std::list<BucketExchange>::iterator exchange) {
  ranks_.finish(*exchange);
  free_.splice(free_.end(), under_way_, exchange);
}

void GradientExchange::finish() {
  remove_hooks();
  parameters_.complete_grads();
  std::fill(incomplete_.begin(), incomplete_.end(), 0);
  for (advance(); !under_way_.empty(); advance()) finish(under_way_.begin());
  ranks_.join();
  grads_.changed();
  reset();
  sent_ = ranks_.bytes_sent() - sent_before_;
}

void GradientExchange::replayed(bool again) {
  ranks_.replayed(again ? sent_ : 0);
  grads_.changed();
}

}  // namespace hewn
