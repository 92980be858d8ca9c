#pragma once
// `hewn bench kernels --compare`: other libraries beside our kernels, found when asked for and never linked.

#include <memory>
#include <string>
#include <vector>

#include "apps/bench/plan.h"

namespace hewn::cli {

struct LoadedPeer;

/// The libraries named in --compare.
class Peers {
 public:
  /// Loads each of `names` ("openblas", "blis", "onednn", "mkl"; for the device cuda "cublas", "cudnn"): the
  /// file in HEWN_OPENBLAS (HEWN_BLIS, ...) if that is set, else the first of the names in the table of
  /// peers.cpp that the dynamic loader finds. Usage error for other names and for libraries of another
  /// device; fails, saying what was tried, when a library is not found or is not what its name says.
  Peers(const std::vector<std::string>& names, const std::string& device);
  ~Peers();
  Peers(const Peers&) = delete;
  Peers& operator=(const Peers&) = delete;

  /// Each library's ways of doing this case, for each number of threads; none for what it cannot do.
  std::vector<Contender> contenders(const Case& c, const BenchPlan& plan) const;
  /// Of each library that cannot, its name and why: "cudnn has no GELU ...".
  std::vector<std::string> declined(const Case& c) const;

 private:
  std::vector<std::unique_ptr<LoadedPeer>> peers_;
};

}  // namespace hewn::cli
