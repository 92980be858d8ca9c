// Every rung of GPU code agrees with its room's reference, leaves memory around its operands unchanged and
// produces the same bits twice: on the block emulator, in any order of blocks and threads, or with
// HEWN_TEST_DEVICE=cuda on the machine's GPU.

#include <algorithm>
#include <optional>
#include <string_view>

#include "kernels/contract/rooms.h"
#include "kernels/devices/devices.h"
#include "kernels/gpu/emulator/emulator.h"
#include "kernels/gpu/simt/limits.h"
#include "kernels/norm/op.h"
#include "tests/kernels/bf16_norms.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/gpu.h"
#include "tests/support/random.h"

namespace hewn {
namespace {

std::vector<std::vector<uint8_t>> bits_of(Case& c) {
  std::vector<std::vector<uint8_t>> bits;
  for (Operand& o : c.operands())
    if (o.output) bits.emplace_back(o.data(), o.data() + static_cast<size_t>(o.n) * size_of(o.dtype));
  return bits;
}

/// The shared memory that a kernel may use: `most_shared`, except for kernels that only Hopper runs.
size_t shared_limit(std::string_view rung) {
  return rung.ends_with(".hopper") ? size_t{227} << 10 : most_shared;
}

void check_rung(Case& c, size_t rung, Executor& device, const Reference& reference) {
  INFO(c.op() << " " << c.shape() << " " << name_of(c.dtype()) << ", rung " << c.rung_name(rung) << " on "
              << device.name());
  const emulator::Options before = emulator::options();
  emulator::options().shared_limit = shared_limit(c.rung_name(rung));
  std::vector<std::vector<uint8_t>> first;
  for (const uint64_t order : {uint64_t{0}, test::run_seed() | 1}) {
    emulator::options().order = order;
    c.reset();
    test::run_on(device, c, rung);
    CHECK(c.damage() == "");
    if (order == 0) {
      CHECK(c.difference(reference) == "");
      first = bits_of(c);
    } else {
      INFO("blocks and threads in order " << order);
      CHECK((bits_of(c) == first));
    }
  }
  emulator::options() = before;
}

/// Checks all GPU rungs on a room's cases.
void check_room(const Room& room, Executor& device, const CaseRequest& request) {
  for (const auto& c : room.cases(request)) {
    if (!test::in_sample()) continue;
    std::optional<Reference> reference;
    for (size_t rung = 0; rung < c->rungs(); ++rung) {
      if (!c->has(rung, device.isa()) || c->why_not(rung)) continue;
      if (!reference) reference = c->reference(1);
      check_rung(*c, rung, device, *reference);
    }
  }
}

const Room& room_called(std::string_view name) {
  const auto room =
      std::find_if(rooms().begin(), rooms().end(), [&](const Room& r) { return r.name == name; });
  REQUIRE(room != rooms().end());
  return *room;
}

}  // namespace

TEST_CASE("every GPU rung equals the reference") {
  const auto device = test::make_test_gpu();
  for (const Room& room : rooms()) {
    SECTION(room.name) {
      for (const DType dtype : {DType::f32, DType::f64, DType::bf16})
        check_room(room, *device, {.dtype = dtype, .seed = test::run_seed(), .width = 4});
    }
  }
}

TEST_CASE("GPU rungs accept operands that are aligned only to their elements") {
  const auto device = test::make_test_gpu();
  for (const Room& room : rooms()) {
    SECTION(room.name) {
      for (const DType dtype : {DType::f32, DType::f64, DType::bf16})
        for (const auto& c : room.cases({.dtype = dtype, .seed = test::run_seed(), .width = 4})) {
          if (!test::in_sample()) continue;
          const Reference reference = c->reference(1);
          for (size_t rung = 0; rung < c->rungs(); ++rung) {
            if (!c->has(rung, device->isa())) continue;
            INFO(c->op() << " " << c->shape() << " " << name_of(c->dtype()) << ", rung "
                         << c->rung_name(rung));
            c->reset();
            if (!test::run_on(*device, *c, rung, 1)) continue;
            CHECK(c->damage() == "");
            CHECK(c->difference(reference) == "");
          }
        }
    }
  }
}

TEST_CASE("GPU kernels that work in pieces equal the reference for several pieces") {
  if (test::left_out()) return;
  const auto device = test::make_test_gpu();
  const std::pair<std::string_view, const char*> cases[] = {
      {"embedding", "2500x600x5"},
      {"embedding", "1500x3x2"},
      {"embedding", "130x70000x3"},
      {"reduce", "2x20000x1"},
      {"reduce", "1x1100x35"},
      {"reduce", "2x1025x1"},
      {"attention", "1x4x150x200x40x2x30"},      // blocks of keys, and of queries, that are not visited
      {"attention", "1x2x70x100x100x1x50"},      // wide heads: fewer keys per step
      {"attention", "1x2x9x70x150x1x40"},        // heads wider than a warp sums at a time
      {"attention", "1x2x131x201x24x1x201x20"},  // rows of the dropout mask begin anywhere
      {"attention", "1x1x70x128x100x1x60x50"},   // or at multiples of 64
      {"attention", "1x2x1x1100x64"},            // pieces of different lengths
      {"attention", "2x4x8x400x128x2x400"},      // groups of rows that share keys
      {"attention", "1x3x5x700x33x1x300"},       // rows that are not aligned, a window
  };
  const char* halves[] = {"1x4x150x200x40x2x30",     "2x2x260x260x64",          "1x2x130x200x128x1x70",
                          "1x1x140x140x96",
                          "1x2x9x70x144x1x40",  // too wide for tensor cores
                          "1x2x131x201x64x1x201x20", "2x1x192x192x64x1x192x10", "1x2x70x200x128x1x90x50",
                          "1x1x66x256x32x1x150x30",  "1x2x1x1100x64",           "2x4x8x400x128x2x400",
                          "1x3x5x700x33x1x300",      "1x4x1x200x32x1x200"};
  for (const auto& [name, shape] : cases) {
    check_room(room_called(name), *device, {.seed = test::run_seed(), .shape = shape});
  }
  for (const char* shape : halves)
    check_room(room_called("attention"), *device,
               {.dtype = DType::bf16, .seed = test::run_seed(), .shape = shape});
}

TEST_CASE("GPU rungs over rows equal the reference for every team size") {
  const auto device = test::make_test_gpu();
  for (const char* name : {"softmax", "norm", "cross_entropy"}) {
    SECTION(name) {
      const Room& room = room_called(name);
      const uint64_t seed = test::run_seed();
      // Sizes around a warp's 32 lanes, then around what a warp and a block can hold, and larger.
      check_room(room, *device, {.seed = seed, .width = 32});
      for (const char* shape :
           {"3x127", "5x257", "5x384", "5x768", "2x1021", "2x1028", "1x3000", "3x4099", "2x8192", "1x8193"})
        check_room(room, *device, {.seed = seed, .shape = shape});
      for (const char* shape :
           {"3x127", "9x256", "5x768", "2x1000", "2x1030", "2x1608", "1x4096", "1x8192", "1x8193", "1x20003"})
        check_room(room, *device, {.dtype = DType::bf16, .seed = seed, .shape = shape});
      for (const char* shape : {"3x33", "2x2050"})
        check_room(room, *device, {.dtype = DType::f64, .seed = seed, .shape = shape});
    }
  }
}

TEST_CASE("norms on a GPU: bf16 values are those of float, rounded once") {
  const auto device = test::make_test_gpu();
  test::check_bf16_norm(*device, 2, [](const std::vector<Tensor>& in, DType y_dtype) {
    return layernorm(in[0], in[1], in[2], 1e-5, y_dtype);
  });
  test::check_bf16_norm(*device, 1, [](const std::vector<Tensor>& in, DType y_dtype) {
    return rmsnorm(in[0], in[1], 1e-5, y_dtype);
  });
}

}  // namespace hewn
