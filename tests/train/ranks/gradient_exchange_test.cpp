// When the buckets of a step's gradient leave. That their sums have the bits of one process is in training_test.cpp.

#include "train/ranks/gradient_exchange.h"

#include "core/recompute.h"
#include "kernels/elementwise/op.h"
#include "tests/support/errors.h"
#include "tests/train/ranks/trained.h"

namespace hewn::test {
namespace {

/// Parameters "a" to "d" of a block of the norm each, and a vector for each of them.
struct Four {
  explicit Four(Device& device) {
    for (const char* name : {"a", "b", "c", "d"}) {
      matrices.push_back(parameters.add(name, {32, norm_block / 32}, {}));
      vectors.push_back(parameters.add(std::string(name) + ".bias", {norm_block / 32}, {}));
    }
    parameters.allocate(device, DType::f32, 1);
  }
  Parameters parameters;
  std::vector<Parameter*> matrices, vectors;
};

}  // namespace

TEST_CASE("gradients leave while the backward pass goes on", "[ranks]") {
  ModelConfig config = tiny_model();
  config.n_layer = 4;
  config.n_embd = 128;
  for (const bool recompute : {false, true}) {
    Mailboxes mailboxes(2, run_seed(), 0);
    mailboxes.run([&](Ranks& ranks) {
      const auto device = make_cpu(1);
      const auto model = make_model(config, *device, DType::f32, 3);
      Trainer trainer(*model, {}, {}, 5, 4, &ranks);
      trainer.recompute(recompute);
      Random random("rank " + std::to_string(ranks.rank()));
      const std::vector<Batch> batches{random_batch(random, config, 2), random_batch(random, config, 1)};
      std::vector<int64_t> sent;  // up to each node of the first block, of both micro-steps
      FirstBlock watch([&] { sent.push_back(mailboxes.gradient_bytes_from(ranks.rank())); });
      trainer.observe(&watch);
      trainer.step(batches);
      require(sent.front() == 0, sent.front(), " bytes were sent during the first of two micro-steps");
      // Half of each bucket of two blocks, of as many as need not wait for another to be finished.
      const int64_t least = GradientExchange::most_under_way * norm_block * int64_t{sizeof(float)};
      const int64_t before = sent.at(sent.size() / 2);  // the first node of the second micro-step
      require(before >= least, before, " bytes were sent before the first block; expected at least ", least);
      require(before < mailboxes.gradient_bytes_from(ranks.rank()), "the embeddings were sent, too");
    });
  }
}

TEST_CASE("buckets leave in one order, each as soon as all of its gradients are complete", "[ranks]") {
  Mailboxes mailboxes(1, run_seed(), 0);  // a bucket of one block for each matrix, and one for the vectors
  mailboxes.run([](Ranks& ranks) {
    const auto device = make_cpu(1);
    Four four(*device);
    GradientGroups groups(four.parameters, 2);
    GradientExchange exchange(four.parameters, groups, ranks,
                              ranks.slices(four.parameters.slab().n, DType::f32));
    // A bucket that has left has the subtrees to the left of it, which are 1 here.
    const auto left = [&](size_t i) {
      Tensor last = four.matrices[i]->value.variable()->grad;
      return last.ptr<float>()[0] != 0;
    };
    const auto write = [&](Parameter& p, float value) {
      Variable& leaf = *p.value.variable();
      std::fill_n(leaf.grad.ptr<float>(), leaf.grad.numel(), value);
      leaf.has_grad = true;
    };
    const auto complete = [&](Parameter& p) {
      for (const LeafHook& hook : p.value.variable()->hooks) hook.call(p.value.variable()->grad);
    };
    groups.begin(0);
    for (Parameter* p : four.matrices) write(*p, 1);
    groups.end(0);
    groups.begin(1);
    for (Parameter* p : four.matrices) write(*p, 0);
    exchange.begin();
    complete(*four.matrices[2]);
    require(!left(2), "c did not wait for d");
    complete(*four.matrices[3]);
    require(left(3) && left(2), "d and c did not leave");
    complete(*four.matrices[0]);
    require(!left(0), "a did not wait for b");
    complete(*four.matrices[1]);
    require(left(1), "b did not leave");
    require(!left(0), "a did not wait for the vectors, the first of which is declared after it");
    exchange.finish();
    require(left(0), "a did not leave in the end");
    for (Parameter* p : four.matrices) {
      require(p->value.variable()->hooks.empty(), "a hook remains");
      for (const double g : grad_of(p->value).doubles()) require(g == 1, "a gradient is ", g);
    }
  });
}

TEST_CASE("a parameter of several recomputed blocks is refused", "[ranks]") {
  Mailboxes mailboxes(1, run_seed());
  CHECK_ERROR(mailboxes.run([](Ranks& ranks) {
    const auto device = make_cpu(1);
    Four four(*device);
    GradientGroups groups(four.parameters, 1);
    GradientExchange exchange(four.parameters, groups, ranks,
                              ranks.slices(four.parameters.slab().n, DType::f32));
    Tape tape;
    Tensor x = four.matrices[0]->value;
    for (int block = 0; block < 2; ++block)
      x = recomputed(x, [&](const Tensor& t) { return mul(t, four.matrices[1]->value); });
    exchange.begin();
    tape.backward(x, Tensor::zeros(*device, DType::f32, x.shape()));
  }),
              ErrorCode::failed, "the gradient of b was complete twice in one backward pass");
}

}  // namespace hewn::test
