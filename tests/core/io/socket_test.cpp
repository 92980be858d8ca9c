// Sockets that are read and written without waiting.

#include "core/io/socket.h"

#include <fcntl.h>

#include <string>
#include <thread>

#include "tests/support/catch.h"

namespace hewn::test {
namespace {

using namespace std::chrono_literals;

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

/// Reads once, at most so many bytes; "closed" if the other end is.
std::string text_from(const Socket& socket, size_t most = 100) {
  std::string text(most, '\0');
  const auto n = read_now(socket, std::as_writable_bytes(std::span(text)));
  return n ? text.substr(0, *n) : "closed";
}

}  // namespace

TEST_CASE("what is written to an end of a connection is read from the other", "[socket]") {
  auto [one, other] = connected_sockets();
  CHECK(text_from(one).empty());
  CHECK(write_now(one, bytes_of("some "), bytes_of("bytes")) == 10);
  CHECK(write_now(other, bytes_of("answer")) == 6);
  CHECK(text_from(other, 7) == "some by");
  CHECK(text_from(other) == "tes");
  CHECK(text_from(one) == "answer");
  // Programs that this one starts do not inherit them.
  CHECK(::fcntl(one.get(), F_GETFD) == FD_CLOEXEC);
  CHECK(::fcntl(other.get(), F_GETFD) == FD_CLOEXEC);
}

TEST_CASE("an end that nobody reads takes no more at some time, and one that is closed nothing", "[socket]") {
  auto [one, other] = connected_sockets();
  const std::string many(100'000, 'x');
  size_t written = 0;
  for (size_t n = 1; n > 0; written += n) n = write_now(one, bytes_of(many)).value_or(0);
  size_t read = 0;
  for (size_t n = 1; n > 0; read += n) n = text_from(other, 1'000'000).size();
  CHECK(read == written);
  CHECK(write_now(one, bytes_of("last")) == 4);
  one.close();
  CHECK(text_from(other) == "last");
  CHECK(text_from(other) == "closed");
  CHECK(!write_now(other, bytes_of("more")));
}

TEST_CASE("a connection is closed in order when both sides have written everything", "[socket]") {
  auto [one, other] = connected_sockets();
  REQUIRE(write_now(one, bytes_of("unread")) == 6);
  std::thread both([&one = one] { close_in_order(one, Clock::now() + 10s); });
  std::this_thread::sleep_for(20ms);
  CHECK(text_from(other) == "unread");
  const auto begin = Clock::now();
  close_in_order(other, begin + 10s);
  both.join();
  CHECK(Clock::now() - begin < 5s);
  CHECK(!one.is_open());
}

TEST_CASE("a connection whose other side goes on is closed at the deadline", "[socket]") {
  auto [one, other] = connected_sockets();
  const auto begin = Clock::now();
  close_in_order(one, begin + 50ms);
  CHECK(Clock::now() - begin >= 50ms);
  CHECK(!one.is_open());
  CHECK(text_from(other) == "closed");
}

}  // namespace hewn::test
