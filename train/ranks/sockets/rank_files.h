#pragma once
// The files through which the processes of a run find each other.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/io/socket.h"

namespace hewn {

/// Random bytes that only those know who can read the files.
using Token = std::array<std::byte, 16>;

/// Fresh ones. Throws ErrorCode::failed if the system has none.
Token random_token();

/// What a rank says in its file.
struct RankAddress {
  Endpoint endpoint;
  Token token{};

  bool operator==(const RankAddress&) const = default;
  /// The content of a file.
  std::string text() const;
};

/// The inverse of `RankAddress::text`; nothing if that is not such a text.
std::optional<RankAddress> parse_rank_address(std::string_view text);

/// The files of one attempt of a run: one for each rank, named by run, attempt and rank. The user alone can read them, as
/// they hold the tokens.
class RankFiles {
 public:
  /// Creates the directory if it is missing. Throws ErrorCode::failed.
  RankFiles(std::string directory, const std::string& run, int64_t attempt);

  std::string path_of(int rank) const;
  /// Writes the file of a rank: it appears as a whole, in place of an older one. Throws ErrorCode::failed.
  void write(int rank, const RankAddress& address) const;
  /// What a rank has written; nothing if there is no such file, or if it cannot be read now.
  std::optional<RankAddress> read(int rank) const;
  /// Removes the file of a rank if it still has this token. Does nothing if that fails.
  void remove(int rank, const Token& token) const noexcept;
  /// Removes what earlier attempts of the run have left. Does nothing if that fails.
  void remove_earlier() const noexcept;

 private:
  std::string directory_, run_;  // with a slash; as part of a file name
  int64_t attempt_;
};

}  // namespace hewn
