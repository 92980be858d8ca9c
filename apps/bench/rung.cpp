#include "apps/bench/rung.h"

#include <algorithm>
#include <cstring>

#include "apps/cli/suggest.h"
#include "apps/cli/system/shared_library.h"
#include "apps/cli/terminal.h"
#include "core/error.h"
#include "core/io/path.h"
#include "kernels/contract/rooms.h"

namespace hewn::cli {
namespace {

template <class... Parts>
void require_input(bool ok, const Parts&... parts) {
  if (!ok) fail(ErrorCode::input, parts...);
}

bool same_bits(const std::vector<std::vector<double>>& a, const std::vector<std::vector<double>>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.size() == y.size() && std::memcmp(x.data(), y.data(), x.size() * sizeof(double)) == 0;
  });
}

std::vector<std::string> all_ops() {
  std::vector<std::string> known;
  for (const Room& room : rooms())
    for (const auto& c : room.cases({}))
      if (known.empty() || known.back() != c->op()) known.emplace_back(c->op());
  return known;
}

}  // namespace

const RungPlugin& load_rung(const std::string& file) {
  const std::string path = file.find('/') == file.npos ? "./" + file : file;
  require_input(path_is_file(path), "--rung: ", file, " is not a file");
  const SharedLibrary library(path);
  require_input(library.loaded(), "--rung: ", file, " cannot be loaded: ", library.problem());
  const auto get = library.symbol<const RungPlugin* (*)()>("hewn_rung");
  require_input(get, "--rung: ", file, " has no function hewn_rung; start from examples/my_softmax.cpp");
  const RungPlugin* rung = get();
  require_input(rung, "--rung: ", file, ": hewn_rung returned no rung");
  require_input(rung->version == rung_plugin_version && rung->launch_bytes == sizeof(Launch),
                "--rung: ", file, " was built for version ", rung->version,
                " of kernels/contract/plugin.h, but this program has version ", rung_plugin_version,
                "; rebuild it");
  require_input(rung->op && rung->name && rung->run, "--rung: ", file,
                ": the rung has no op, no name or no function");
  const Room* room = room_with(rung->op);
  require_input(room, "--rung: ", file, ": there is no operation '", rung->op,
                "' (`hewn info` lists all operations)", room ? "" : did_you_mean(rung->op, all_ops()));
  for (const auto& c : room->cases({}))
    if (c->op() == std::string_view(rung->op))
      require_input(rung->args_bytes == c->arguments_bytes(), "--rung: ", file, ": the arguments of ",
                    rung->op, " have ", c->arguments_bytes(), " bytes, but it was built for ",
                    rung->args_bytes, "; rebuild it with the headers of this version");
  return *rung;
}

void run_rung(const RungPlugin& rung, Case& c, int threads) {
  Launch launch{.threads = threads};
  if (rung.scratch_bytes) {
    launch.scratch_bytes = rung.scratch_bytes(c.arguments(), threads);
    launch.scratch = c.scratch(launch.scratch_bytes);
  }
  rung.run(launch, c.arguments());
}

bool accepts(const RungPlugin& rung, const Case& c) {
  return rung.op == std::string_view(c.op()) && !(rung.why_not && rung.why_not(c.arguments()));
}

std::string fault_of(const RungPlugin& rung, Case& c) {
  c.reset();
  c.run(0, Isa::scalar, 1);
  const Reference reference{c.outputs(), {}};
  std::vector<std::vector<double>> first;
  for (const int threads : {1, 2, 3, 4}) {
    c.reset();
    run_rung(rung, c, threads);
    std::string wrong = c.difference(reference);
    if (wrong.empty()) wrong = c.damage();
    if (!wrong.empty()) return join(wrong, " (", threads, " threads)");
    if (threads == 1) first = c.outputs();
    if (threads > 1 && !same_bits(c.outputs(), first))
      return join("the result with ", threads, " threads differs from that with 1");
  }
  return {};
}

void check_rung(const RungPlugin& rung, DType dtype) {
  for (const auto& c : room_with(rung.op)->cases({.dtype = dtype})) {
    if (!accepts(rung, *c)) continue;
    const std::string wrong = fault_of(rung, *c);
    if (!wrong.empty())
      fail(ErrorCode::numerical, c->op(), " ", c->shape(), " ", name_of(dtype), ", rung ", rung.name, ": ",
           wrong);
  }
}

std::vector<Contender> contenders(const RungPlugin& rung, const Case& c, const BenchPlan& plan) {
  std::vector<Contender> list;
  if (!accepts(rung, c)) return list;
  for (const int threads : plan.threads)
    list.push_back({.name = rung.name,
                    .isa = plan.isas.back(),
                    .level = plan.isas.back(),
                    .threads = threads,
                    .run = [&rung, threads](Case& on) { run_rung(rung, on, threads); }});
  return list;
}

}  // namespace hewn::cli
