#pragma once
// A GPT with one block, whose forward and backward pass are computed by a lesson that calls the engine's
// layers.

#include <functional>
#include <memory>
#include <vector>

#include "apps/learn/judge/lesson_call.h"
#include "model/gpt.h"

namespace hewn::cli::learn {

/// The layers of a GPT with one block, declared with the names and in the order of `Gpt`, so that the same seed gives
/// the same weights. B windows of T tokens, C = n_embd, V = vocab_size.
struct GptParts {
  GptParts(Parameters& parameters, const ModelConfig& config);

  /// The rows of `table` [V, C] for tokens i32 [B, T], plus those of their positions: [B, T, C].
  Tensor embed(const Tensor& table, const Tensor& tokens);
  /// x table^T: [B, T, C] -> [B, T, V].
  static Tensor head(const Tensor& x, const Tensor& table);

  hewn::Parameter* wte;  ///< [V, C], of embeddings and head
  PositionTable wpe;
  NormLayer ln_1;
  SelfAttention attn;
  NormLayer ln_2;
  Mlp mlp;
  NormLayer ln_f;
};

/// A call of the lesson of chapter 7, `gpt`: its parameters' values in order. All Outs begin with zeros.
struct GptCall {
  Value tokens;  ///< B T ids
  int64_t B = 1, T = 1;
  Matrix x;        ///< [B T, C], input of the block
  Matrix dlogits;  ///< [B T, V]
  bool parallel = false;
  bool backward = true;  ///< false: dlogits and all gradients passed back by layers are zero

  std::vector<Value> values(const std::shared_ptr<GptParts>& parts) const;
};
std::vector<Parameter> gpt_parameters();
inline constexpr size_t gpt_logits = 10, gpt_dx = 11, gpt_dtable = 12;  ///< the Outs among them

/// The model. Each pass is a call of the lesson, and its gradients become the parameters' gradients; the
/// layers' parameters get their gradients from the lesson's calls of `backward`.
class LessonGpt final : public Model {
 public:
  /// Counts calls of the lesson. The lesson must outlive the model. Throws usage unless the config is that of
  /// a plain GPT-2 with one block and a tied table.
  LessonGpt(const ModelConfig& config, const Lesson& lesson, int64_t& calls);

  Tensor loss(const Tensor& tokens, const Tensor& targets, const ForwardOptions& options) override;
  Tensor target_losses(const Tensor& tokens, const Tensor& targets, const ForwardOptions& options) override;
  Tensor logits(const Tensor& tokens, const ForwardOptions& options) override;

  /// The contents of the lesson's Outs: logits, dx, dtable.
  std::vector<Matrix> run(const GptCall& call) const;

 private:
  GptCall call_on(const Tensor& tokens) const;

  const Lesson& lesson_;
  int64_t& calls_;
  std::shared_ptr<GptParts> parts_;
};

}  // namespace hewn::cli::learn
