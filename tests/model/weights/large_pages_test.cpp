// Weights that are read for every token move to one block of memory, if there is room.

#include "model/weights/large_pages.h"

#include <cstring>
#include <numeric>

#include "core/memory.h"
#include "kernels/devices/devices.h"
#include "tests/support/catch.h"

namespace hewn::test {
namespace {

/// Three tensors of bytes 0, 1, 2 ..., at odd addresses.
struct Numbers {
  std::vector<uint8_t> bytes;
  std::shared_ptr<const NamedTensors> file;

  Numbers() : bytes((size_t{5} << 20) + 301) {
    std::iota(bytes.begin(), bytes.end(), uint8_t{0});
    const auto at = [&](const char* name, DType dtype, size_t first, size_t size) {
      return TensorEntry{
          .name = name, .dtype = dtype, .shape = {}, .data = bytes.data() + first, .bytes = size};
    };
    file =
        std::make_shared<TensorList>(std::vector{at("a", DType::bf16, 1, 100), at("b", DType::f32, 101, 200),
                                                 at("c", DType::bf16, 301, size_t{5} << 20)},
                                     nullptr);
  }
};

bool is_bf16(const TensorEntry& entry) { return entry.dtype == DType::bf16; }

}  // namespace

TEST_CASE("large pages: the chosen tensors are copied to one block, aligned") {
  const Numbers numbers;
  const size_t before = cpu().pool().stats().live;
  {
    const auto near = in_large_pages(numbers.file, cpu(), is_bf16);
    for (const char* name : {"a", "c"}) {
      INFO(name);
      const TensorEntry &copy = *near->find(name), &original = *numbers.file->find(name);
      CHECK(copy.data != original.data);
      CHECK(reinterpret_cast<uintptr_t>(copy.data) % 64 == 0);
      CHECK(copy.bytes == original.bytes);
      CHECK(std::memcmp(copy.data, original.data, copy.bytes) == 0);
    }
    CHECK(near->find("b")->data == numbers.file->find("b")->data);
    const char* const first = static_cast<const char*>(near->find("a")->data);
    CHECK(near->find("c")->data == first + 128);
    CHECK(cpu().pool().stats().live >= before + 128 + (size_t{5} << 20));
  }
  CHECK(cpu().pool().stats().live == before);
}

TEST_CASE("large pages: tensors stay in the file if memory lacks, none is chosen, or on other devices") {
  const Numbers numbers;
  const size_t block = (size_t{5} << 20) + 128;
  CHECK(in_large_pages(numbers.file, cpu(), is_bf16, block + block / 4 - 1) == numbers.file);
  CHECK(in_large_pages(numbers.file, cpu(), is_bf16, block + block / 4) != numbers.file);
  CHECK(in_large_pages(numbers.file, cpu(), [](const TensorEntry&) { return false; }) == numbers.file);
  const auto meta = make_meta(1, cpu().isa(), 0);
  CHECK(in_large_pages(numbers.file, *meta, is_bf16) == numbers.file);
}

}  // namespace hewn::test
