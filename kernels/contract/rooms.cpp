#include "kernels/contract/rooms.h"

namespace hewn {

// Each is defined in its room's cases.cpp.
Cases cross_entropy_cases(const CaseRequest& request);
Cases layernorm_cases(const CaseRequest& request);
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

Sketch cross_entropy_like(std::string_view op, const void* args);
Sketch layernorm_like(std::string_view op, const void* args);
Sketch matmul_like(std::string_view op, const void* args);
Sketch global_norm_like(std::string_view op, const void* args);
Sketch optimizer_like(std::string_view op, const void* args);
Sketch attention_like(std::string_view op, const void* args);
Sketch activation_like(std::string_view op, const void* args);
Sketch elementwise_like(std::string_view op, const void* args);
Sketch copy_like(std::string_view op, const void* args);
Sketch dropout_like(std::string_view op, const void* args);
Sketch embedding_like(std::string_view op, const void* args);
Sketch reduce_like(std::string_view op, const void* args);
Sketch rmsnorm_like(std::string_view op, const void* args);
Sketch rotary_like(std::string_view op, const void* args);
Sketch softmax_like(std::string_view op, const void* args);

std::span<const Room> rooms() {
  static constexpr Room all[] = {
      {"cross_entropy", cross_entropy_cases, cross_entropy_like},
      {"layernorm", layernorm_cases, layernorm_like},
      {"matmul", matmul_cases, matmul_like},
      {"global_norm", global_norm_cases, global_norm_like},
      {"optimizer", optimizer_cases, optimizer_like},
      {"attention", attention_cases, attention_like},
      {"activation", activation_cases, activation_like},
      {"elementwise", elementwise_cases, elementwise_like},
      {"copy", copy_cases, copy_like},
      {"dropout", dropout_cases, dropout_like},
      {"embedding", embedding_cases, embedding_like},
      {"reduce", reduce_cases, reduce_like},
      {"rmsnorm", rmsnorm_cases, rmsnorm_like},
      {"rotary", rotary_cases, rotary_like},
      {"softmax", softmax_cases, softmax_like},
  };
  return all;
}

}  // namespace hewn
