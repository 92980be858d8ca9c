#include "core/io/checksum.h"

#include <string>

#include "core/error.h"
#include "tests/support/catch.h"
#include "tests/support/random.h"

using namespace hewn;
using test::Random;

TEST_CASE("checksums are those of the reference implementation of XXH64", "[checksum]") {
  std::string bytes(1000, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>((i * i * 7 + i) % 251);
  const std::string_view all = bytes;
  // python3 -c "import xxhash; d=bytes((i*i*7+i)%251 for i in range(1000));
  // print(xxhash.xxh64(d[:n]).hexdigest())"
  CHECK(to_hex(checksum(all.substr(0, 0))) == "ef46db3751d8e999");
  CHECK(to_hex(checksum(all.substr(0, 1))) == "e934a84adb052768");
  CHECK(to_hex(checksum(all.substr(0, 3))) == "0a8b0eaaa44d36dc");
  CHECK(to_hex(checksum(all.substr(0, 4))) == "a52c40dc1e458cb4");
  CHECK(to_hex(checksum(all.substr(0, 7))) == "2a5fe019bc716223");
  CHECK(to_hex(checksum(all.substr(0, 8))) == "2bc9f117fe5c541d");
  CHECK(to_hex(checksum(all.substr(0, 31))) == "208e23eac0ee3fa5");
  CHECK(to_hex(checksum(all.substr(0, 32))) == "da7d7a4231ee2ac0");
  CHECK(to_hex(checksum(all.substr(0, 33))) == "f7ced3acea35cc81");
  CHECK(to_hex(checksum(all.substr(0, 63))) == "b9c09db4ad1aa601");
  CHECK(to_hex(checksum(all.substr(0, 64))) == "458839d9490370bb");
  CHECK(to_hex(checksum(all.substr(0, 100))) == "0a4f11d0b53909a7");
  CHECK(to_hex(checksum(all)) == "93b17183e46861be");
}

TEST_CASE("a checksum does not depend on how the bytes are split", "[checksum]") {
  Random random("checksum pieces");
  for (int round = 0; round < 200; ++round) {
    std::string bytes(static_cast<size_t>(random.integer(0, 300)), '\0');
    for (char& c : bytes) c = static_cast<char>(random.bits());
    Checksum sum;
    for (size_t at = 0; at < bytes.size();) {
      const auto n = std::min(bytes.size() - at, static_cast<size_t>(random.integer(0, 70)));
      sum.update(bytes.data() + at, n);
      at += n;
    }
    REQUIRE(sum.value() == checksum(bytes));
  }
}

TEST_CASE("every flipped bit changes the checksum", "[checksum]") {
  Random random("checksum flips");
  std::string bytes(77, '\0');
  for (char& c : bytes) c = static_cast<char>(random.bits());
  const uint64_t before = checksum(bytes);
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ 1 << bit % 8);
    REQUIRE(checksum(bytes) != before);
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ 1 << bit % 8);
  }
}

TEST_CASE("hexadecimal digits are written and read back", "[checksum]") {
  for (uint64_t value : {uint64_t{0}, uint64_t{1}, uint64_t{0x0123456789abcdef}, ~uint64_t{0}}) {
    CHECK(from_hex(to_hex(value)) == value);
  }
  CHECK(to_hex(0x0123456789abcdef) == "0123456789abcdef");
  for (const char* bad :
       {"", "0", "0123456789abcde", "0123456789abcdef0", "0123456789ABCDEF", "0x23456789abcdef"}) {
    CHECK_THROWS_AS(from_hex(bad), Error);
  }
}
