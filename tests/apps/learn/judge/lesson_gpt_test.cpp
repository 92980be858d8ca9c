// The GPT that a lesson makes of layers, with the right lesson.

#include "apps/learn/judge/lesson_gpt.h"

#include "core/tape.h"
#include "kernels/devices/devices.h"
#include "tests/support/catch.h"
#include "tests/support/close.h"
#include "tests/support/random.h"

namespace hewn::test {
namespace {

namespace learn = hewn::cli::learn;

/// Whether a layer's `backward` is called once more, as by a student who has not kept its result.
bool backward_twice = false;

void right_gpt(Ids tokens, Array x, Array dlogits, Layer ln_1, Layer attn, Layer ln_2, Layer mlp, Layer ln_f,
               Layer head, int, Out logits, Out dx, Out dtable) {
  Array y = x + attn(ln_1(x));
  Array h = ln_f(y + mlp(ln_2(y)));
  logits.set(head(h));
  Array dz = ln_f.backward(head.backward(dlogits));
  Array dy = dz + ln_2.backward(mlp.backward(dz));
  if (backward_twice) mlp.backward(dz);
  dx.set(dy + ln_1.backward(attn.backward(dy)));
  for (int t = 0; t < x.rows; ++t)
    for (int c = 0; c < x.cols; ++c) {
      dtable.add(tokens(t), c, dx(t, c));
      for (int v = 0; v < dtable.rows; ++v) dtable.add(v, c, dlogits(t, v) * h(t, c));
    }
}

const lesson::Entry gpt_entry = {lesson::version, "gpt", lesson::letters_of(right_gpt),
                                 [](const lesson::Operand* operands) { lesson::call(right_gpt, operands); }};
const learn::Exercise gpt_exercise{.lesson = "gpt", .parameters = learn::gpt_parameters(), .cases = nullptr};

ModelConfig one_block() {
  ModelConfig config;
  config.vocab_size = 7, config.block_size = 5;
  config.n_layer = 1, config.n_head = 2, config.n_embd = 4;
  config.bias = true;
  return config;
}

/// Larger weights than a fresh model has, the same in both models.
void shake(Model& model) {
  Random random("weights");
  for (Parameter& p : model.parameters().all())
    for (int64_t i = 0; i < p.value.numel(); ++i) p.value.ptr<double>()[i] += random.normal() / 3;
}

Tensor ids(const std::vector<int32_t>& values) { return Tensor::from(cpu(), values, Shape{2, 4}); }

}  // namespace

TEST_CASE("lesson gpt: loss, gradients and logits are those of Gpt") {
  const learn::Lesson right(gpt_entry, gpt_exercise);
  const Tensor tokens = ids({1, 0, 6, 1, 3, 3, 2, 5}), targets = ids({0, 6, 1, -100, 3, 2, 5, 4});
  for (const bool repeated : {false, true}) {
    backward_twice = repeated;
    int64_t calls = 0;
    const auto engine = make_model(one_block(), cpu(), DType::f64, 3);
    learn::LessonGpt model(one_block(), right, calls);
    model.parameters().allocate(cpu(), DType::f64, 3);
    const auto loss_of = [&](Model& m) {
      shake(m);
      Tape tape;
      const Tensor loss = m.loss(tokens, targets, {});
      tape.backward(loss, {}, 0.5);
      return loss.doubles()[0];
    };
    CHECK(near(loss_of(model), loss_of(*engine), 1e-12));
    CHECK(calls == 2);
    REQUIRE(model.parameters().all().size() == engine->parameters().all().size());
    for (const Parameter& p : engine->parameters().all()) {
      INFO(p.name);
      const Parameter* mine = model.parameters().find(p.name);
      REQUIRE(mine);
      CHECK(close_by_norm(grad_of(mine->value).doubles(), grad_of(p.value).doubles(), 1e-11));
    }
    for (const bool last : {false, true})
      CHECK(close_by_norm(model.logits(tokens, {.last_only = last}).doubles(),
                          engine->logits(tokens, {.last_only = last}).doubles(), 1e-12));
    CHECK(close_by_norm(model.target_losses(tokens, targets, {}).doubles(),
                        engine->target_losses(tokens, targets, {}).doubles(), 1e-12));
  }
  ModelConfig two = one_block();
  two.n_layer = 2;
  int64_t calls = 0;
  CHECK_THROWS(learn::LessonGpt(two, right, calls));
}

}  // namespace hewn::test
