#pragma once
// `hewn bench kernels --compare`: compares other libraries, loaded on request and never linked, with our
// kernels.

#include <memory>
#include <string>
#include <vector>

#include "apps/bench/plan.h"
#include "core/base/not_copied.h"

namespace hewn::cli {

struct LoadedPeer;

/// The libraries named in --compare.
class Peers : NotCopied {
 public:
  /// Loads each of `names` ("openblas", "blis", "onednn", "mkl"; for device cuda "cublas", "cudnn"): the file
  /// in HEWN_OPENBLAS (HEWN_BLIS, ...) if that is set, otherwise the first name in the table of peers.cpp
  /// that the dynamic loader finds. Throws usage for other names and for libraries of another device; fails,
  /// listing the files tried, if a library is not found or is not the named one.
  Peers(const std::vector<std::string>& names, const std::string& device);
  ~Peers();

  /// The contenders of each library for this case, for each number of threads; libraries that cannot handle
  /// it are omitted.
  std::vector<Contender> contenders(const Case& c, const BenchPlan& plan) const;
  /// Name and reason of each library that cannot handle this case: "cudnn has no GELU ...".
  std::vector<std::string> declined(const Case& c) const;

 private:
  std::vector<std::unique_ptr<LoadedPeer>> peers_;
};

}  // namespace hewn::cli
