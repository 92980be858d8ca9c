#include "model/named_tensors.h"

#include "core/error.h"

namespace hewn {

TensorList::TensorList(std::vector<TensorEntry> entries, std::shared_ptr<const void> owner)
    : owner_(std::move(owner)), entries_(std::move(entries)) {
  for (size_t i = 0; i < entries_.size(); ++i)
    if (!index_.emplace(entries_[i].name, i).second)
      fail(ErrorCode::input, "tensor ", entries_[i].name, " appears twice");
}

const TensorEntry* TensorList::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : &entries_[found->second];
}

void TensorList::each(const std::function<void(const TensorEntry&)>& use) const {
  for (const TensorEntry& entry : entries_) use(entry);
}

}  // namespace hewn
