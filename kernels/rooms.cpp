#include "kernels/rooms.h"

namespace hewn {

// Each is defined in its room's cases.cpp.
Cases cross_entropy_cases(const CaseRequest& request);
Cases layernorm_cases(const CaseRequest& request);
Cases log_softmax_cases(const CaseRequest& request);
Cases matmul_cases(const CaseRequest& request);
Cases global_norm_cases(const CaseRequest& request);
Cases optimizer_cases(const CaseRequest& request);
Cases attention_cases(const CaseRequest& request);
Cases activation_cases(const CaseRequest& request);
Cases elementwise_cases(const CaseRequest& request);
Cases copy_cases(const CaseRequest& request);
Cases dropout_cases(const CaseRequest& request);
Cases embedding_cases(const CaseRequest& request);
Cases reduce_cases(const CaseRequest& request);
Cases rmsnorm_cases(const CaseRequest& request);
Cases rotary_cases(const CaseRequest& request);
Cases softmax_cases(const CaseRequest& request);

std::span<const Room> rooms() {
  static constexpr Room all[] = {
      {"cross_entropy", cross_entropy_cases},
      {"layernorm", layernorm_cases},
      {"log_softmax", log_softmax_cases},
      {"matmul", matmul_cases},
      {"global_norm", global_norm_cases},
      {"optimizer", optimizer_cases},
      {"attention", attention_cases},
      {"activation", activation_cases},
      {"elementwise", elementwise_cases},
      {"copy", copy_cases},
      {"dropout", dropout_cases},
      {"embedding", embedding_cases},
      {"reduce", reduce_cases},
      {"rmsnorm", rmsnorm_cases},
      {"rotary", rotary_cases},
      {"softmax", softmax_cases},
  };
  return all;
}

}  // namespace hewn
