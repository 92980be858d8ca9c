// The file in which a rank says where it listens.

#include "tests/fuzz/target.h"
#include "train/ranks/sockets/rank_files.h"

namespace hewn::test {
namespace {

/// What was read is written and read again.
const AddFuzzTarget address_target("rank_address", [](std::string_view bytes) {
  const auto address = parse_rank_address(bytes);
  if (address && parse_rank_address(address->text()) != address) std::abort();
});

}  // namespace
}  // namespace hewn::test
