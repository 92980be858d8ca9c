#pragma once
// Tensors sent from GPU to GPU by NCCL.

#include <string>
#include <thread>

#include "train/ranks/ranks.h"
#include "train/ranks/tensors/gpu_transport.h"
#include "train/ranks/tensors/nccl_library.h"

namespace hewn {

/// What a rank knows of NCCL.
struct FoundNccl {
  const nccl::Library* library = nullptr;  ///< null: it cannot be used, because of `problem`
  std::string problem = {};
};

/// Why the ranks cannot exchange tensors by NCCL: one of them lacks it, or has another version. "" if they can. All ranks
/// must call it.
std::string why_no_nccl(Ranks& ranks, const FoundNccl& found);

/// Sends and receives beside the main order of the GPU; the library only moves bytes. The host does not wait for them: it
/// queues what follows. A graph may hold them, but must be dropped before this ends, which would wait for it.
class NcclTransport final : public GpuTransport {
 public:
  /// Connects the ranks, which all make theirs at the same time. They and the library must outlive the object. Throws
  /// failed with the library's own words.
  NcclTransport(Ranks& ranks, Executor& device, const nccl::Library& library);
  /// Ends what is under way.
  ~NcclTransport() override;

  std::unique_ptr<TensorExchange> start(Topic topic, std::vector<TensorSwap> swaps) override;
  int64_t most_under_way() const override { return 4; }
  void check() override;
  bool in_graphs() const override { return library_.version >= nccl::Library::least_in_graphs; }

 private:
  void expect(int result, const char* function) const;
  void abort();

  const nccl::Library& library_;
  void* comm_ = nullptr;  // null: there is none any more
  std::thread aborting_;
};

}  // namespace hewn
