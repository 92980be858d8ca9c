// The scripts of the page of a trace, run in node: they need no browser to explain numbers.

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/apps/page/embedded_data.h"
#include "tests/apps/small_run.h"
#include "tests/support/catch.h"

namespace hewn::test {
namespace {

using nlohmann::json;

bool has_node() { return run_program({"node", "--version"}).exit_code == 0; }

json json_of_trace(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "trace");
  arguments.emplace_back("--json");
  const auto r = hewn(arguments);
  INFO(r.err);
  REQUIRE(r.exit_code == 0);
  return json::parse(r.out);
}

// What a test in this folder prints, run after the scripts of the page that need no browser.
json run_in_node(const std::string& test, const json& traces) {
  const TempDir dir;
  std::string script = "const TRACES = " + traces.dump() + ";\n";
  for (const char* file : {"page/numbers", "trace/page/tensors", "trace/page/timeline", "trace/page/map",
                           "trace/page/sums", "trace/page/sums_pointwise", "trace/page/sums_products",
                           "trace/page/sums_model", "trace/page/sums_attention", "trace/page/evaluate",
                           "trace/page/evaluate_simple", "trace/page/evaluate_model"})
    script += read_file(source_dir() / "apps" / (std::string(file) + ".js"));
  script += read_file(source_dir() / "tests/apps/trace/page" / test);
  write_file(dir / "test.js", script);
  const auto checked = run_program({"node", (dir / "test.js").string()});
  INFO(checked.err);
  REQUIRE(checked.exit_code == 0);
  return json::parse(checked.out);
}

}  // namespace

TEST_CASE("trace page: the script is JavaScript", "[page]") {
  if (!has_node()) return skip("node is not installed");
  const TempDir dir;
  const std::string page = (dir / "trace.html").string(), script = (dir / "page.js").string();
  REQUIRE(hewn({"trace", "--expr=y = w*w", "w=2", "--out=" + page}).exit_code == 0);
  write_file(script, script_of_page(read_file(page)));
  const auto checked = run_program({"node", "--check", script});
  INFO(checked.err);
  CHECK(checked.exit_code == 0);
}

TEST_CASE("trace page: every sum that it shows gives the recorded number", "[page]") {
  if (left_out()) return;
  if (!has_node()) return skip("node is not installed");
  const TempDir dir, other;
  const std::string run = (dir / "run").string(), llama = (other / "run").string();
  CHECK_FAILS(hewn(small_train(dir)), 0, "");
  CHECK_FAILS(hewn(small_train(other, {"--pos=rope", "--norm=rmsnorm", "--act=swiglu", "--tie=false"})), 0,
              "");
  const json traces{
      json_of_trace({"--expr=b = a + a; c = b + b", "a=1"}),
      json_of_trace({"--expr=y = -2*w^3 + [1 2]; sum(exp(y) / w ^ 0.5) - 3", "w=[1 2]"}),
      json_of_trace({"--expr=sum(a ^ [2; 3] + a ^ 0 + b ^ a)", "a=[-2 0 3]", "b=[1 2 3]"}),
      json_of_trace({"--expr=sum(sqrt(a*a) + a ^ k)", "a=[-2 0 3]", "k=2"}),
      json_of_trace({"--expr=h = tanh(x @ W + b); sum((softmax(h @ V) * h)' @ h)", "x=[1 2; 3 4]",
                     "W=[1 -0.2; 0.3 0.4]", "b=[0 1]", "V=[1 0; 0.3 1]"}),
      json_of_trace({"--expr=mean(layernorm(q)') + max(q) + attention(q, q, q)", "q=[1 2; 3 5]"}),
      json_of_trace(
          {"--expr=u = layernorm(x, w, b); sum(relu(u)*silu(u) + sigmoid(u) - gelu(u)/sqrt(exp(u)))",
           "x=[1 2 4; 3 5 -1]", "w=[1 2 3]", "b=[0 0.1 0.2]"}),
      json_of_trace({"--expr=v @ M @ v - sum(log(v) * s)", "v=[1 2 3]", "M=[1 2 3; 4 5 6; 7 8 9]", "s=2"}),
      json_of_trace({run, "--text=the cat sat"}),
      json_of_trace({llama, "--text=the cat sat"}),
      json_of_trace({run, "--text=the cat sat", "--unfold"}),
      json_of_trace({"lesson"}),
      json_of_trace({"lesson", "--unfold"}),
  };
  const json sums = run_in_node("sums_test.js", traces);
  std::istringstream operations(
      "add sub mul div pow scale exp log sqrt tanh sigmoid relu silu gelu_tanh swiglu sum mean max matmul "
      "linear "
      "softmax "
      "causal_attention causal_attention_packed layernorm rmsnorm permute slice reshape embedding "
      "linear_cross_entropy");
  for (std::string operation; operations >> operation;)
    for (const char* what : {" value", " grad"}) {
      INFO(operation << what << ": " << sums);
      REQUIRE(sums.contains(operation + what));
      CHECK(sums[operation + what]["sums"] > 0);
    }
  CHECK(sums["rotary value"]["without"] > 0);  // which the page says
  for (const char* what : {"leaf m", "leaf v", "leaf updated"}) CHECK(sums[what]["sums"] > 7000);
}

TEST_CASE("trace page: the pass that it computes anew is the engine's", "[page]") {
  if (!has_node()) return skip("node is not installed");
  const TempDir dir, other;
  const std::string run = (dir / "run").string(), gated = (other / "run").string();
  CHECK_FAILS(hewn(small_train(dir, {"--act=gelu_erf", "--bias=true", "--tie=false"})), 0, "");
  CHECK_FAILS(
      hewn(small_train(other, {"--norm=rmsnorm", "--act=swiglu", "--n_kv_head=1", "--attention=per_head"})),
      0, "");
  const std::string all = "--values=100000";
  const json traces{
      json_of_trace({"lesson", "--dtype=f64"}),
      json_of_trace({"lesson", "--dtype=f64", "--unfold"}),
      json_of_trace({"lesson", "--dtype=f64", "--text=Nel the "}),
      json_of_trace({run, "--text=the cat sat", "--dtype=f64", all}),
      json_of_trace({gated, "--text=the cat sat", "--dtype=f64", all}),
      json_of_trace({"--expr=y = -2*w^3 + [1 2]; sum(exp(y) / w ^ 0.5) - max(y)", "w=[1 2]"}),
      json_of_trace({"--expr=sum(a ^ [2; 3] + a ^ 0 + b ^ a)", "a=[-2 0 3]", "b=[1 2 3]"}),
      json_of_trace({"--expr=h = tanh(x @ W + b); sum((softmax(h @ V) * h)' @ h)", "x=[1 2; 3 4]",
                     "W=[1 -0.2; 0.3 0.4]", "b=[0 1]", "V=[1 0; 0.3 1]"}),
      json_of_trace({"--expr=mean(layernorm(q)') + attention(q, q, q)", "q=[0.1 0.2; 0.3 0.5]"}),
      json_of_trace(
          {"--expr=sum(relu(u)*silu(u) + sigmoid(u) - gelu(u)*log(u*u)/sqrt(exp(u)))", "u=[1 2 4; 3 5 -1]"}),
  };
  const json found = run_in_node("evaluate_test.js", traces);
  REQUIRE(found.size() == traces.size());
  for (const json& trace : found) {
    INFO(trace);
    CHECK(trace["distance"] < 1e-9);
    CHECK(trace["lossOff"] < 1e-9);
    CHECK(trace["elements"] > 0);
  }
  CHECK(found[0]["elements"] > 7552 + 2 * 2 * 8 * 64);
}

}  // namespace hewn::test
