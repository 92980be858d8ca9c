#pragma once
// Tensors sent from GPU to GPU by NCCL.

#include <string>
#include <thread>

#include "train/ranks/ranks.h"
#include "train/ranks/tensors/gpu_transport.h"
#include "train/ranks/tensors/nccl_library.h"

namespace hewn {

/// The NCCL library of a rank.
struct FoundNccl {
  const nccl::Library* library = nullptr;  ///< null: not usable, because of `problem`
  std::string problem = {};
};

/// Why the ranks cannot use NCCL: one of them lacks it, or versions differ. "" if they can. All ranks must
/// call it.
std::string why_no_nccl(Ranks& ranks, const FoundNccl& found);

/// Sends and receives on the second stream of the GPU; the library only moves bytes. The host does not wait,
/// but queues later work. A graph may contain transfers, but drop it before this object, whose destructor
/// would wait for it.
class NcclTransport final : public GpuTransport {
 public:
  /// Connects the ranks; all construct it at the same time. Ranks and library must outlive the object. Throws
  /// failed with the library's message.
  NcclTransport(Ranks& ranks, Executor& device, const nccl::Library& library);
  /// Aborts pending operations.
  ~NcclTransport() override;

  std::unique_ptr<TensorExchange> start(Topic topic, std::vector<TensorSwap> swaps) override;
  int64_t most_under_way() const override { return 4; }
  void check() override;
  bool in_graphs() const override { return library_.version >= nccl::Library::least_in_graphs; }

 private:
  void expect(int result, const char* function) const;
  void abort();

  const nccl::Library& library_;
  void* comm_ = nullptr;  // null: closed
  std::thread aborting_;
};

}  // namespace hewn
