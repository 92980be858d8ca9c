#include "train/ranks/sockets/handshake.h"

#include "core/error.h"

namespace hewn {

void fail_of_sizes(const RankIdentity& me, int other, int size_of_other) {
  fail(ErrorCode::usage, "rank ", other, " was started with WORLD_SIZE=", size_of_other, ", but rank ",
       me.rank, " with WORLD_SIZE=", me.size, "; give all processes of a run the same");
}

}  // namespace hewn
