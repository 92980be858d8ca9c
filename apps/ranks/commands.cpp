// The commands of this room and their options.

#include "apps/run/keys.h"

namespace hewn::cli {

int run_bench_comm(const Settings& settings);

namespace {

Sections comm_sections() {
  using namespace keys;
  return {described("bench_comm", {once(text("ranks", "2,4")), once(text("mb", "MB,...", "1,25,500")),
                                   letter('r', integer("repeat", "5", 1, 1'000'000))}),
          ranks("hosts rank_timeout").with({training_key("bucket_mb")})};
}

}  // namespace

Commands ranks_commands() {
  return {
      {.name = "bench comm", .purpose = Purpose::measure, .sections = comm_sections, .run = run_bench_comm}};
}

}  // namespace hewn::cli
