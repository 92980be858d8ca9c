#include "apps/bench/peers/peers.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include "apps/bench/peers/peer_calls.h"
#include "apps/cli/suggest.h"
#include "core/error.h"

namespace hewn::cli {
namespace {

/// A variable that a library reads when it is loaded. A value set by the user is kept.
struct Preset {
  const char* variable = nullptr;
  const char* value = nullptr;
  bool with_avx512 = false;  ///< only on a processor that has it
};

const char* no_plain_product(const Case&) {
  return "is timed on plain matrix products only, mostly in f32; try --op=matmul";
}

struct Peer {
  const char* name;
  const char* variable;              ///< overrides the file to load
  std::array<const char*, 4> files;  ///< otherwise tried in order
  std::array<Preset, 2> presets;
  std::array<const char*, 2> entry;  ///< alternative names of its function
  std::array<const char*, 2> set_threads;
  std::vector<PeerWay> (*ways)(const PeerCalls&, const Case&);
  const char* (*why_none)(const Case&) = no_plain_product;  ///< the reason if it has no way
  const char* device = "cpu";                               ///< on which it computes
  size_t scratch_bytes = 0;                                 ///< required size
};

/// Whether the case is C = alpha A B, or C += alpha A B, without anything else.
bool plain_product(const Case& c) {
  const auto* matmul = dynamic_cast<const CaseOf<Matmul>*>(&c);
  if (!matmul) return false;
  const Matmul& m = matmul->args();
  const Epilogue& e = m.epilogue;
  const bool alone = !e.bias && !e.pre && !e.residual && e.activation == Activation::none && !m.b_sums;
  return alone && m.outer * m.inner == 1 && m.M * m.N * m.K != 0;
}

/// The ways of a library that computes products.
template <std::vector<PeerProduct> (*products)(const PeerCalls&, const Matmul&)>
std::vector<PeerWay> ways_by(const PeerCalls& peer, const Case& c) {
  std::vector<PeerWay> ways;
  if (!plain_product(c)) return ways;
  for (PeerProduct& product : products(peer, static_cast<const CaseOf<Matmul>&>(c).args()))
    ways.push_back(
        {.name = std::move(product.name),
         .run = [run = std::move(product.run)](
                    const Launch& on, Case& like) { run(on, static_cast<CaseOf<Matmul>&>(like).args()); },
         .tolerance = product.tolerance});
  return ways;
}

// OpenBLAS 0.3.21 takes unknown processors, and BLIS 0.9 all processors, for one without AVX-512, and then
// runs at half speed or less. Threads that keep spinning would take cores from the next contender. oneDNN
// complains on standard output if it has no engine.
constexpr Peer known_peers[] = {
    {.name = "openblas",
     .variable = "HEWN_OPENBLAS",
     .files = {"/usr/lib/x86_64-linux-gnu/openblas-openmp/libopenblas.so.0", "libopenblas.so.0",
               "libopenblas.so", "libscipy_openblas.so"},
     .presets = {{{"OPENBLAS_CORETYPE", "SkylakeX", true}, {"OPENBLAS_THREAD_TIMEOUT", "20"}}},
     .entry = {"cblas_sgemm", "scipy_cblas_sgemm"},
     .set_threads = {"openblas_set_num_threads", "scipy_openblas_set_num_threads"},
     .ways = ways_by<cblas_products>},
    {.name = "blis",
     .variable = "HEWN_BLIS",
     .files = {"/usr/lib/x86_64-linux-gnu/blis-openmp/libblis.so.4", "libblis.so.4", "libblis.so"},
     .presets = {{{"BLIS_ARCH_TYPE", "skx", true}, {"GOMP_SPINCOUNT", "10000"}}},
     .entry = {"cblas_sgemm"},
     .set_threads = {"bli_thread_set_num_threads"},
     .ways = ways_by<cblas_products>},
    {.name = "onednn",
     .variable = "HEWN_ONEDNN",
     .files = {"libdnnl.so.3", "libdnnl.so.2", "libdnnl.so"},
     .presets = {{{"ONEDNN_VERBOSE", "0"}, {"GOMP_SPINCOUNT", "10000"}}},
     .entry = {"dnnl_sgemm"},
     .set_threads = {"omp_set_num_threads"},
     .ways = ways_by<onednn_products>},
    {.name = "mkl",
     .variable = "HEWN_MKL",
     .files = {"libmkl_rt.so.3", "libmkl_rt.so.2", "libmkl_rt.so"},
     .presets = {{{"KMP_BLOCKTIME", "1"}}},
     .entry = {"cblas_sgemm"},
     .set_threads = {"MKL_Set_Num_Threads"},
     .ways = ways_by<cblas_products>},
    // The workspace that NVIDIA recommends for Hopper: without one, a recorded call would allocate its own each time.
    {.name = "cublas",
     .variable = "HEWN_CUBLAS",
     .files = {"libcublas.so.13", "libcublas.so.12", "libcublas.so", "/usr/local/cuda/lib64/libcublas.so"},
     .presets = {},
     .entry = {"cublasGemmEx"},
     .set_threads = {},
     .ways = ways_by<cublas_products>,
     .device = "cuda",
     .scratch_bytes = size_t{32} << 20},
    {.name = "cudnn",
     .variable = "HEWN_CUDNN",
     .files = {"libcudnn.so.9", "libcudnn.so.8", "libcudnn.so", "/usr/local/cuda/lib64/libcudnn.so"},
     .presets = {},
     .entry = {"cudnnSoftmaxForward"},
     .set_threads = {},
     .ways = cudnn_ways,
     .why_none = cudnn_why_not,
     .device = "cuda"},
};

const Peer& peer_named(const std::string& name) {
  std::vector<std::string> known;
  for (const Peer& peer : known_peers) {
    if (peer.name == name) return peer;
    known.emplace_back(peer.name);
  }
  fail(ErrorCode::usage, "--compare: unknown library '", name, "'; expected one of ", list_text(known, ", "),
       did_you_mean(name, known));
}

SharedLibrary load(const Peer& peer) {
  for (const Preset& preset : peer.presets)
    if (preset.variable && (!preset.with_avx512 || supported(Isa::avx512)))
      setenv(preset.variable, preset.value, 0);
  if (const char* named = std::getenv(peer.variable)) {
    const SharedLibrary library(named);
    if (!library.loaded()) fail(ErrorCode::failed, peer.variable, "=", named, ": ", library.problem());
    return library;
  }
  std::string tried;
  for (const char* file : peer.files) {
    if (!file) continue;
    const SharedLibrary library(file);
    if (library.loaded()) return library;
    tried += (tried.empty() ? "" : ", ") + std::string(file);
  }
  fail(ErrorCode::failed, "--compare: ", peer.name, " was not found; tried ", tried, ". Give its file as ",
       peer.variable, "=FILE, or leave it out");
}

void* first_found(const SharedLibrary& library, const std::array<const char*, 2>& names) {
  void* found = nullptr;
  for (const char* name : names)
    if (name && !found) found = library.symbol(name);
  return found;
}

}  // namespace

struct LoadedPeer {
  const Peer& peer;
  PeerCalls calls;
};

Peers::Peers(const std::vector<std::string>& names, const std::string& device) {
  for (const std::string& name : names) {
    const Peer& peer = peer_named(name);
    require(peer.device == device, "--compare: ", name, " runs on the device ", peer.device, ", not on ",
            device, "; choose the device with --device");
    PeerCalls calls{.name = name, .library = load(peer)};
    calls.entry = first_found(calls.library, peer.entry);
    calls.set_threads = first_found(calls.library, peer.set_threads);
    if (!calls.entry)
      fail(ErrorCode::failed, "--compare: the library loaded as ", name, " has no function ", peer.entry[0],
           "; give another file as ", peer.variable, "=FILE");
    peers_.push_back(std::make_unique<LoadedPeer>(LoadedPeer{peer, std::move(calls)}));
  }
}

Peers::~Peers() = default;

std::vector<Contender> Peers::contenders(const Case& c, const BenchPlan& plan) const {
  std::vector<Contender> list;
  for (const int threads : plan.threads)
    for (const auto& loaded : peers_)
      for (PeerWay& way : loaded->peer.ways(loaded->calls, c))
        list.push_back(
            {.name = std::move(way.name),
             .isa = plan.isas.back(),
             .level = plan.isas.back(),
             .threads = threads,
             .run =
                 [run = std::move(way.run), threads, bytes = loaded->peer.scratch_bytes](Case& on) {
                   run({.threads = threads,
                        .scratch = bytes ? on.scratch(bytes) : nullptr,
                        .scratch_bytes = bytes,
                        .stream = on.stream()},
                       on);
                 },
             .peer = true,
             .tolerance = way.tolerance});
  return list;
}

std::vector<std::string> Peers::declined(const Case& c) const {
  std::vector<std::string> reasons;
  for (const auto& loaded : peers_)
    if (loaded->peer.ways(loaded->calls, c).empty())
      reasons.push_back(loaded->calls.name + " " + loaded->peer.why_none(c));
  return reasons;
}

}  // namespace hewn::cli
