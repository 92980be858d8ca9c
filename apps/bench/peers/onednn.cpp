#include <array>
#include <memory>

#include "apps/bench/peers/peer_calls.h"
#include "core/error.h"

namespace hewn::cli {
namespace {

/// oneTBB's global_control (oneapi/tbb/global_control.h), which limits the number of working threads while it
/// exists. Calls the entry points of its inline constructor and destructor by their mangled names.
class TbbThreads {
 public:
  explicit TbbThreads(const SharedLibrary& library)
      : create_(library.symbol<Call>("_ZN3tbb6detail2r16createERNS0_2d114global_controlE")),
        destroy_(library.symbol<Call>("_ZN3tbb6detail2r17destroyERNS0_2d114global_controlE")) {}
  void set(int threads) {
    if (!create_ || !destroy_ || limit_.value == static_cast<size_t>(threads)) return;
    if (limit_.value > 0) destroy_(limit_);
    limit_.value = static_cast<size_t>(threads);
    create_(limit_);
  }

 private:
  struct Limit {
    size_t value = 0;
    intptr_t reserved = 0;
    int max_allowed_parallelism = 0;
  };
  using Call = void (*)(Limit&);
  Call create_, destroy_;
  Limit limit_;
};

void set_onednn_threads(const PeerCalls& peer, int threads) {
  static TbbThreads tbb(peer.library);
  peer.set_threads ? set_threads(peer, threads) : tbb.set(threads);
}

/// The part of oneDNN 3's C interface (oneapi/dnnl/dnnl.h) needed for a matrix product.
class OneDnn {
 public:
  using Object = std::shared_ptr<void>;
  struct Argument {
    int which;
    void* memory;
  };

  explicit OneDnn(const SharedLibrary& library) : library_(library) {
    struct Version {
      int major, minor, patch;
    };
    const auto version = library_.symbol<const Version* (*)()>("dnnl_version");
    if (!version || version()->major != 3) return;
    // A build for SYCL has an engine only if a SYCL processor device is installed.
    void* engine = nullptr;
    if (library_.symbol<int (*)(void**, int, size_t)>("dnnl_engine_create")(&engine, 1, 0) != 0) return;
    engine_ = owned(engine, "dnnl_engine_destroy");
    stream_ = made("dnnl_stream_create", "dnnl_stream_destroy", engine, 1u);
  }
  /// Whether there is a processor to compute on.
  bool ready() const { return stream_ != nullptr; }
  void* engine() const { return engine_.get(); }
  void* stream() const { return stream_.get(); }

  template <class F>
  F function(const char* name) const {
    const auto f = library_.symbol<F>(name);
    if (!f) fail(ErrorCode::failed, "--compare: the loaded oneDNN has no function ", name);
    return f;
  }
  /// Calls a function that returns a status.
  template <class... Args>
  void call(const char* function, Args... args) const {
    if (const int status = this->function<int (*)(Args...)>(function)(args...))
      fail(ErrorCode::failed, "oneDNN: ", function, " returned ", status);
  }
  /// Calls a function that creates an object, which `end` destroys.
  template <class... Args>
  Object made(const char* function, const char* end, Args... args) const {
    void* object = nullptr;
    call(function, &object, args...);
    return owned(object, end);
  }

 private:
  Object owned(void* object, const char* end) const { return {object, library_.symbol<int (*)(void*)>(end)}; }
  SharedLibrary library_;
  Object engine_, stream_;
};

/// A product as a primitive: created for sizes and strides, executed on any addresses.
class OneDnnMatmul {
 public:
  OneDnnMatmul(const OneDnn& dnn, const Matmul& m)
      : dnn_(dnn),
        place_(dnn.function<decltype(place_)>("dnnl_memory_set_data_handle")),
        execute_(dnn.function<decltype(execute_)>("dnnl_primitive_execute")),
        wait_(dnn.function<decltype(wait_)>("dnnl_stream_wait")) {
    const auto strides = [](int64_t ld, bool transposed) {
      return transposed ? std::array{int64_t{1}, ld} : std::array{ld, int64_t{1}};
    };
    constexpr int bf16 = 2, f32 = 3;
    const int type = m.dtype == DType::bf16 ? bf16 : f32, type_of_c = m.bf16_c ? bf16 : f32;
    const std::array matrices = {describe(m.M, m.K, type, strides(m.lda, m.trans_a)),
                                 describe(m.K, m.N, type, strides(m.ldb, m.trans_b)),
                                 describe(m.M, m.N, type_of_c, strides(m.ldc, false))};
    const auto attributes = dnn.made("dnnl_primitive_attr_create", "dnnl_primitive_attr_destroy");
    const auto after = dnn.made("dnnl_post_ops_create", "dnnl_post_ops_destroy");
    if (m.to_c == Write::add) dnn.call("dnnl_post_ops_append_sum", after.get(), 1.0f, int32_t{0}, 0);
    dnn.call("dnnl_primitive_attr_set_post_ops", attributes.get(), static_cast<const void*>(after.get()));
    const auto description = dnn.made("dnnl_matmul_primitive_desc_create", "dnnl_primitive_desc_destroy",
                                      dnn.engine(), matrices[0].get(), matrices[1].get(),
                                      static_cast<void*>(nullptr), matrices[2].get(), attributes.get());
    primitive_ = dnn.made("dnnl_primitive_create", "dnnl_primitive_destroy", description.get());
    for (size_t i = 0; i < matrices.size(); ++i)
      memory_[i] = dnn.made("dnnl_memory_create", "dnnl_memory_destroy", matrices[i].get(), dnn.engine(),
                            static_cast<void*>(nullptr));
  }

  void operator()(const Matmul& m) const {
    const std::array<void*, 3> data = {const_cast<void*>(m.a), const_cast<void*>(m.b), m.c};
    for (size_t i = 0; i < data.size(); ++i) place_(memory_[i].get(), data[i]);
    constexpr int src = 1, weights = 33, dst = 17;
    const std::array<OneDnn::Argument, 3> arguments = {
        {{src, memory_[0].get()}, {weights, memory_[1].get()}, {dst, memory_[2].get()}}};
    execute_(primitive_.get(), dnn_.stream(), 3, arguments.data());
    wait_(dnn_.stream());
  }

 private:
  OneDnn::Object describe(int64_t rows, int64_t cols, int type, const std::array<int64_t, 2>& strides) const {
    const std::array sizes = {rows, cols};
    return dnn_.made("dnnl_memory_desc_create_with_strides", "dnnl_memory_desc_destroy", 2, sizes.data(),
                     type, strides.data());
  }
  const OneDnn& dnn_;
  int (*place_)(void*, void*);
  int (*execute_)(void*, void*, int, const OneDnn::Argument*);
  int (*wait_)(void*);
  OneDnn::Object primitive_;
  std::array<OneDnn::Object, 3> memory_;
};

}  // namespace

std::vector<PeerProduct> onednn_products(const PeerCalls& peer, const Matmul& m) {
  using Sgemm = int (*)(char, char, int64_t, int64_t, int64_t, float, const float*, int64_t, const float*,
                        int64_t, float, float*, int64_t);
  static const OneDnn dnn(peer.library);
  std::vector<PeerProduct> products;
  if (dnn.ready() && m.alpha == 1 && (m.dtype == DType::f32 || m.dtype == DType::bf16))
    products.push_back({peer.name, [peer, made = std::shared_ptr<OneDnnMatmul>()](const Launch& on,
                                                                                  const Matmul& a) mutable {
                          set_onednn_threads(peer, on.threads);
                          if (!made) made = std::make_shared<OneDnnMatmul>(dnn, a);
                          (*made)(a);
                        }});
  if (m.dtype == DType::f32)
    products.push_back({peer.name + ".sgemm", [peer](const Launch& on, const Matmul& a) {
                          set_onednn_threads(peer, on.threads);
                          reinterpret_cast<Sgemm>(peer.entry)(a.trans_a ? 'T' : 'N', a.trans_b ? 'T' : 'N',
                                                              a.M, a.N, a.K, static_cast<float>(a.alpha),
                                                              floats(a.a), a.lda, floats(a.b), a.ldb,
                                                              beta_of(a), static_cast<float*>(a.c), a.ldc);
                        }});
  return products;
}

}  // namespace hewn::cli
