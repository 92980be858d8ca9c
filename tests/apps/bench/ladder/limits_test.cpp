// What a rung waits for, from its figures and the machine's.

#include "apps/bench/ladder/limits.h"

#include "tests/support/catch.h"

namespace hewn::cli {
namespace {

// A machine at 1 GHz with two multiply-adds, two loads and one store of eight floats per cycle; an addition takes four.
constexpr VectorSpeeds speeds{.multiply_adds = 2e9, .loads = 2e9, .stores = 1e9, .latency = 4e-9};

/// The time of 10^9 multiply-adds of eight numbers.
RungTime time_of(double seconds, const LoopFigures& loop) {
  return {.seconds = seconds, .flops = 16e9, .roof = {0.5, "f32 peak"}, .threads = 1, .loop = loop};
}

std::string wait(const RungTime& time) { return wait_text(time, shares_of(time, speeds)); }
bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

constexpr LoopFigures chained{.elements = 8, .multiply_adds = 1, .arithmetic = 1, .loads = 2, .chain = 1};

}  // namespace

TEST_CASE("limits: the limit that explains most of the time is the bound") {
  CHECK(wait(time_of(4.1, chained)) ==
        "latency-bound: its additions, each of which waits for the previous one, would take 98% of the time");
  CHECK(wait(time_of(1.1, {.elements = 64, .multiply_adds = 8, .arithmetic = 8, .loads = 16, .chain = 1}))
            .starts_with(
                "memory-bound: its loads, all from the first-level cache, would take 91% of the time"));
  CHECK(wait(time_of(1.1, {.elements = 8, .multiply_adds = 1, .arithmetic = 1, .loads = 1, .stores = 1}))
            .starts_with("memory-bound: its stores"));
  CHECK(wait(time_of(0.55, {.elements = 96, .multiply_adds = 12, .arithmetic = 12, .loads = 6, .chain = 1}))
            .starts_with("compute-bound: the arithmetic, at the f32 peak, would take 91%"));
  // Two instructions per multiply-add, on half as many numbers: four times as many as the roof counts.
  CHECK(wait(time_of(2.1, {.elements = 4, .multiply_adds = 1, .arithmetic = 2, .loads = 1}))
            .starts_with("compute-bound: its floating-point instructions"));
}

TEST_CASE("limits: chains of several threads run side by side") {
  RungTime two = time_of(2.1, chained);
  two.threads = 2;
  CHECK(has(wait(two),
            "latency-bound: its additions, each of which waits for the previous one, would take 95%"));
}

TEST_CASE("limits: a rung that is faster with data nearby waits for data") {
  RungTime far = time_of(20, chained);
  far.near_speed = 4e9;
  CHECK(wait(far) ==
        "memory-bound: its wait for data from beyond the first-level cache would take "
        "80% of the time");
  far.seconds = 6;
  CHECK(has(wait(far), "latency-bound: "));
  CHECK(has(wait(far), "67% of the time; its wait for data"));
  far.near_speed = 0;
  far.seconds = 20;
  CHECK(wait(far).starts_with("below its limits: its additions"));
  far.loop.reset();
  far.roof = {15, "L2"};
  CHECK(wait(far) ==
        "memory-bound: reading and writing each byte once, at the speed of L2, would take 75% of the time");
}

TEST_CASE("limits: beside other programs, a long call cannot be explained") {
  RungTime time = time_of(4.1, chained);
  time.disturbed_percent = 40;
  CHECK(has(wait(time), "unknown: other programs took 40% of the machine's time"));
  CHECK(why_slower(time, shares_of(time, speeds), time, shares_of(time, speeds), "x").empty());
  time.seconds = 4.1e-3, time.flops = 16e6, time.roof.seconds = 0.5e-3;
  CHECK(wait(time).starts_with("latency-bound"));
}

TEST_CASE("limits: a slower rung is explained by the share that has grown most") {
  const RungTime before = time_of(
                     2.1, {.elements = 4, .multiply_adds = 1, .arithmetic = 2, .loads = 2, .stores = 1}),
                 now = time_of(4.1, chained);
  CHECK(why_slower(now, shares_of(now, speeds), before, shares_of(before, speeds), "cached") ==
        "slower than cached, mainly because of its additions, each of which waits for the previous one, "
        "4000.000 ms here and 0.000 ms there");
  CHECK(why_slower(before, shares_of(before, speeds), before, shares_of(before, speeds), "itself").empty());
}

}  // namespace hewn::cli
