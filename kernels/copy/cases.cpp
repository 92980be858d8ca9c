#include <span>

#include "core/text.h"
#include "kernels/contract/case.h"
#include "kernels/copy/abi.h"

namespace hewn {
namespace {

/// The layout of a [d0, d1, d2] copy.
struct Form {
  const char* name;
  int x_order[3];  ///< dimensions of x from the slowest to the fastest
  bool y_padded;   ///< rows of y are parts of longer rows, as in a slice
  bool repeat;     ///< x has stride 0 along the second dimension
};
constexpr Form forms[] = {{"rows", {0, 1, 2}, false, false},         {"slice", {0, 1, 2}, true, false},
                          {"swap 1 2", {0, 2, 1}, false, false},     {"swap 0 2", {2, 1, 0}, false, false},
                          {"swap 0 1", {1, 0, 2}, false, false},     {"repeat", {0, 1, 2}, false, true},
                          {"swap 1 2 slice", {0, 2, 1}, true, false}};

/// From `form`, as text. Into rows of y from number `row` on, which is in device memory, if there is one.
Sketch sketch(const Copy& args, const std::string& form, const std::string& on_device, int64_t row = 0) {
  const std::string shape = list_text(std::span(args.shape, static_cast<size_t>(args.rank)), "x") + form +
                            " to " + std::string(name_of(args.to)) + name_of(args.to_y) + on_device;
  return sketch_of(args, args.from, shape, [=](CaseMemory& m, Copy& a) {
    a.x = m.input("x", a.from, reach(a, a.x_stride), Fill::harsh);
    if (a.y_row)
      a.y_row = m.input("row", DType::i32, 1, [&](Rng&, int64_t) { return static_cast<double>(row); });
    a.y = m.output("y", a.to, reach(a, a.y_stride) + row * a.y_row_stride, 0);
  });
}

Sketch like_copy(const Copy& args) {
  const int64_t* const stride = args.x_stride;
  const bool sorted = std::is_sorted(stride, stride + args.rank, std::greater());
  return sketch(args, sorted ? "" : " transposed", args.y_row ? ", row on the device" : "");
}

/// Into rows of y from number `row` on, which is in device memory, if not negative.
void add_case(Cases& cases, const CaseRequest& request, const int64_t (&sizes)[3], const Form& form, DType to,
              Write write, int64_t row = -1) {
  Copy args{request.dtype, to, 3, {sizes[0], sizes[1], sizes[2]}, {}, {}, nullptr, nullptr, write};
  int64_t n_x = 1, n_y = 1;
  for (int k = 2; k >= 0; --k) {
    const int d = form.x_order[k];
    const bool still = form.repeat && d == 1;
    args.x_stride[d] = still ? 0 : n_x;
    if (!still) n_x *= sizes[d];
    args.y_stride[k] = n_y;
    n_y *= sizes[k] + (form.y_padded && k == 2 ? 3 : 0);
  }
  if (row >= 0) args.y_row = wanted, args.y_row_stride = args.y_stride[1];
  cases.push_back(sketch(args, join(" ", form.name), row < 0 ? "" : join(", row ", row, " on the device"),
                         std::max<int64_t>(row, 0))
                      .make(request));
}

}  // namespace

Cases copy_cases(const CaseRequest& request) {
  Cases cases;
  const auto all_forms = [&](const int64_t(&sizes)[3]) {
    for (const Form& form : forms) {
      add_case(cases, request, sizes, form, request.dtype, Write::set);
      if (request.dtype == DType::f32 || request.dtype == DType::f64)
        add_case(cases, request, sizes, form, request.dtype, Write::add);
    }
  };
  if (!request.shape.empty()) {
    const auto s = parse_sizes(request.shape, 3, "AxBxC");
    all_forms({s[0], s[1], s[2]});
  } else if (request.bench) {
    all_forms({12, 64, 128});
    all_forms({1024, 12, 64});
  } else {
    for (const int64_t n : sizes_around(request.width)) all_forms({3, 5, n}), all_forms({2, n, 7});
    all_forms({1, 2, 9001});  // more than one piece per row
    for (const Form& form : forms) add_case(cases, request, {2, 3, 40}, form, request.dtype, Write::set, 5);
    add_case(cases, request, {1, 1, 300}, forms[1], DType::f32, Write::set, 7);
    add_case(cases, request, {1, 2, 30}, forms[1], DType::bf16, Write::set, 0);
    for (const DType to : {DType::f64, DType::f32, DType::bf16, DType::f16, DType::i64, DType::i32,
                           DType::u16, DType::i8, DType::u8})
      for (const Form& form : forms) add_case(cases, request, {2, 5, 300}, form, to, Write::set);
  }
  return cases;
}

Sketch copy_like(std::string_view op, const void* args) { return sketch_of_launch(op, args, like_copy); }

}  // namespace hewn
