#include "apps/learn/judge/lesson_gpt.h"

#include <map>
#include <utility>

#include "core/error.h"
#include "kernels/copy/op.h"
#include "kernels/cross_entropy/op.h"
#include "kernels/embedding/op.h"
#include "kernels/linear/op.h"

namespace hewn::cli::learn {
namespace {

/// A layer of the model, [B, T, C] -> [B, T, out], and its width `out`.
struct Part {
  std::function<Tensor(const Tensor& x)> apply;
  int64_t out;
};

/// In the order of the lesson's parameters.
std::vector<Part> parts_in_order(const std::shared_ptr<GptParts>& parts) {
  const int64_t C = parts->wte->shape[1], V = parts->wte->shape[0];
  const auto norm = [&](const NormLayer& layer) {
    return Part{[parts, &layer](const Tensor& x) { return layer(x, x.dtype()); }, C};
  };
  return {norm(parts->ln_1),
          {[parts](const Tensor& x) { return parts->attn(x, {}, {}); }, C},
          norm(parts->ln_2),
          {[parts](const Tensor& x) { return parts->mlp(x, {}, {}); }, C},
          norm(parts->ln_f),
          // The lesson itself computes what the head contributes to the gradient of the table.
          {[parts](const Tensor& x) { return GptParts::head(x, parts->wte->value.detached()); }, V}};
}

/// What a lesson calls. Gradients of the layer's parameters arrive with `backward`; a repeated call adds none.
Value layer_of(const Part& part, Device& device, const Shape& input, bool with_backward) {
  const auto tensor = [&device](const Matrix& m, const Shape& shape) {
    return Tensor::from(device, m.values, shape);
  };
  LayerFunctions layer;
  layer.rows = static_cast<int>(input[0] * input[1]);
  layer.in = static_cast<int>(input[2]);
  layer.out = static_cast<int>(part.out);
  layer.forward = [=, apply = part.apply](const Matrix& x) {
    const NoGrad none;
    return matrix_of(apply(tensor(x, input)));
  };
  layer.backward = [=, apply = part.apply, known = std::map<std::vector<double>, Matrix>()](
                       const Matrix& x, const Matrix& dy) mutable {
    if (!with_backward) return Matrix(x.rows, x.cols);
    std::vector<double> key = x.values;
    key.insert(key.end(), dy.values.begin(), dy.values.end());
    const auto [at, fresh] = known.try_emplace(std::move(key));
    if (!fresh) return at->second;
    Tensor from = tensor(x, input);
    require_grad(from, "x");
    const WithGrad recorded;
    Tape tape;
    const Tensor y = apply(from);
    tape.backward(y, tensor(dy, y.shape()));
    return at->second = gradient_of(from);
  };
  return layer_value(std::move(layer));
}

constexpr OpInfo lesson_info{"lesson", "loss of the logits that the lesson computes",
                             "dtable and dx from the lesson; dposition_t = sum over windows of dx_t"};

/// The loss of a model whose passes a lesson makes. Inputs: the table and the positions.
struct LessonNode final : Node {
  const LessonGpt* model;
  GptCall call;  // dlogits are those of a dloss of 1

  LessonNode(const LessonGpt& m, GptCall c) : model(&m), call(std::move(c)) {}
  const OpInfo& info() const override { return lesson_info; }
  void backward(const Tensor& dy, Grads& grads) override {
    for (double& g : call.dlogits.values) g *= dy.doubles()[0];
    const std::vector<Matrix> outs = model->run(call);
    put(grads, 0, outs[2]);
    const Matrix& dx = outs[1];
    Matrix positions(static_cast<int>(model->config().block_size), dx.cols);
    for (int r = 0; r < dx.rows; ++r)
      for (int c = 0; c < dx.cols; ++c) positions(r % static_cast<int>(call.T), c) += dx(r, c);
    put(grads, 1, positions);
  }
  static void put(Grads& grads, size_t input, const Matrix& gradient) {
    if (!grads.wants(input)) return;
    const auto [tensor, write] = grads.at(input);
    auto* to = tensor.ptr<double>();
    for (const double g : gradient.values) *to = write == Write::add ? *to + g : g, ++to;
  }
};

}  // namespace

GptParts::GptParts(Parameters& parameters, const ModelConfig& config)
    : wte(parameters.add("transformer.wte.weight", {config.vocab_size, config.n_embd},
                         Init::normal(initial_deviation))),
      wpe(parameters, config, config.n_embd),
      ln_1(parameters, "transformer.h.0.ln_1", config),
      attn(parameters, "transformer.h.0.attn", config, 0),
      ln_2(parameters, "transformer.h.0.ln_2", config),
      mlp(parameters, "transformer.h.0.mlp", config, 0),
      ln_f(parameters, "transformer.ln_f", config) {}

Tensor GptParts::embed(const Tensor& table, const Tensor& tokens) {
  return embedding(table, wpe.rows(), tokens);
}

Tensor GptParts::head(const Tensor& x, const Tensor& table) {
  return linear(x, table, Tensor(), {.layout = Layout::out_in});
}

std::vector<Parameter> gpt_parameters() {
  return {{"tokens", Role::ids}, {"x", Role::array},          {"dlogits", Role::array}, {"ln_1", Role::layer},
          {"attn", Role::layer}, {"ln_2", Role::layer},       {"mlp", Role::layer},     {"ln_f", Role::layer},
          {"head", Role::layer}, {"parallel", Role::integer}, {"logits", Role::sets},   {"dx", Role::adds},
          {"dtable", Role::adds}};
}

std::vector<Value> GptCall::values(const std::shared_ptr<GptParts>& parts) const {
  const hewn::Parameter& table = *parts->wte;
  const auto zeros = [](int64_t rows, int64_t cols) {
    return Matrix(static_cast<int>(rows), static_cast<int>(cols));
  };
  std::vector<Value> all{tokens, x, dlogits};
  for (const Part& part : parts_in_order(parts))
    all.push_back(layer_of(part, table.value.device(), {B, T, table.shape[1]}, backward));
  all.push_back(number_value(parallel));
  all.emplace_back(zeros(B * T, table.shape[0]));
  all.emplace_back(zeros(B * T, table.shape[1]));
  all.emplace_back(zeros(table.shape[0], table.shape[1]));
  return all;
}

LessonGpt::LessonGpt(const ModelConfig& config, const Lesson& lesson, int64_t& calls)
    : Model(config), lesson_(lesson), calls_(calls), parts_(new GptParts(parameters(), config)) {
  require(config.n_layer == 1 && config.tie && config.residual && config.norm_place == NormPlace::pre &&
              config.pos == Positions::learned && !config.concatenates() && config.dropout <= 0,
          "a lesson's GPT has one block, a tied table and learned positions");
}

std::vector<Matrix> LessonGpt::run(const GptCall& call) const {
  ++calls_;
  return lesson_.run(call.values(parts_));
}

GptCall LessonGpt::call_on(const Tensor& tokens) const {
  const NoGrad none;
  const Tensor x = parts_->embed(parts_->wte->value, tokens);
  std::vector<int> ids;
  for (const double id : tokens.doubles()) ids.push_back(static_cast<int>(id));
  const auto n = static_cast<int>(tokens.numel());
  return {.tokens = ids_value(1, n, std::move(ids)),
          .B = tokens.dim(0),
          .T = tokens.dim(1),
          .x = matrix_of(x),
          .dlogits = Matrix(n, static_cast<int>(config().vocab_size)),
          .backward = false};
}

Tensor LessonGpt::loss(const Tensor& tokens, const Tensor& targets, const ForwardOptions&) {
  GptCall call = call_on(tokens);
  const Matrix logits = run(call)[0];
  Tensor leaf = Tensor::from(device(), logits.values, Shape{logits.rows, logits.cols});
  require_grad(leaf, "logits");
  Tensor loss;
  {
    const WithGrad recorded;
    Tape tape;
    const Tensor recorded_loss = cross_entropy(leaf, targets.viewed({targets.numel()}));
    tape.backward(recorded_loss);
    loss = recorded_loss.detached();
  }
  call.dlogits = gradient_of(leaf);
  call.backward = true;
  return record(std::move(loss), {parts_->wte->value, parts_->wpe.rows()},
                LessonNode(*this, std::move(call)));
}

Tensor LessonGpt::target_losses(const Tensor& tokens, const Tensor& targets, const ForwardOptions& options) {
  return cross_entropy_rows(logits(tokens, options), targets);
}

Tensor LessonGpt::logits(const Tensor& tokens, const ForwardOptions& options) {
  const int64_t T = tokens.dim(1);
  const Matrix all = run(call_on(tokens))[0];
  const Tensor logits = Tensor::from(device(), all.values, Shape{tokens.dim(0), T, config().vocab_size});
  return options.last_only ? contiguous(slice(logits, 1, T - 1, 1)) : logits;
}

}  // namespace hewn::cli::learn
