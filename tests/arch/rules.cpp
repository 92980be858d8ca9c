#include "tests/arch/rules.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <sstream>

namespace hewn::test {
namespace {

const std::vector<std::string> layers{"core", "kernels", "model", "train", "apps"};

// In apps/: the ground floor, whose parts may include those before them, and the rooms above it, each of which may include
// the ground floor and the rooms named here.
const std::vector<std::string> ground{"apps/cli", "apps/page", "apps/run"};
const std::map<std::string, std::set<std::string>> open_doors{
    {"apps/bench", {"apps/ranks"}},
    {"apps/evaluate", {"apps/finetune"}},
    {"apps/finetune", {"apps/train"}},
    {"apps/info", {"apps/bench"}},
    {"apps/learn", {"apps/bench", "apps/train"}},
    {"apps/plan", {"apps/bench", "apps/ranks"}},
    {"apps/quantize", {"apps/convert"}},
    {"apps/train", {"apps/ranks", "apps/report"}},
    {"apps/verify", {"apps/ranks"}},
};

// In train/: the rooms that a room must not know of.
const std::map<std::string, std::set<std::string>> closed_doors{
    {"train/step", {"train/ranks", "train/tasks"}}};

bool has_suffix(const std::string& path, std::initializer_list<std::string_view> suffixes) {
  return std::any_of(suffixes.begin(), suffixes.end(), [&](auto s) { return path.ends_with(s); });
}

bool is_code(const std::string& path) { return has_suffix(path, {".h", ".cpp", ".cu", ".cuh"}); }

std::string top(const std::string& path) { return path.substr(0, path.find('/')); }

/// The room of a file: "kernels/matmul" for kernels/matmul/cpu/tile.h; empty for files that have none, such as
/// core/tensor.h.
std::string room(const std::string& path) {
  const size_t first = path.find('/');
  const size_t second = first == path.npos ? path.npos : path.find('/', first + 1);
  return second == path.npos ? "" : path.substr(0, second);
}

/// The room of a file; of a file of train/ that has none, its name without the ending: "train/loop".
std::string room_or_part(const std::string& path) {
  return room(path).empty() && top(path) == "train" ? path.substr(0, path.rfind('.')) : room(path);
}

std::optional<std::ptrdiff_t> position(const std::vector<std::string>& names, const std::string& name) {
  const auto it = std::find(names.begin(), names.end(), name);
  if (it == names.end()) return std::nullopt;
  return it - names.begin();
}

// Position in the arrow, or nothing for tests, scripts and the like.
std::optional<std::ptrdiff_t> layer(const std::string& path) { return position(layers, top(path)); }

// Whether a file may include another, of the same layer or one below.
bool may_enter(const std::string& path, const std::string& included) {
  const std::string from = room(path), to = room(included);
  if (const auto closed = closed_doors.find(from);
      closed != closed_doors.end() && closed->second.contains(to))
    return false;
  if (from.empty() || from == to || top(path) != "apps" || top(included) != "apps") return true;
  const auto here = position(ground, from), there = position(ground, to);
  if (there) return !here || *there < *here;
  const auto doors = open_doors.find(from);
  return to.empty() || (doors != open_doors.end() && doors->second.contains(to));
}

// What a line includes, with its delimiters: `"core/tensor.h"` or `<vector>`; empty if nothing.
std::string included(std::string line) {
  line.erase(0, line.find_first_not_of(" \t"));
  if (!line.starts_with('#')) return "";
  line.erase(0, line.find_first_not_of(" \t", 1));
  if (!line.starts_with("include")) return "";
  const size_t begin = line.find_first_of("\"<");
  if (begin == std::string::npos) return "";
  const size_t end = line.find(line[begin] == '<' ? '>' : '"', begin + 1);
  return end == std::string::npos ? "" : line.substr(begin, end - begin + 1);
}

// Calls visit(file, line number, what it includes, whether in quotes).
template <class Visit>
void for_each_include(const std::vector<SourceFile>& files, Visit visit) {
  for (const SourceFile& file : files) {
    if (!is_code(file.path)) continue;
    for (size_t i = 0; i < file.lines.size(); ++i) {
      const std::string what = included(file.lines[i]);
      if (!what.empty()) visit(file, i + 1, what.substr(1, what.size() - 2), what[0] == '"');
    }
  }
}

std::string where(const SourceFile& file, size_t line) {
  return file.path + ":" + std::to_string(line) + ": ";
}

using Graph = std::map<std::string, std::set<std::string>>;

// One problem per circle that a depth-first walk closes.
Problems circles_of(const Graph& graph, const std::string& kind) {
  Problems problems;
  std::set<std::string> done;
  std::vector<std::string> path;
  const std::function<void(const std::string&)> walk = [&](const std::string& node) {
    const auto on_path = std::find(path.begin(), path.end(), node);
    if (on_path != path.end()) {
      std::string circle = kind + " in a circle: ";
      for (auto it = on_path; it != path.end(); ++it) circle += *it + " -> ";
      problems.push_back(circle + node);
      return;
    }
    if (!done.insert(node).second) return;
    path.push_back(node);
    if (const auto it = graph.find(node); it != graph.end())
      for (const auto& next : it->second) walk(next);
    path.pop_back();
  };
  for (const auto& [node, unused] : graph) walk(node);
  return problems;
}

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// The word at `at`; "" if there is none.
std::string word_at(const std::string& text, size_t at) {
  size_t end = at;
  while (end < text.size() && is_word(text[end])) ++end;
  return text.substr(at, end - at);
}

// The code of a file as one text, without comments.
std::string code_of(const SourceFile& file) {
  std::string code;
  for (const std::string& line : file.lines) code += line.substr(0, line.find("//")) + "\n";
  return code;
}

// The names of the variables and parameters of type std::error_code.
std::set<std::string> error_codes_in(const std::string& code) {
  constexpr std::string_view type = "std::error_code";
  std::set<std::string> names;
  for (size_t at = code.find(type); at != code.npos; at = code.find(type, at + 1)) {
    size_t name = at + type.size();
    do {
      name = code.find_first_not_of("& ,", name);
      if (name == code.npos) break;
      const std::string word = word_at(code, name);
      names.insert(word);
      name += word.size();
    } while (name < code.size() && code[name] == ',');
  }
  names.erase("");
  return names;
}

// The last argument of the call whose parenthesis opens at `open`.
std::string last_argument(const std::string& code, size_t open) {
  size_t begin = open + 1;
  int depth = 0;
  for (size_t i = open; i < code.size(); ++i) {
    if (code[i] == '(' || code[i] == '[' || code[i] == '{') ++depth;
    if (code[i] == ',' && depth == 1) begin = i + 1;
    if ((code[i] == ')' || code[i] == ']' || code[i] == '}') && --depth == 0) {
      begin = code.find_first_not_of(" \n", begin);
      return code.substr(begin, i - begin);
    }
  }
  return "";
}

// Whether the call whose parenthesis opens at `open` passes a std::error_code, so that it throws nothing.
bool passes_error_code(const std::string& code, size_t open) {
  return error_codes_in(code).contains(last_argument(code, open));
}

// What code uses of std::filesystem by its full name and can throw, by its place.
std::map<size_t, std::string> qualified_path_calls(const std::string& code) {
  const std::set<std::string> harmless{"path",         "perms",     "perm_options",
                                       "copy_options", "file_type", "file_status"};
  std::map<size_t, std::string> found;
  for (const std::string_view space : {"fs::", "filesystem::", "using namespace std::filesystem"}) {
    for (size_t at = code.find(space); at != code.npos; at = code.find(space, at + 1)) {
      if (at > 0 && is_word(code[at - 1])) continue;
      const std::string name = word_at(code, at + space.size());
      const size_t after = at + space.size() + name.size();
      const bool call = after < code.size() && code[after] == '(' && name.find("directory_") == name.npos;
      if (!harmless.contains(name) && !(call && passes_error_code(code, after)))
        found[at] = std::string(space) + name;
    }
  }
  const std::string_view its_alias = "namespace fs", value = " = std::filesystem;";
  for (size_t at = code.find(value); at != code.npos; at = code.find(value, at + 1))
    if (!std::string_view(code).substr(0, at).ends_with(its_alias)) found[at] = "another alias than fs";
  return found;
}

// The same without std::filesystem::, which the type of an argument makes unnecessary.
std::map<size_t, std::string> unqualified_path_calls(const std::string& code) {
  const std::set<std::string> names{"exists",     "is_directory",       "is_regular_file", "is_empty",
                                    "file_size",  "create_directories", "canonical",       "absolute",
                                    "remove_all", "weakly_canonical",   "read_symlink",    "equivalent"};
  std::map<size_t, std::string> found;
  for (size_t at = code.find('('); at != code.npos; at = code.find('(', at + 1)) {
    size_t begin = at;
    while (begin > 0 && is_word(code[begin - 1])) --begin;
    const std::string name = code.substr(begin, at - begin);
    const bool other = begin > 0 && std::string_view(".:>").find(code[begin - 1]) != std::string_view::npos;
    if (names.contains(name) && !other && !last_argument(code, at).empty() && !passes_error_code(code, at))
      found[begin] = name;
  }
  return found;
}

}  // namespace

std::vector<SourceFile> house(const std::filesystem::path& root) {
  std::vector<SourceFile> files;
  for (const char* name : {"core", "kernels", "model", "train", "apps", "tests", "scripts", "cmake", "docs", "examples",
                           "configs", "README.md", "CONTRIBUTING.md", "CMakeLists.txt"}) {
    const auto add = [&](const std::filesystem::path& path) {
      SourceFile file{std::filesystem::relative(path, root).generic_string(), {}};
      std::ifstream in(path);
      for (std::string line; std::getline(in, line);) file.lines.push_back(line);
      files.push_back(std::move(file));
    };
    const std::filesystem::path start = root / name;
    if (std::filesystem::is_regular_file(start)) add(start);
    if (!std::filesystem::is_directory(start)) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(start))
      if (entry.is_regular_file()) add(entry.path());
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return files;
}

Problems against_the_arrow(const std::vector<SourceFile>& files) {
  std::set<std::string> known;
  for (const auto& file : files) known.insert(file.path);
  Problems problems;
  for_each_include(files, [&](const SourceFile& file, size_t line, const std::string& what, bool quoted) {
    if (!quoted || top(file.path) == "docs") return;  // lessons include the header that `hewn learn` writes
    const auto from = layer(file.path), to = layer(what);
    if (!known.contains(what))
      problems.push_back(where(file, line) + "no " + what + " (includes start at the root of the tree)");
    else if (from && (!to || *to > *from))
      problems.push_back(where(file, line) + top(file.path) + " must not know of " + what);
    else if (!may_enter(file.path, what))
      problems.push_back(where(file, line) + room(file.path) + " must not know of " + what);
  });
  return problems;
}

Problems circles(const std::vector<SourceFile>& files) {
  Graph by_file, by_room;
  for_each_include(files, [&](const SourceFile& file, size_t, const std::string& what, bool quoted) {
    if (!quoted) return;
    by_file[file.path].insert(what);
    const std::string from = room_or_part(file.path), to = room_or_part(what);
    if (from != to && !from.empty() && !to.empty()) by_room[from].insert(to);
  });
  Problems problems = circles_of(by_file, "files include each other");
  const Problems rooms = circles_of(by_room, "rooms include each other");
  problems.insert(problems.end(), rooms.begin(), rooms.end());
  return problems;
}

Problems foreign_includes(const std::vector<SourceFile>& files) {
  // Beside the standard library: OpenMP, CUDA, the compiler's view of the processor, the C++ runtime's names of
  // functions (cxxabi.h), and the system calls behind files, sockets and memory (open, send, mmap) that C++ has no words for.
  const std::set<std::string> allowed{
      "omp.h",      "cpuid.h", "immintrin.h",    "arm_neon.h",  "sys/auxv.h",    "sched.h", "unistd.h",
      "sys/mman.h", "fcntl.h", "sys/stat.h",     "sys/file.h",  "sys/syscall.h", "poll.h",  "sys/socket.h",
      "sys/uio.h",  "cuda.h",  "cuda_runtime.h", "cuda_bf16.h", "cuda_fp16.h",   "mma.h",   "cxxabi.h"};
  Problems problems;
  for_each_include(files, [&](const SourceFile& file, size_t line, const std::string& what, bool quoted) {
    if (quoted || (top(file.path) != "core" && top(file.path) != "kernels")) return;
    const bool standard = what.find_first_of("./") == std::string::npos;
    if (!standard && !allowed.contains(what))
      problems.push_back(where(file, line) + "<" + what + "> is neither C++, OpenMP nor CUDA");
  });
  return problems;
}

Problems streams_in_headers(const std::vector<SourceFile>& files) {
  const std::set<std::string> streams{"sstream", "iostream", "fstream", "ostream",
                                      "istream", "iomanip",  "regex"};
  Problems problems;
  for_each_include(files, [&](const SourceFile& file, size_t line, const std::string& what, bool quoted) {
    const auto its = layer(file.path);
    if (!quoted && its && layers[static_cast<size_t>(*its)] != "apps" &&
        has_suffix(file.path, {".h", ".cuh"}) && streams.contains(what))
      problems.push_back(where(file, line) + "<" + what + "> in a header");
  });
  return problems;
}

Problems too_long(const std::vector<SourceFile>& files, size_t limit) {
  Problems problems;
  for (const auto& file : files) {
    if (is_code(file.path) && file.lines.size() > limit)
      problems.push_back(file.path + ": " + std::to_string(file.lines.size()) + " lines, the limit is " +
                         std::to_string(limit));
  }
  return problems;
}

Problems unwanted_words(const std::vector<SourceFile>& files) {
  // Written in two parts, so that this file does not find itself.
  const std::vector<std::string> words{std::string("TO") + "DO",   std::string("FIX") + "ME",
                                       std::string("/ho") + "me/", std::string("/ro") + "ot/",
                                       std::string("/wo") + "rk/", std::string("-ffast") + "-math"};
  Problems problems;
  for (const auto& file : files) {
    for (size_t i = 0; i < file.lines.size(); ++i) {
      for (const auto& word : words)
        if (file.lines[i].find(word) != std::string::npos) problems.push_back(where(file, i + 1) + word);
    }
  }
  return problems;
}

Problems against_the_mirror(const std::vector<SourceFile>& files) {
  std::map<std::string, std::set<std::string>> folders;  // of the files of a layer with a name: "train/loop"
  for (const auto& file : files)
    if (const std::filesystem::path path = file.path; is_code(file.path) && layer(file.path))
      folders[top(file.path) + "/" + path.stem().string()].insert(path.parent_path().string());
  constexpr std::string_view tests = "tests/", ending = "_test.cpp";
  Problems problems;
  for (const auto& file : files) {
    if (!file.path.starts_with(tests) || !file.path.ends_with(ending)) continue;
    const std::filesystem::path mirrored = file.path.substr(tests.size());
    const std::string name = mirrored.filename().string();
    const auto its = folders.find(top(mirrored.string()) + "/" + name.substr(0, name.size() - ending.size()));
    if (its != folders.end() && !its->second.contains(mirrored.parent_path().string()))
      problems.push_back(file.path + ": its subject is in " + *its->second.begin());
  }
  return problems;
}

Problems unchecked_accesses(const std::vector<SourceFile>& files) {
  Problems problems;
  for (const auto& file : files) {
    const bool defines = file.path == "kernels/gpu/simt/simt_cuda.cuh";  // vector_at
    if (!has_suffix(file.path, {".cu", ".cuh"}) || defines) continue;
    for (size_t i = 0; i < file.lines.size(); ++i)
      if (file.lines[i].find("*reinterpret_cast<") != std::string::npos)
        problems.push_back(where(file, i + 1) + "*reinterpret_cast instead of vector_at");
  }
  return problems;
}

Problems unguarded_output(const std::vector<SourceFile>& files) {
  const std::set<std::string> exempt{
      "apps/cli/terminal.cpp",
      "core/memory.cpp"};  // the last words before abort(): numbers, and an op's name
  const auto part_of_name = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; };
  Problems problems;
  for (const auto& file : files) {
    if (!layer(file.path) || exempt.contains(file.path)) continue;
    if (!is_code(file.path)) continue;
    for (size_t i = 0; i < file.lines.size(); ++i) {
      const std::string code = file.lines[i].substr(0, file.lines[i].find("//"));
      for (const char* way : {"cout <<", "cerr <<", "clog <<", "printf(", "fprintf(", "dprintf(", "puts(",
                              "fputs(", "putchar(", "perror(", "stdout", "stderr", "STDOUT_FILENO",
                              "STDERR_FILENO", "write(1,", "write(2,", "write_fully(1,", "write_fully(2,"}) {
        const size_t at = code.find(way);
        if (at != code.npos && (at == 0 || !part_of_name(code[at - 1])))
          problems.push_back(where(file, i + 1) + way + " instead of the functions of apps/cli/terminal.h");
      }
    }
  }
  return problems;
}

Problems texts_built_for_nothing(const std::vector<SourceFile>& files) {
  Problems problems;
  for (const auto& file : files) {
    if (file.path.starts_with("tests/")) continue;
    for (size_t i = 0; i < file.lines.size(); ++i) {
      if (file.lines[i].find(" require(") == std::string::npos) continue;
      std::string statement;
      for (size_t j = i; j < file.lines.size() && statement.find(';') == std::string::npos; ++j)
        statement += file.lines[j];
      for (const char* text : {"str()", "join(", "to_string("})
        if (statement.find(text) != std::string::npos)
          problems.push_back(where(file, i + 1) + "require builds text with " + text + " even if it holds");
    }
  }
  return problems;
}

Problems throwing_path_calls(const std::vector<SourceFile>& files) {
  Problems problems;
  for (const auto& file : files) {
    if (!layer(file.path) || !is_code(file.path) || file.path == "core/io/path.cpp") continue;
    const std::string code = code_of(file);
    std::map<size_t, std::string> found = qualified_path_calls(code);
    found.merge(unqualified_path_calls(code));
    for (const auto& [at, name] : found) {
      const auto line = 1 + std::count(code.begin(), code.begin() + static_cast<std::ptrdiff_t>(at), '\n');
      problems.push_back(where(file, static_cast<size_t>(line)) + name + " can throw; use core/io/path.h");
    }
  }
  return problems;
}

Problems interruptible_calls(const std::vector<SourceFile>& files) {
  static const std::set<std::string> calls{"open",  "read",  "write",  "fsync",     "ftruncate", "flock",
                                           "mkdir", "rmdir", "rename", "renameat2", "unlink",    "waitpid"};
  Problems problems;
  for (const auto& file : files) {
    if (!layer(file.path) || !is_code(file.path)) continue;
    for (size_t i = 0; i < file.lines.size(); ++i) {
      const std::string line = " " + file.lines[i].substr(0, file.lines[i].find("//"));
      if (line.find("WNOHANG") != line.npos) continue;
      for (size_t at = line.find("::"); at != line.npos; at = line.find("::", at + 2)) {
        const std::string name = word_at(line, at + 2);
        const bool global = !is_word(line[at - 1]) && line[at - 1] != ':';
        if (global && calls.contains(name) && line.substr(at + 2 + name.size()).starts_with('('))
          problems.push_back(where(file, i + 1) + "a signal may interrupt this call; make it by retried()");
      }
    }
  }
  return problems;
}

Problems unchecked_dumps(const std::vector<SourceFile>& files) {
  Problems problems;
  for (const auto& file : files) {
    if (!layer(file.path) || file.path == "model/json.cpp") continue;
    for (size_t i = 0; i < file.lines.size(); ++i)
      if (file.lines[i].find(".dump(") != std::string::npos)
        problems.push_back(where(file, i + 1) + "dump() can throw; use json_text or exact_json_text");
  }
  return problems;
}

Problems texts_encoded_elsewhere(const std::vector<SourceFile>& files) {
  Problems problems;
  for (const auto& file : files) {
    const auto in = [&](std::string_view place) { return file.path.starts_with(place); };
    if (!layer(file.path) || in("model/texts/") || in("model/tokenizer/") || in("apps/data/tokenizer"))
      continue;
    for (size_t i = 0; i < file.lines.size(); ++i) {
      const std::string& line = file.lines[i];
      if (line.find("feedback->encode(") != line.npos) continue;  // of weights
      for (const char* call : {".encode(", "->encode(", "encode_more(", "begin_token("})
        if (line.find(call) != line.npos)
          problems.push_back(where(file, i + 1) + "encodes a text; use a TextEncoder, such as run.texts()");
    }
  }
  return problems;
}

Problems signed_nans(const std::vector<SourceFile>& files) {
  Problems problems;
  for (const auto& file : files) {
    if (!layer(file.path) || file.path.starts_with("kernels/") || !file.path.ends_with(".cpp")) continue;
    size_t formats = 0;
    bool passes = false;
    for (size_t i = 0; i < file.lines.size(); ++i) {
      const auto has = [&](const char* part) { return file.lines[i].find(part) != std::string::npos; };
      const bool real = has("snprintf(") && (has("g\",") || has("f\",") || has("e\","));
      if (real || has("to_chars(") || has("precision(")) formats = i + 1;
      passes |= has("printable(");
    }
    if (formats > 0 && !passes)
      problems.push_back(where(file, formats) + "could print \"-nan\"; use fixed, number_text or printable");
  }
  return problems;
}

Problems weak_symbols(std::string_view nm_output) {
  Problems problems;
  std::istringstream lines{std::string(nm_output)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string address, kind, name;
    if (!(words >> address >> kind >> name)) continue;
    // A pointer to the exception handler is weak data of every position-independent object that has cleanups.
    const bool weak = kind == "W" || kind == "V" || kind == "u";
    if (weak && name != "DW.ref.__gxx_personality_v0") problems.push_back(name);
  }
  return problems;
}

}  // namespace hewn::test
