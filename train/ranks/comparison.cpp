#include "train/ranks/comparison.h"

#include <algorithm>

#include "core/error.h"
#include "core/io/checksum.h"
#include "kernels/contract/contract.h"
#include "train/ranks/agreement.h"
#include "train/ranks/value_exchange.h"

namespace hewn {

std::string checksum_of(const Parameters& parameters, bool as_sent) {
  Checksum sum;
  std::vector<std::byte> host;
  for (const Parameter& p : parameters.all()) {
    const Tensor& numbers = as_sent && ValueExchange::sends_copy(p) ? p.value_bf16 : p.value;
    Executor& device = executor(numbers.device());
    if (!device.runs()) continue;  // those of a planned step have no values
    if (device.gpu()) {
      host.resize(numbers.bytes());
      device.download(host.data(), numbers.data(), host.size());
    }
    sum.update(device.gpu() ? host.data() : numbers.data(), numbers.bytes());
  }
  return to_hex(sum.value());
}

void require_same_parameters(const Parameters& parameters, Ranks& ranks, int64_t step, bool divided) {
  constexpr size_t digits = 16;
  std::vector<std::string> sums, hosts;
  for (const std::string& text : ranks.gather(checksum_of(parameters, divided) + name_of_host())) {
    sums.push_back(text.substr(0, digits));
    hosts.push_back(text.substr(digits));
  }
  const auto holders = [&](const std::string& sum) { return std::ranges::count(sums, sum); };
  const auto most = std::ranges::max_element(sums, {}, holders);
  if (holders(*most) == std::ssize(sums)) return;
  const bool majority = 2 * holders(*most) > std::ssize(sums);
  std::string named;
  for (size_t rank = 0; rank < sums.size(); ++rank)
    if (!majority || sums[rank] != *most)
      named += join(named.empty() ? "rank " : ", rank ", rank, " (", hosts[rank], ")");
  fail(ErrorCode::failed, "step ", step, ": the parameters of ", named,
       majority ? " differ from those of the other ranks" : " differ",
       ", so memory or a processor is faulty there; continue from the last checkpoint on other hosts");
}

}  // namespace hewn
