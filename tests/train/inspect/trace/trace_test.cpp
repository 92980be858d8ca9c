// A trace holds what the tape computed, who contributed to which gradient, and what was kept and freed.

#include "train/inspect/trace/trace.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <set>

#include "core/recompute.h"
#include "kernels/devices/devices.h"
#include "kernels/elementwise/op.h"
#include "kernels/reduce/op.h"
#include "tests/support/catch.h"
#include "tests/train/tiny.h"
#include "train/inspect/trace/trace_json.h"

namespace hewn {
namespace {

Tensor leaf(const char* name, const std::vector<double>& values) {
  Tensor t = Tensor::from(cpu(), values, {std::ssize(values)});
  require_grad(t, name);
  return t;
}

}  // namespace

TEST_CASE("trace: nodes, contributions and events of a small graph") {
  const Tensor a = leaf("a", {1, 2}), b = leaf("b", {3, 4});
  TraceRecorder recorder(100);
  Tape tape;
  tape.observe(&recorder);
  const Tensor p = mul(a, b);     // #0
  const Tensor s = add(p, p);     // #1
  tape.backward(sum(mul(s, a)));  // #2, #3
  recorder.note_leaf("a", a);
  const Trace trace = recorder.take();

  REQUIRE(trace.nodes.size() == 4);
  CHECK(std::string(trace.nodes[0].info->name) == "mul");
  CHECK(std::string(trace.nodes[0].info->file) == "kernels/elementwise/op.cpp");
  CHECK(trace.nodes[0].value.values == std::vector<double>{3, 8});
  CHECK(trace.nodes[0].value.mean == 5.5);
  CHECK(trace.nodes[0].value.deviation == 2.5);
  CHECK(trace.nodes[0].grad->values == std::vector<double>{2, 4});  // 2 a
  CHECK(trace.nodes[1].inputs[0].write == Contribution::give);
  CHECK(trace.nodes[1].inputs[1].write == Contribution::add);
  CHECK(trace.nodes[2].inputs[1].write == Contribution::set);  // of a, the first
  CHECK(trace.nodes[0].inputs[0].write == Contribution::add);
  for (const TracedNode& node : trace.nodes)
    for (const TracedSaved& saved : node.saved) CHECK(saved.freed_by == node.id);

  REQUIRE(trace.leaves.size() == 2);
  CHECK(trace.leaves[0].name == "a");
  CHECK(trace.leaves[0].value->values == std::vector<double>{1, 2});
  CHECK(trace.leaves[0].grad->values == std::vector<double>{12, 32});  // 4 a b
  CHECK(trace.leaves[0].consumers == std::vector<std::pair<int64_t, size_t>>{{0, 0}, {2, 1}});
  CHECK_FALSE(trace.leaves[1].value);
  CHECK(trace.leaves[1].grad->values == std::vector<double>{2, 8});  // 2 a^2

  using Kind = TraceEvent::Kind;
  std::vector<std::pair<Kind, int64_t>> events;
  for (const TraceEvent& event : trace.events) events.emplace_back(event.kind, event.node);
  CHECK(events == std::vector<std::pair<Kind, int64_t>>{{Kind::recorded, 0},
                                                        {Kind::recorded, 1},
                                                        {Kind::recorded, 2},
                                                        {Kind::recorded, 3},
                                                        {Kind::backward, 3},
                                                        {Kind::freed, 3},
                                                        {Kind::backward, 2},
                                                        {Kind::freed, 2},
                                                        {Kind::backward, 1},
                                                        {Kind::freed, 1},
                                                        {Kind::backward, 0},
                                                        {Kind::freed, 0},
                                                        {Kind::completed, -1},
                                                        {Kind::completed, -1}});
  CHECK(trace.events[3].bytes > trace.events[0].bytes);
}

TEST_CASE("trace: a summary counts what is not finite, and bins the rest") {
  const double inf = std::numeric_limits<double>::infinity();
  const Tensor t = Tensor::from(cpu(), std::vector<double>{0, 0, 1, -1, inf, -inf, NAN}, {7});
  const TensorSummary s = summarise(t, 3);
  CHECK(s.not_finite == 3);
  CHECK(s.zeros == 2);
  CHECK(s.least == -1);
  CHECK(s.most == 1);
  CHECK(s.mean == 0);
  CHECK(s.histogram.front() == 1);
  CHECK(s.histogram.back() == 1);
  CHECK(std::accumulate(s.histogram.begin(), s.histogram.end(), int64_t{0}) == 4);
  CHECK(s.values.empty());
  CHECK(summarise(t, 7).values.size() == 7);
  CHECK(summarise(Tensor::from(cpu(), std::vector<double>{NAN}, {1}), 1).histogram.empty());
}

TEST_CASE("trace: a model's nodes are named by the part they belong to, recomputed or not") {
  test::Random random("trace");
  const auto device = make_cpu(1);
  const auto model = make_model(test::tiny_model(), *device);
  Trainer trainer(*model, OptimizerConfig{}, ScheduleConfig{}, 1);
  const Batch batch = test::random_batch(random, test::tiny_model(), 2);
  for (const bool recompute : {false, true}) {
    trainer.recompute(recompute);
    TraceRecorder recorder(0);
    trainer.watch(std::span(&batch, 1), recorder);
    const Trace trace = recorder.take();
    std::set<std::string> scopes;
    int inside = 0;
    const auto collect = [&](const Trace& one) {
      for (const TracedNode& node : one.nodes) scopes.insert(node.scope);
    };
    collect(trace);
    for (const TracedNode& node : trace.nodes)
      if (node.inside) {
        ++inside;
        collect(*node.inside);
      }
    CHECK(inside == (recompute ? test::tiny_model().n_layer : 0));
    for (const char* scope : {"embed", "h.0.ln_1", "h.0.attn.c_attn", "h.0.attn", "h.0.attn.c_proj",
                              "h.0.ln_2", "h.0.mlp.c_fc", "h.0.mlp.c_proj", "ln_f", "head"}) {
      INFO(scope);
      CHECK(scopes.contains(scope));
    }
    const TracedNode& first = trace.nodes.front();
    CHECK(first.inputs.back().edge.from == Edge::From::constant);
    CHECK(first.inputs.back().edge.name == "tokens");
    CHECK(trace.nodes.back().inputs.back().edge.name == "targets");
  }
}

TEST_CASE("trace: the JSON has every element in base64, and its text survives") {
  const Tensor a = leaf("a \"quoted\" </script>", {1, -2, 0.5});
  TraceRecorder recorder(3);
  Tape tape;
  tape.observe(&recorder);
  tape.backward(sum(a));
  recorder.note_leaf("a \"quoted\" </script>", a);
  const auto json = nlohmann::json::parse(trace_json(recorder.take()).dump());
  CHECK(json["nodes"][0]["op"] == "sum");
  CHECK(json["nodes"][0]["inputs"][0]["leaf"] == "a \"quoted\" </script>");
  CHECK(json["nodes"][0]["inputs"][0]["write"] == "set");
  // Little-endian doubles 1, -2 and 0.5.
  CHECK(json["leaves"][0]["value"]["data"] == "AAAAAAAA8D8AAAAAAAAAwAAAAAAAAOA/");
  CHECK(json["leaves"][0]["grad"]["data"] == "AAAAAAAA8D8AAAAAAADwPwAAAAAAAPA/");
  CHECK(json["memory"].size() == 4);
}

TEST_CASE("trace: every launch of a pass belongs to a node or to none, and their times add up") {
  test::Random random("launches");
  const auto device = make_cpu(1);
  ModelConfig config = test::tiny_model();
  config.n_layer = 2;
  const Batch batch = test::random_batch(random, config, 2);
  for (const bool recompute : {false, true}) {
    for (const bool frozen : {false, true}) {
      const auto model = declare_model(config);
      if (frozen)  // all below the last block has no gradient, and records no node
        for (Parameter& p : model->parameters().all()) p.trains = p.name.find("h.1.") != p.name.npos;
      model->parameters().allocate(*device, DType::f32, 1);
      StepProfile profile({}, *device);
      TraceRecorder recorder(0, &profile);
      profile.watch([&] {
        Tape tape;
        tape.observe(&recorder);
        const Shape shape{batch.rows, batch.block_size};
        const Tensor loss =
            model->loss(Tensor::from(*device, batch.tokens, shape),
                        Tensor::from(*device, batch.targets, shape), {.recompute = recompute});
        tape.backward(loss);
      });
      const Trace trace = recorder.take();
      int64_t calls = 0;
      double seconds = 0, flops = 0;
      const auto count = [&](const std::vector<TracedLaunch>& launches) {
        calls += std::ssize(launches);
        seconds += seconds_of(launches);
        for (const TracedLaunch& launch : launches) flops += launch.kernel.cost.flops;
      };
      count(trace.launches);
      for (const TracedNode& node : trace.nodes) {
        count(node.launches);
        if (!node.inside) continue;
        CHECK(node.inside->launches.empty());
        for (const TracedNode& inner : node.inside->nodes) count(inner.launches);
      }
      const StepProfile::Line total = profile.total();
      CHECK(calls == total.calls);
      CHECK(std::abs(seconds - total.seconds) <= 1e-9 * total.seconds);
      CHECK(std::abs(flops - total.cost.flops) <= 1e-9 * total.cost.flops);
      CHECK(seconds > 0);
      CHECK(trace.launches.empty() != frozen);
      for (const TracedLaunch& launch : trace.launches) {
        INFO(launch.kernel.op << " in " << Scope::path(launch.kernel.scope));
        CHECK(Scope::path(launch.kernel.scope).find("h.1") != 0);
      }
    }
  }
}

TEST_CASE("trace: a node has the launches of its own operation, of both passes") {
  const Tensor a = leaf("a", {1, 2}), b = leaf("b", {3, 4});
  StepProfile profile({}, cpu());
  TraceRecorder recorder(100, &profile);
  profile.watch([&] {
    Tape tape;
    tape.observe(&recorder);
    tape.backward(sum(mul(a, b)));  // #0, #1
  });
  const Trace trace = recorder.take();
  const auto kernels = [&](size_t node) {
    std::vector<std::string> names;
    for (const auto& [kernel, phase] : trace.nodes[node].launches)
      names.push_back(name_of(phase) + " " + kernel.op);
    return names;
  };
  CHECK(kernels(0) == std::vector<std::string>{"forward binary", "backward binary", "backward binary"});
  CHECK(kernels(1) == std::vector<std::string>{"forward reduce", "backward expand"});
  const auto json = nlohmann::json::parse(trace_json(trace).dump());
  const auto& first = json["nodes"][0]["launches"][0];
  CHECK(first["phase"] == "forward");
  CHECK(first["ms"].get<double>() >= 0);
  CHECK(first["mb"].get<double>() > 0);
  CHECK_FALSE(first.contains("roof_percent"));  // of an unknown machine
  CHECK(json["launches"].empty());
}

TEST_CASE("trace: a summary is the same for any number of threads, and for every dtype") {
  test::Random random("summary");
  std::vector<double> values(100'003);
  double sum = 0, squares = 0;
  for (double& v : values) {
    v = static_cast<float>(random.uniform(-1, 2));
    sum += v;
  }
  const auto n = static_cast<double>(values.size());
  for (const double v : values) squares += (v - sum / n) * (v - sum / n);
  std::vector<float> narrow(values.begin(), values.end());
  const auto one = make_cpu(1), three = make_cpu(3);
  const Shape shape{std::ssize(values)};
  const TensorSummary s = summarise(Tensor::from(*one, narrow, shape), 10);
  CHECK(std::abs(s.mean - sum / n) < 1e-12);
  CHECK(std::abs(s.deviation - std::sqrt(squares / n)) < 1e-12);
  CHECK(s.least == *std::min_element(values.begin(), values.end()));
  CHECK(s.most == *std::max_element(values.begin(), values.end()));
  CHECK(std::accumulate(s.histogram.begin(), s.histogram.end(), int64_t{0}) == shape.numel());
  for (const TensorSummary& other : {summarise(Tensor::from(*three, narrow, shape), 10),
                                     summarise(Tensor::from(*three, values, shape), 10)}) {
    CHECK(other.mean == s.mean);
    CHECK(other.deviation == s.deviation);
    CHECK(other.histogram == s.histogram);
  }
}

}  // namespace hewn
