#pragma once
// A disk that loses power. It replays the journal of a program (preloaded/journal.h) and knows what was synced and what
// was not; from both it builds the states in which a file system may be found afterwards.
//
// What fsync of a file has returned for is there: its content. What fsync of a directory has returned for is there: the
// entries of this directory, not the content of its files, nor the entry of the directory itself in its
// parent. Everything else may be there or not, each change independently of the others, also in another order
// than it was made in: writes, torn at multiples of 512 bytes, the lengths of files without their bytes, new
// names, removals, renames. A rename within a directory is one change. This is more than POSIX promises and
// less than most file systems do.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace hewn::test {

/// The disk after a power cut, by path relative to the root; sorted, so that a directory comes before what it holds.
struct DiskEntry {
  enum class Kind : uint8_t { directory, file, link };
  Kind kind = Kind::directory;
  std::string text;  ///< content of a file, target of a link
  bool operator==(const DiskEntry&) const = default;
};
using DiskState = std::map<std::string, DiskEntry>;

/// Writes a state into a directory, which is emptied first.
void write_state(const DiskState& state, const std::string& directory);
/// The state of a directory.
DiskState read_state(const std::string& directory);

/// What of the changes that were not synced is found: of `n` changes of a file or of all directories, in their order.
struct Survival {
  std::string name;  ///< for messages
  /// Whether change `i` of the `n` of names survived.
  std::function<bool(size_t i, size_t n)> name_change;
  /// Bytes of write `i` of the `n` to a file that survived, of `size`.
  std::function<size_t(size_t i, size_t n, size_t size)> bytes;
  /// With which byte the rest is filled up to the length that the file had; '\0' for zeros, 'x' for garbage, nothing if the
  /// file ends behind its last surviving byte.
  enum class Rest : uint8_t { absent, zeros, garbage } rest = Rest::absent;
};

class Disk {
 public:
  /// A disk with this content, all of it synced. Paths in the journal are below `root`.
  Disk(const DiskState& content, std::string root);

  /// Replays the next entry of a journal, which begins at `journal`; returns the bytes it takes, 0 at the end.
  size_t replay(std::string_view journal);
  /// Whether the last entry changed the disk or synced it.
  bool changed() const { return changed_; }
  /// Everything that the program has written to standard error until now.
  const std::string& messages() const { return messages_; }

  /// What is found after a power cut at this moment. False if it is no tree, because a renamed directory would be in two
  /// places.
  bool state_after_cut(const Survival& survival, DiskState& state) const;
  /// As running programs see it.
  DiskState state_now() const;

 private:
  /// A write, or a new length.
  struct Write {
    uint64_t offset = 0;
    std::string bytes;
    bool truncates = false;
  };
  struct Node {
    DiskEntry::Kind kind = DiskEntry::Kind::directory;
    std::string synced;         ///< content of a file, target of a link
    std::vector<Write> writes;  ///< since then
  };
  using Names = std::map<std::pair<size_t, std::string>, size_t>;  ///< (directory, name) -> node
  /// One change of names: each given name leads to a node, or to none.
  struct NameChange {
    static constexpr size_t none = SIZE_MAX;
    std::map<std::pair<size_t, std::string>, size_t> names;
  };

  size_t node_at(const std::string& path) const;
  std::pair<size_t, std::string> name_of(const std::string& path) const;
  void change(NameChange change);
  void sync(size_t node);
  static void apply(const NameChange& change, Names& names);
  static std::string content(const Node& node, const Survival& survival);

  std::string root_;
  std::vector<Node> nodes_;
  Names now_, synced_;
  std::vector<NameChange> changes_;  ///< of names, since they were synced
  std::map<int, size_t> open_;
  std::string messages_;
  bool changed_ = false;
};

}  // namespace hewn::test
