#include "tests/faults/disk.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <set>
#include <stdexcept>

#include "tests/faults/preloaded/journal.h"
#include "tests/support/env.h"

namespace hewn::test {
namespace {

namespace fs = std::filesystem;
using faults::Change;
using Kind = DiskEntry::Kind;

/// Lets a text be at least this long.
void lengthen(std::string& text, size_t size, char fill = '\0') {
  if (text.size() < size) text.resize(size, fill);
}

void overwrite(std::string& text, uint64_t offset, std::string_view bytes) {
  if (bytes.empty()) return;
  lengthen(text, offset + bytes.size());
  text.replace(offset, bytes.size(), bytes);
}

}  // namespace

void write_state(const DiskState& state, const std::string& directory) {
  fs::remove_all(directory);
  fs::create_directories(directory);
  for (const auto& [path, entry] : state) {
    const fs::path full = fs::path(directory) / path;
    switch (entry.kind) {
      case Kind::directory: fs::create_directory(full); break;
      case Kind::file: write_file(full, entry.text); break;
      case Kind::link: fs::create_symlink(entry.text, full); break;
    }
  }
}

DiskState read_state(const std::string& directory) {
  DiskState state;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    const std::string path = entry.path().string().substr(directory.size() + 1);
    if (entry.is_symlink())
      state[path] = {Kind::link, fs::read_symlink(entry.path()).string()};
    else if (entry.is_directory())
      state[path] = {Kind::directory, ""};
    else
      state[path] = {Kind::file, read_file(entry.path())};
  }
  return state;
}

Disk::Disk(const DiskState& content, std::string root) : root_(std::move(root)), nodes_(1) {
  for (const auto& [path, entry] : content) {
    nodes_.push_back({entry.kind, entry.text, {}});
    now_[name_of(root_ + "/" + path)] = nodes_.size() - 1;
  }
  synced_ = now_;
}

/// The node of a path, NameChange::none if there is none.
size_t Disk::node_at(const std::string& path) const {
  if (path.size() < root_.size() || path.compare(0, root_.size(), root_) != 0)
    throw std::runtime_error(path + " is not below " + root_);
  size_t node = 0;
  for (size_t at = root_.size(); at < path.size();) {
    const size_t end = std::min(path.find('/', at + 1), path.size());
    const std::string part = path.substr(at + 1, end - at - 1);
    at = end;
    if (part.empty() || part == ".") continue;
    const auto found = now_.find({node, part});
    if (found == now_.end()) return NameChange::none;
    node = found->second;
  }
  return node;
}

std::pair<size_t, std::string> Disk::name_of(const std::string& path) const {
  std::string trimmed = path;
  while (trimmed.size() > root_.size() && trimmed.back() == '/') trimmed.pop_back();
  const size_t slash = trimmed.rfind('/');
  const size_t directory = node_at(trimmed.substr(0, slash));
  if (directory == NameChange::none) throw std::runtime_error("no directory of " + path);
  return {directory, trimmed.substr(slash + 1)};
}

void Disk::apply(const NameChange& change, Names& names) {
  for (const auto& [name, node] : change.names) {
    if (node == NameChange::none)
      names.erase(name);
    else
      names[name] = node;
  }
}

void Disk::change(NameChange change) {
  apply(change, now_);
  changes_.push_back(std::move(change));
}

void Disk::sync(size_t node) {
  Node& its = nodes_[node];
  if (its.kind == Kind::directory) {
    const auto concerns = [&](const NameChange& c) {
      return c.names.rbegin()->first.first == node || c.names.begin()->first.first == node;
    };
    for (const NameChange& c : changes_)
      if (concerns(c)) apply(c, synced_);
    std::erase_if(changes_, concerns);
    return;
  }
  its.synced = content(its, {"", {}, [](size_t, size_t, size_t size) { return size; }});
  its.writes.clear();
}

size_t Disk::replay(std::string_view journal) {
  faults::JournalEntry entry;
  if (journal.size() < sizeof entry) return 0;
  std::memcpy(&entry, journal.data(), sizeof entry);
  size_t at = sizeof entry;
  const auto take = [&](size_t size) {
    at += size;
    return std::string(journal.substr(at - size, size));
  };
  const std::string first = take(entry.first_path), second = take(entry.second_path),
                    bytes = take(entry.bytes);
  changed_ = entry.change != Change::close && entry.change != Change::message;
  const auto node_of = [&] { return open_.at(entry.descriptor); };
  const auto create = [&](Kind kind, const std::string& text) {
    nodes_.push_back({kind, text, {}});
    change({{{name_of(first), nodes_.size() - 1}}});
  };
  switch (entry.change) {
    case Change::open: {
      const size_t old = node_at(first);
      if (old == NameChange::none)
        create(Kind::file, "");
      else if (entry.number == 1)
        nodes_[old].writes.push_back({0, "", true});
      else
        changed_ = false;
      open_[entry.descriptor] = node_at(first);
      break;
    }
    case Change::close: open_.erase(entry.descriptor); break;
    case Change::write:
      nodes_[node_of()].writes.push_back({static_cast<uint64_t>(entry.number), bytes});
      break;
    case Change::truncate:
      nodes_[node_of()].writes.push_back({static_cast<uint64_t>(entry.number), "", true});
      break;
    case Change::sync: sync(node_of()); break;
    case Change::mkdir: create(Kind::directory, ""); break;
    case Change::symlink: create(Kind::link, second); break;
    case Change::remove: change({{{name_of(first), NameChange::none}}}); break;
    case Change::rename:
      change({{{name_of(first), NameChange::none}, {name_of(second), node_at(first)}}});
      break;
    case Change::exchange:
      change({{{name_of(first), node_at(second)}, {name_of(second), node_at(first)}}});
      break;
    case Change::message: messages_ += bytes; break;
  }
  return at;
}

std::string Disk::content(const Node& node, const Survival& survival) {
  std::string text = node.synced;
  size_t full = text.size();  // length of the file as programs see it
  const size_t n = node.writes.size();
  for (size_t i = 0; i < n; ++i) {
    const Write& write = node.writes[i];
    const size_t survived = survival.bytes(i, n, write.truncates ? 1 : write.bytes.size());
    if (write.truncates) {
      full = write.offset;
      if (survived > 0) text.resize(write.offset);
    } else {
      full = std::max<size_t>(full, write.offset + write.bytes.size());
      overwrite(text, write.offset, std::string_view(write.bytes).substr(0, survived));
    }
  }
  if (survival.rest != Survival::Rest::absent)
    lengthen(text, full, survival.rest == Survival::Rest::zeros ? '\0' : 'x');
  return text;
}

bool Disk::state_after_cut(const Survival& survival, DiskState& state) const {
  Names names = synced_;
  for (size_t i = 0; i < changes_.size(); ++i)
    if (survival.name_change(i, changes_.size())) apply(changes_[i], names);
  state.clear();
  std::set<size_t> directories;
  bool tree = true;
  const std::function<void(size_t, const std::string&)> walk = [&](size_t directory,
                                                                   const std::string& path) {
    for (auto it = names.lower_bound({directory, ""}); it != names.end() && it->first.first == directory;
         ++it) {
      const Node& node = nodes_[it->second];
      const std::string its = path + it->first.second;
      state[its] = {node.kind, node.kind == Kind::file ? content(node, survival) : node.synced};
      if (node.kind != Kind::directory) continue;
      tree = tree && directories.insert(it->second).second;
      if (tree) walk(it->second, its + "/");
    }
  };
  walk(0, "");
  return tree;
}

DiskState Disk::state_now() const {
  DiskState state;
  state_after_cut({"", [](size_t, size_t) { return true; }, [](size_t, size_t, size_t size) { return size; }},
                  state);
  return state;
}

}  // namespace hewn::test
