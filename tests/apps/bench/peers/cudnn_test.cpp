// cuDNN beside our kernels: what it is asked for, told to a library of the same interface that computes on
// the host.

#include <set>

#include "apps/bench/peers/peer_calls.h"
#include "kernels/contract/rooms.h"
#include "tests/apps/hewn.h"

namespace hewn::test {
namespace {

/// Plain loops behind cuDNN's interface. It knows a bad descriptor, and rows of 13 it does not take.
constexpr const char* little_cudnn = R"(
#include <cmath>
namespace {
struct Tensor { int type, n, c; };
struct Activation { int kind; };
Tensor& tensor(void* t) { return *static_cast<Tensor*>(t); }
bool same(void* a, void* b) {
  return tensor(a).type == tensor(b).type && tensor(a).n == tensor(b).n && tensor(a).c == tensor(b).c;
}
template <class T> int each_row(const Tensor& t, const void* alpha, const void* beta, void* out, auto make) {
  const double a = *static_cast<const T*>(alpha), b = *static_cast<const T*>(beta);
  for (int r = 0; r < t.n; ++r) {
    T* y = static_cast<T*>(out) + long(r) * t.c;
    const auto value = make(T{}, r);
    for (int i = 0; i < t.c; ++i) y[i] = T(a * value(i) + (b == 0 ? 0 : b * y[i]));
  }
  return 0;
}
int each_row(void* t, const void* alpha, const void* beta, void* out, auto make) {
  return tensor(t).type == 1 ? each_row<double>(tensor(t), alpha, beta, out, make)
                             : each_row<float>(tensor(t), alpha, beta, out, make);
}
}
extern "C" {
int cudnnCreate(void** handle) { static int it; *handle = &it; return 0; }
int cudnnSetStream(void*, void* stream) { return stream ? 3 : 0; }
const char* cudnnGetErrorString(int) { return "CUDNN_STATUS_BAD"; }
int cudnnCreateTensorDescriptor(void** t) { *t = new Tensor{}; return 0; }
int cudnnSetTensor4dDescriptor(void* t, int format, int type, int n, int c, int h, int w) {
  if (format != 0 || type < 0 || type > 1 || n < 1 || c < 1 || c == 13 || h != 1 || w != 1) return 3;
  tensor(t) = {type, n, c};
  return 0;
}
int cudnnCreateActivationDescriptor(void** a) { *a = new Activation{}; return 0; }
int cudnnSetActivationDescriptor(void* a, int kind, int nan, double) {
  static_cast<Activation*>(a)->kind = kind;
  return nan == 1 ? 0 : 3;
}
int cudnnSoftmaxForward(void*, int algorithm, int mode, const void* alpha, void* x_is, const void* from,
                        const void* beta, void* y_is, void* y) {
  if (algorithm != 1 || mode != 0 || !same(x_is, y_is)) return 3;
  const int cols = tensor(x_is).c;
  return each_row(y_is, alpha, beta, y, [&](auto type, int r) {
    const auto* x = static_cast<const decltype(type)*>(from) + long(r) * cols;
    double most = x[0], sum = 0;
    for (int i = 1; i < cols; ++i) most = x[i] > most ? x[i] : most;
    for (int i = 0; i < cols; ++i) sum += std::exp(x[i] - most);
    return [=](int i) { return std::exp(x[i] - most) / sum; };
  });
}
int cudnnSoftmaxBackward(void*, int algorithm, int mode, const void* alpha, void* y_is, const void* at, void* dy_is,
                         const void* with, const void* beta, void* dx_is, void* dx) {
  if (algorithm != 1 || mode != 0 || !same(y_is, dy_is) || !same(y_is, dx_is)) return 3;
  const int cols = tensor(y_is).c;
  return each_row(dx_is, alpha, beta, dx, [&](auto type, int r) {
    const auto* y = static_cast<const decltype(type)*>(at) + long(r) * cols;
    const auto* dy = static_cast<const decltype(type)*>(with) + long(r) * cols;
    double sum = 0;
    for (int i = 0; i < cols; ++i) sum += double(dy[i]) * y[i];
    return [=](int i) { return y[i] * (dy[i] - sum); };
  });
}
int cudnnActivationForward(void*, void* activation, const void* alpha, void* x_is, const void* from, const void* beta,
                           void* y_is, void* y) {
  const int kind = static_cast<Activation*>(activation)->kind, cols = tensor(x_is).c;
  if ((kind != 1 && kind != 6) || !same(x_is, y_is)) return 3;
  return each_row(y_is, alpha, beta, y, [&](auto type, int r) {
    const auto* x = static_cast<const decltype(type)*>(from) + long(r) * cols;
    return [=](int i) { return kind == 6 ? x[i] / (1 + std::exp(-double(x[i]))) : x[i] > 0 ? double(x[i]) : 0.; };
  });
}
}
)";

/// Loaded once, as the program does.
const cli::PeerCalls& cudnn() {
  static const cli::PeerCalls peer = [] {
    const TempDir dir;
    const std::string source = (dir / "cudnn.cpp").string(), file = (dir / "cudnn.so").string();
    write_file(source, little_cudnn);
    const auto built = run_program({compiler(), "-std=c++20", "-O2", "-shared", "-fPIC", source, "-o", file});
    INFO(built.err);
    REQUIRE(built.exit_code == 0);
    return cli::PeerCalls{.name = "cudnn", .library = cli::SharedLibrary(file)};
  }();
  return peer;
}

bool contains_any(const std::string& text, std::initializer_list<const char*> parts) {
  return std::any_of(parts.begin(), parts.end(), [&](const char* part) { return contains(text, part); });
}

/// Whether it has to do this.
bool expected_of_it(const Case& c) {
  const std::string op = c.op();
  if (contains_any(op, {"softmax.forward", "softmax.backward"})) return !contains(c.shape(), "causal");
  return op == "activation.forward" && c.dtype() == DType::f32 &&
         (c.shape().ends_with(" relu") || c.shape().ends_with(" silu"));
}

}  // namespace

TEST_CASE("cuDNN computes what our kernels compute") {
  if (left_out()) return;
  std::set<std::string> done, declined;
  for (const Room& room : rooms())
    for (const DType dtype : {DType::f32, DType::f64, DType::bf16})
      for (const auto& c : room.cases({.dtype = dtype, .width = 4})) {
        INFO(c->op() << " " << c->shape() << " " << name_of(dtype));
        auto ways = cli::cudnn_ways(cudnn(), *c);
        REQUIRE(ways.size() == (expected_of_it(*c) ? 1 : 0));
        if (ways.empty()) {
          REQUIRE(cli::cudnn_why_not(*c));
          declined.insert(cli::cudnn_why_not(*c));
          continue;
        }
        CHECK(cli::cudnn_why_not(*c) == nullptr);
        const Reference reference = c->reference(1);
        c->reset();
        ways[0].run({}, *c);
        CHECK(c->difference(reference) == "");
        CHECK(c->damage() == "");
        done.insert(c->op());
      }
  CHECK(done == std::set<std::string>{"softmax.forward", "softmax.backward", "activation.forward"});
  std::string reasons;
  for (const std::string& why : declined) reasons += why + "\n";
  for (const char* part : {"causal mask", "GELU", "in f32 only", "gradient of an activation",
                           "scripts/gpu-check.sh", "--op=softmax"})
    CHECK(contains(reasons, part));
}

TEST_CASE("an error of cuDNN is reported with its own name") {
  const Room& softmax = *std::find_if(rooms().begin(), rooms().end(),
                                      [](const Room& room) { return room.name == std::string("softmax"); });
  const auto cases = softmax.cases({.shape = "2x13"});
  CHECK_THROWS_WITH(cli::cudnn_ways(cudnn(), *cases[0]).at(0).run({}, *cases[0]),
                    Catch::Contains("cudnnSetTensor4dDescriptor returned CUDNN_STATUS_BAD"));
}

}  // namespace hewn::test
