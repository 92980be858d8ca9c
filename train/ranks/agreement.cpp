#include "train/ranks/agreement.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>

#include "core/error.h"
#include "core/io/checksum.h"
#include "kernels/contract/contract.h"
#include "train/ranks/value_exchange.h"

namespace hewn {
namespace {

// Facts as a text of lines, which values do not contain.
std::string text_of(const std::vector<RankFact>& facts) {
  std::string text = name_of_host() + "\n";
  for (const RankFact& fact : facts) text += join(fact.value, "\n", fact.advice, "\n", fact.order, "\n");
  return text;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t begin = 0, end = 0; (end = text.find('\n', begin)) != text.npos; begin = end + 1)
    lines.push_back(text.substr(begin, end - begin));
  return lines;
}

}  // namespace

void require_agreement(Ranks& ranks, const std::vector<RankFact>& facts) {
  std::vector<std::vector<std::string>> all;
  for (const std::string& text : ranks.gather(text_of(facts))) all.push_back(lines_of(text));
  const auto name = [&](size_t rank) { return join("rank ", rank, " (", all[rank].at(0), ")"); };
  for (size_t i = 0; i < facts.size(); ++i) {
    const size_t value = 1 + 3 * i;
    for (size_t rank = 1; rank < all.size(); ++rank) {
      require(all[rank].size() == all[0].size(), name(rank), " has a different version of Hewn from ",
              name(0));
      if (all[rank][value] == all[0][value]) continue;
      const size_t lower = std::stoi(all[rank][value + 2]) < std::stoi(all[0][value + 2]) ? rank : 0;
      const std::string& advice = all[lower][value + 1];
      fail(ErrorCode::usage, name(rank), " has ", all[rank][value], " for ", facts[i].what, ", but ", name(0),
           " has ", all[0][value], advice.empty() ? "" : "; ", advice);
    }
  }
}

void require_own_gpus(Ranks& ranks, const std::string& address) {
  const std::vector<std::string> hosts = ranks.gather(name_of_host()), addresses = ranks.gather(address);
  const auto name = [&](size_t rank) { return join("rank ", rank, " (", hosts[rank], ")"); };
  for (size_t rank = 1; rank < hosts.size(); ++rank)
    for (size_t before = 0; before < rank; ++before)
      require(addresses[rank].empty() || addresses[rank] != addresses[before] || hosts[rank] != hosts[before],
              name(rank), " has the same GPU as ", name(before), ", that at ", addresses[rank],
              "; start at most as many ranks on a host as CUDA finds GPUs there (CUDA_VISIBLE_DEVICES)");
}

void require_gpu_each(const std::string& where, int64_t ranks, int64_t gpus) {
  require(ranks <= gpus, where, ": ", ranks, " ranks need a GPU each, but CUDA finds ", gpus, " on this host",
          " (CUDA_VISIBLE_DEVICES); give at most ", std::bit_floor(static_cast<uint64_t>(gpus)),
          gpus == 1 ? " rank" : " ranks");
}

std::string name_of_host() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

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
