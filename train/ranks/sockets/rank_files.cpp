#include "train/ranks/sockets/rank_files.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <sstream>

#include "core/error.h"
#include "core/io/checksum.h"
#include "core/io/file.h"
#include "core/io/path.h"

namespace hewn {
namespace {

constexpr std::string_view first_word = "hewn-rank-1";
constexpr std::string_view hex_digits = "0123456789abcdef";

std::string hex_of(const Token& token) {
  std::string text;
  for (const std::byte byte : token) {
    text += hex_digits[std::to_integer<size_t>(byte >> 4)];
    text += hex_digits[std::to_integer<size_t>(byte & std::byte{15})];
  }
  return text;
}

std::optional<Token> token_of(std::string_view hex) {
  Token token{};
  if (hex.size() != 2 * token.size() || hex.find_first_not_of(hex_digits) != hex.npos) return std::nullopt;
  for (size_t i = 0; i < token.size(); ++i)
    token[i] = std::byte(hex_digits.find(hex[2 * i]) * 16 + hex_digits.find(hex[2 * i + 1]));
  return token;
}

/// A whole number in this range.
template <class Number>
std::optional<Number> whole_number(std::string_view text) {
  Number number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// The name of a run as part of a file name: itself, or if it has other characters than names of files should, its checksum.
std::string part_of_name(const std::string& run) {
  const bool plain =
      !run.empty() && run.size() <= 80 &&
      run.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == run.npos;
  return plain ? run : to_hex(checksum(run));
}

}  // namespace

Token random_token() {
  Token token{};
  if (::getentropy(token.data(), token.size()) != 0)
    fail(ErrorCode::failed, "the system has no random numbers for a token (getentropy)");
  return token;
}

std::string RankAddress::text() const {
  return join(first_word, " ", hex_of(token), " ", endpoint.host, " ", endpoint.port, "\n");
}

std::optional<RankAddress> parse_rank_address(std::string_view text) {
  std::istringstream words{std::string(text)};
  std::string first, token, host, port, more;
  if (!(words >> first >> token >> host >> port) || first != first_word || (words >> more))
    return std::nullopt;
  const auto number = whole_number<uint16_t>(port);
  const auto bytes = token_of(token);
  if (!number || *number == 0 || !bytes) return std::nullopt;
  return RankAddress{.endpoint = {.host = host, .port = *number}, .token = *bytes};
}

RankFiles::RankFiles(std::string directory, const std::string& run, int64_t attempt)
    : directory_(std::move(directory) + "/"), run_(part_of_name(run)), attempt_(attempt) {
  make_directories(directory_);
}

std::string RankFiles::path_of(int rank) const {
  return join(directory_, "hewn.", run_, ".", attempt_, ".rank-", rank);
}

void RankFiles::write(int rank, const RankAddress& address) const {
  const std::string path = path_of(rank), content = address.text();
  // Two processes with the same rank must not write to the same file.
  const std::string temporary = path + "." + hex_of(address.token).substr(0, 8);
  Descriptor file(retried(::open, temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file.is_open()) fail_at(ErrorCode::failed, temporary, "cannot be created", errno);
  int error = write_fully(file.get(), content.data(), content.size());
  if (const int unwritten = file.close(); error == 0) error = unwritten;
  if (error == 0 && retried(::rename, temporary.c_str(), path.c_str()) != 0) error = errno;
  if (error == 0) return;
  retried(::unlink, temporary.c_str());
  fail_at(ErrorCode::failed, path, "cannot be written", error);
}

std::optional<RankAddress> RankFiles::read(int rank) const {
  try {
    return parse_rank_address(read_small_file(path_of(rank), 1024));
  } catch (const Error&) {
    return std::nullopt;
  }
}

void RankFiles::remove(int rank, const Token& token) const noexcept {
  try {
    if (const auto address = read(rank); address && address->token == token)
      retried(::unlink, path_of(rank).c_str());
  } catch (const std::exception&) {  // no memory for the name
  }
}

void RankFiles::remove_earlier() const noexcept {
  try {
    const std::string prefix = join("hewn.", run_, ".");
    std::error_code unreadable;
    for (const fs::path& path : entries_of(directory_, unreadable)) {
      const std::string name = path.filename().string();
      if (!name.starts_with(prefix)) continue;
      const std::string rest = name.substr(prefix.size());
      const auto attempt = whole_number<int64_t>(rest.substr(0, rest.find(".rank-")));
      if (attempt && *attempt < attempt_ && rest.find(".rank-") != rest.npos) retried(::unlink, path.c_str());
    }
  } catch (const std::exception&) {  // no memory for the names
  }
}

}  // namespace hewn
