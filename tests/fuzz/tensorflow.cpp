#include "model/weights/tensorflow/tensorflow.h"

#include <algorithm>
#include <cstring>

#include "model/weights/tensorflow/table.h"
#include "tests/fuzz/target.h"

namespace hewn::test {
namespace {

std::string with_trailer(std::string_view block) {
  std::string bytes(block);
  bytes += '\0';
  const uint32_t sum = masked_crc32c(crc32c(bytes));
  bytes.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  return bytes;
}

std::string place_of(size_t offset, size_t size) {
  std::string bytes;
  for (size_t v : {offset, size}) {
    for (; v >= 128; v >>= 7) bytes += static_cast<char>(v | 128);
    bytes += static_cast<char>(v);
  }
  return bytes;
}

const AddFuzzTarget table_target("tensorflow_table",
                                 [](std::string_view bytes) { read_bundle_index(bytes); });

/// The bytes are the list of blocks, its length first, and the block it lists, both with the right checksums,
/// which chance would never find.
const AddFuzzTarget blocks_target("tensorflow_blocks", [](std::string_view bytes) {
  if (bytes.empty()) return;
  const std::string_view rest = bytes.substr(1);
  const size_t list = std::min<size_t>(static_cast<uint8_t>(bytes[0]), rest.size());
  std::string table = with_trailer(rest.substr(list));
  std::string footer = place_of(0, 0) + place_of(table.size(), list);
  footer.resize(40);
  table += with_trailer(rest.substr(0, list)) + footer + "\x57\xfb\x80\x8b\x24\x75\x47\xdb";
  read_bundle_index(table);
});

}  // namespace
}  // namespace hewn::test
