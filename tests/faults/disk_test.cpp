// The simulated disk: what is synced is found after a power cut, and only that must be.

#include "tests/faults/disk.h"

#include <algorithm>
#include <optional>

#include "tests/faults/preloaded/journal.h"
#include "tests/support/catch.h"

namespace hewn::test {
namespace {

using faults::Change;
using Kind = DiskEntry::Kind;

/// A journal as the preloaded library writes it.
class Journal {
 public:
  Journal& add(Change change, int descriptor, const std::string& first = "", const std::string& second = "",
               const std::string& bytes = "", int64_t number = 0) {
    const auto size = [](const std::string& text) { return static_cast<uint32_t>(text.size()); };
    const faults::JournalEntry entry{change, descriptor, number, size(first), size(second), size(bytes), 0};
    text_.append(reinterpret_cast<const char*>(&entry), sizeof entry)
        .append(first)
        .append(second)
        .append(bytes);
    return *this;
  }
  /// The state after all of it and a cut from which this survives; nothing if it is no tree.
  std::optional<DiskState> found(const Survival& survival, const DiskState& before) const {
    Disk disk(before, "/r");
    size_t at = 0;
    while (const size_t taken = disk.replay(std::string_view(text_).substr(at))) at += taken;
    DiskState state;
    if (!disk.state_after_cut(survival, state)) return std::nullopt;
    return state;
  }
  DiskState after_cut(const Survival& survival, const DiskState& before = {}) const {
    return found(survival, before).value();
  }

 private:
  std::string text_;
};

Survival all_names(size_t bytes, Survival::Rest rest = Survival::Rest::absent) {
  return {"", [](size_t, size_t) { return true; },
          [=](size_t, size_t, size_t size) { return std::min(bytes, size); }, rest};
}

Survival nothing() {
  return {"", [](size_t, size_t) { return false; }, [](size_t, size_t, size_t) { return size_t{0}; }};
}

/// A file written, and perhaps synced, under another name, then renamed.
Journal atomic_file(bool synced, bool directory_synced) {
  Journal journal;
  journal.add(Change::open, 3, "/r/tmp", "", "", 1).add(Change::write, 3, "", "", std::string(1000, 'a'), 0);
  if (synced) journal.add(Change::sync, 3);
  journal.add(Change::close, 3).add(Change::rename, -1, "/r/tmp", "/r/file").add(Change::open, 4, "/r");
  if (directory_synced) journal.add(Change::sync, 4);
  return journal;
}

}  // namespace

TEST_CASE("a file without fsync may be found empty, torn or filled with anything") {
  const DiskState empty{{"file", {Kind::file, ""}}};
  CHECK(atomic_file(false, true).after_cut(nothing()) == empty);
  CHECK(atomic_file(false, false).after_cut(all_names(0)) == empty);
  CHECK(atomic_file(false, false).after_cut(all_names(512)).at("file").text == std::string(512, 'a'));
  const std::string zeros =
      atomic_file(false, false).after_cut(all_names(512, Survival::Rest::zeros)).at("file").text;
  CHECK(zeros == std::string(512, 'a') + std::string(488, '\0'));
  CHECK(atomic_file(true, false).after_cut(all_names(0)).at("file").text == std::string(1000, 'a'));
}

TEST_CASE("names are found once their directory is synced, and a directory once its parent is") {
  CHECK(atomic_file(true, false).after_cut(nothing()).empty());
  CHECK(atomic_file(true, true).after_cut(nothing()).at("file").text == std::string(1000, 'a'));
  const DiskState before{{"file", {Kind::file, "old"}}};
  CHECK(atomic_file(true, false).after_cut(nothing(), before) == before);
  Journal journal;
  journal.add(Change::mkdir, -1, "/r/run")
      .add(Change::open, 3, "/r/run/file", "", "", 1)
      .add(Change::sync, 3);
  journal.add(Change::open, 4, "/r/run").add(Change::sync, 4);
  CHECK(journal.after_cut(nothing()).empty());
  journal.add(Change::open, 5, "/r").add(Change::sync, 5);
  CHECK(journal.after_cut(nothing()) ==
        DiskState{{"run", {Kind::directory, ""}}, {"run/file", {Kind::file, ""}}});
}

TEST_CASE("removals and exchanges may be undone; a directory in two places is no state") {
  const DiskState before{
      {"a", {Kind::directory, ""}}, {"a/one", {Kind::file, "1"}}, {"b", {Kind::directory, ""}}};
  Journal journal;
  journal.add(Change::exchange, -1, "/r/a", "/r/b").add(Change::remove, -1, "/r/b/one");
  CHECK(journal.after_cut(nothing(), before) == before);
  CHECK(journal.after_cut(all_names(0), before) ==
        DiskState{{"a", {Kind::directory, ""}}, {"b", {Kind::directory, ""}}});
  Journal renames;
  renames.add(Change::rename, -1, "/r/b", "/r/c").add(Change::rename, -1, "/r/c", "/r/d");
  const Survival one_of_them{"", [](size_t i, size_t) { return i == 1; },
                             [](size_t, size_t, size_t) { return size_t{0}; }};
  CHECK_FALSE(renames.found(one_of_them, before));
}

}  // namespace hewn::test
