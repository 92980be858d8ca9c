// The house itself is tested: who may include whom, how long a file may be, what an object may export.

#include <algorithm>
#include <set>
#include <string>

#include "tests/arch/rules.h"
#include "tests/support/catch.h"
#include "tests/support/env.h"
#include "tests/support/process.h"
#include "tests/support/random.h"

using namespace hewn::test;

namespace {

std::string joined(const Problems& problems) {
  std::string text;
  for (const auto& p : problems) text += p + "\n";
  return text;
}

SourceFile file(std::string path, std::vector<std::string> lines) {
  return {std::move(path), std::move(lines)};
}

/// "model/gpt.h", or "" if the first include is none of this house.
std::string first_include_of(const SourceFile& file) {
  constexpr std::string_view begins = "#include ";
  for (const std::string& line : file.lines) {
    if (!line.starts_with(begins)) continue;
    const std::string name = line.substr(begins.size());
    return name.front() == '"' ? name.substr(1, name.size() - 2) : "";
  }
  return "";
}

const std::vector<SourceFile>& this_house() {
  static const auto files = house(source_dir());
  return files;
}

}  // namespace

TEST_CASE("includes follow the arrow", "[arch]") {
  REQUIRE(this_house().size() > 10);
  CHECK(joined(against_the_arrow(this_house())) == "");
  CHECK(joined(circles(this_house())) == "");
  CHECK(joined(foreign_includes(this_house())) == "");
  CHECK(joined(streams_in_headers(this_house())) == "");
}

TEST_CASE("files are short, finished and free of local paths", "[arch]") {
  CHECK(joined(too_long(this_house(), 500)) == "");
  CHECK(joined(unwanted_words(this_house())) == "");
}

TEST_CASE("tests are in the folder of what they test", "[arch]") {
  CHECK(joined(against_the_mirror(this_house())) == "");
}

TEST_CASE("GPU code checks the alignment of vectors", "[arch]") {
  CHECK(joined(unchecked_accesses(this_house())) == "");
}

TEST_CASE("one file writes to the terminal", "[arch]") {
  CHECK(joined(unguarded_output(this_house())) == "");
}

TEST_CASE("no NaN is printed with a sign", "[arch]") { CHECK(joined(signed_nans(this_house())) == ""); }

TEST_CASE("checks that hold build no text", "[arch]") {
  CHECK(joined(texts_built_for_nothing(this_house())) == "");
}

TEST_CASE("paths and JSON are handled by functions whose errors are ours", "[arch]") {
  CHECK(joined(throwing_path_calls(this_house())) == "");
  CHECK(joined(unchecked_dumps(this_house())) == "");
  CHECK(joined(interruptible_calls(this_house())) == "");
}

TEST_CASE("one place knows how texts begin and end", "[arch]") {
  CHECK(joined(texts_encoded_elsewhere(this_house())) == "");
}

TEST_CASE("the rules detect violations", "[arch]") {
  const auto core = file("core/a.h", {"#pragma once", "#include <vector>"});
  const auto up = file("core/b.h", {"# include \"model/m.h\""});
  const auto model = file("model/m.h", {"#include \"core/a.h\"  // down is fine", "#include \"model/m.h\""});
  CHECK(against_the_arrow({core, model}).empty());
  CHECK(against_the_arrow({core, up, model}).size() == 1);
  CHECK(against_the_arrow({file("core/c.h", {"#include \"a.h\""}), core}).size() == 1);
  CHECK(against_the_arrow({file("core/c.h", {"#include \"tests/t.h\""}), file("tests/t.h", {})}).size() == 1);
  const auto cli = file("apps/cli/c.h", {}),
             command = file("apps/train/x.cpp", {"#include \"apps/cli/c.h\""});
  CHECK(against_the_arrow({cli, command}).empty());
  for (const char* room : {"run", "sample", "finetune"})  // only the last may
    CHECK(against_the_arrow({file(std::string("apps/") + room + "/r.h", {"#include \"apps/train/x.h\""}),
                             file("apps/train/x.h", {})})
              .empty() == (room == std::string("finetune")));
  CHECK(circles({core, model}).size() == 1);
  const auto ranks = file("train/ranks/r.h", {"#include \"train/step/s.h\""}),
             parts = file("train/loop.h", {}),
             step = file("train/step/s.h", {"#include \"train/ranks/r.h\""});
  CHECK(against_the_arrow({ranks, parts, step}) ==
        Problems{"train/step/s.h:1: train/step must not know of train/ranks/r.h"});
  CHECK(circles({ranks, parts, file("train/step/s.h", {"#include \"train/loop.h\""})}).empty());
  CHECK(circles({ranks, file("train/loop.cpp", {"#include \"train/ranks/r.h\""}),
                 file("train/step/s.h", {"#include \"train/loop.h\""})}) ==
        Problems{
            "rooms include each other in a circle: train/loop -> train/ranks -> train/step -> train/loop"});
  CHECK(circles({file("kernels/a/op.h", {"#include \"kernels/b/op.h\""}),
                 file("kernels/b/op.cpp", {"#include \"kernels/a/abi.h\""})})
            .size() == 1);
  CHECK(circles({file("kernels/a/op.h", {"#include \"kernels/b/op.h\""}),
                 file("kernels/b/op.cpp", {"#include \"kernels/contract/contract.h\""})})
            .empty());
  CHECK(foreign_includes({file("kernels/k.cpp", {"#include <nlohmann/json.hpp>"}), core}).size() == 1);
  CHECK(foreign_includes({file("model/k.cpp", {"#include <nlohmann/json.hpp>"})}).empty());
  CHECK(streams_in_headers({file("core/error.h", {"#include <sstream>"})}).size() == 1);
  CHECK(streams_in_headers({file("core/error.cpp", {"#include <sstream>"}), core}).empty());
  CHECK(too_long({core}, 1).size() == 1);
  CHECK(unwanted_words({file("core/d.h", {std::string("// TO") + "DO"})}).size() == 1);
  const auto loop = file("train/steps/loop.h", {});
  CHECK(against_the_mirror({loop, file("tests/train/steps/loop_test.cpp", {})}).empty());
  CHECK(against_the_mirror({loop, file("tests/train/loop_test.cpp", {})}).size() == 1);
  CHECK(against_the_mirror({loop, file("tests/train/learning_test.cpp", {})}).empty());
  CHECK(unchecked_accesses({file("kernels/k.cu", {"x = *reinterpret_cast<const float4*>(p);"})}).size() == 1);
  CHECK(unchecked_accesses({file("kernels/k.cu", {"x = vector_at<float4>(p);"}), core}).empty());
  const auto writes = [](const char* line) {
    return unguarded_output({file("apps/run/r.cpp", {line})}).size();
  };
  CHECK(writes("  std::cout << name;") == 1);
  CHECK(writes("  ::write(2, name.data(), name.size());") == 1);
  CHECK(writes("  std::printf(\"%s\", name);") == 1);
  CHECK(writes("  auto o = c.outputs(); std::snprintf(text, 9, \"\");  // not to stdout") == 0);
  CHECK(unguarded_output({file("apps/cli/terminal.cpp", {"write(1, t, n);"})}).empty());
  CHECK(texts_built_for_nothing({file("core/s.cpp", {"  require(ok, \"shape \",", "          str());"})})
            .size() == 1);
  CHECK(texts_built_for_nothing({file("core/s.cpp", {"  require(ok, \"shape \", *this);", "  str();"})})
            .empty());
  for (const char* line :
       {"if (fs::exists(p))", "std::filesystem::rename(a, b);", "fs::create_directories(join(a, error));",
        "for (auto& e : fs::directory_iterator(p, error))", "std::vector<fs::directory_entry> all;",
        "using namespace std::filesystem;", "using std::filesystem::exists;", "if (exists(path)) return;",
        "namespace files = std::filesystem;"}) {
    INFO(line);
    CHECK(throwing_path_calls({file("train/p.cpp", {"std::error_code error;", line})}).size() == 1);
    CHECK(throwing_path_calls({file("tests/p.cpp", {line}), file("core/io/path.cpp", {line})}).empty());
  }
  CHECK(throwing_path_calls(
            {file("train/p.cpp",
                  {"std::error_code ignored, error;", "fs::rename(a,", "  f(b), error);  // fs::rename(a, b)",
                   "const fs::path p = other_fs::exists(p);", "namespace fs = std::filesystem;",
                   "exists(p, error), table.exists(p), bool exists();"})})
            .empty());
  CHECK(throwing_path_calls({file("train/p.cpp", {"void f(fs::path p, std::error_code& problem) {",
                                                  "  fs::exists(p, problem), fs::exists(p, ignored);"})})
            .size() == 1);
  CHECK(interruptible_calls({file("core/i.cpp", {"x = ::fsync(fd);", "retried(::fsync, fd);", "// ::open(x)",
                                                 "s.read(x), std::filesystem::rename(a, b)"})})
            .size() == 1);
  CHECK(unchecked_dumps({file("apps/d.cpp", {"print(json.dump(2));", "json_text(json, 2);"})}).size() == 1);
  CHECK(unchecked_dumps({file("model/json.cpp", {"value.dump(2)"}), file("tests/d.cpp", {"j.dump()"})})
            .empty());
  for (const char* call : {"run.tokenizer->encode(text);", "tokenizer_.encode(text, mode)",
                           "t.encode_more(text)", "if (tokenizer.begin_token())"}) {
    CHECK(texts_encoded_elsewhere({file("apps/t.cpp", {call})}).size() == 1);
    CHECK(texts_encoded_elsewhere({file("model/texts/texts.cpp", {call}), file("tests/t.cpp", {call})})
              .empty());
  }
  CHECK(signed_nans({file("apps/n.cpp", {"std::snprintf(text, 9, \"%.4g\", x);"})}).size() == 1);
  CHECK(signed_nans({file("train/n.cpp", {"out << std::setprecision(3) << x;"})}).size() == 1);
  CHECK(signed_nans({file("model/n.cpp", {"std::to_chars(a, b, printable(x));"}),
                     file("model/i.cpp", {"std::snprintf(text, 9, \"%03lld\", i);", "from_chars(a, b, x)"})})
            .empty());
  CHECK(weak_symbols("0000 T f\n0010 W g\n0000 V DW.ref.__gxx_personality_v0\n0020 u h\n").size() == 2);
}

TEST_CASE("code for one instruction set exports no weak symbol", "[arch]") {
  if (!sanitizers().empty()) return skip("sanitizers add symbols of their own");
  size_t objects = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(build_dir() / "kernels")) {
    const std::string path = entry.path().string();
    const bool specific = path.find("_avx2.dir") != path.npos || path.find("_avx512") != path.npos ||
                          path.find("_amx.dir") != path.npos;
    if (!specific || entry.path().extension() != ".o") continue;
    ++objects;
    const auto nm = run_program({"nm", "--defined-only", path});
    REQUIRE(nm.exit_code == 0);
    INFO(path);
    CHECK(joined(weak_symbols(nm.out)) == "");
  }
  if (objects == 0) skip("no such object in " + build_dir().string());
}

// scripts/try-patches.sh builds and tests what they make of the tree.
TEST_CASE("the patches of tests/house apply, and those of tests/lessons together", "[arch]") {
  for (const bool together : {false, true}) {
    std::vector<std::string> patches;
    for (const auto& entry :
         std::filesystem::directory_iterator(source_dir() / (together ? "tests/lessons" : "tests/house")))
      if (entry.path().extension() == ".patch") patches.push_back(entry.path().string());
    REQUIRE(patches.size() > 1);
    const std::vector<std::string> check{"git", "-C", source_dir().string(), "apply", "--check"};
    std::vector<std::string> all = check;
    all.insert(all.end(), patches.begin(), patches.end());
    for (const std::string& patch : patches) {
      std::vector<std::string> one = check;
      one.push_back(patch);
      const auto result = run_program(together ? all : one);
      if (result.exit_code == 127) return skip("git is not installed");
      INFO(patch << "\n" << result.err);
      CHECK(result.exit_code == 0);
      if (together) break;
    }
  }
}

// Builds compile a folder's files as one, where a file may lean on what its neighbours include. A header that is the first
// include of such a file compiles alone if that does.
TEST_CASE("source files compile alone", "[arch]") {
  std::vector<std::string> files;
  std::set<std::string> first_includes;
  for (const auto& f : this_house()) {
    const bool own_settings = f.path.starts_with("kernels/") || f.path.starts_with("tests/") ||
                              f.path.starts_with("docs/") || f.path.starts_with("apps/ranks/mpi/") ||
                              f.path == "apps/cli/version.cpp";
    if (!f.path.ends_with(".cpp") || own_settings) continue;
    files.push_back(f.path);
    first_includes.insert(first_include_of(f));
  }
  for (const auto& f : this_house())
    if (f.path.ends_with(".h") && !first_includes.contains(f.path)) files.push_back(f.path);
  Random random("files");
  for (size_t i = files.size(); i > 1; --i)
    std::swap(files[i - 1], files[static_cast<size_t>(random.integer(0, static_cast<int64_t>(i) - 1))]);
  // A minute per 50 files. All of them with --full, a sample with --ci, a few for users.
  const size_t most = !full() ? 5 : sampled() ? 50 : files.size();
  files.resize(std::min(files.size(), most));
  const TempDir dir;
  const std::string wrapper = (dir / "alone.cpp").string();
  for (const auto& path : files) {
    write_file(wrapper, "#include \"" + path + "\"\n");
    std::vector<std::string> command{compiler(),
                                     "-std=c++20",
                                     "-fsyntax-only",
                                     "-Wall",
                                     "-Wextra",
                                     "-I" + source_dir().string(),
                                     "-I" + (build_dir() / "include").string()};
#if defined(__x86_64__)
    const bool amx =
        path.ends_with("_amx.h") || path.ends_with("/tile_bf16.h") || path.ends_with("/skinny_bf16.h");
    if (amx || path.ends_with("/pieces.h"))
      command.insert(command.end(), {"-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx512bf16",
                                     "-mfma", "-mamx-tile", "-mamx-bf16",
                                     amx ? "-DHEWN_ISA=amx" : "-DHEWN_ISA=avx512", "-DHEWN_VBYTES=64"});
    else
      command.insert(command.end(), {"-mavx2", "-mfma", "-DHEWN_ISA=avx2", "-DHEWN_VBYTES=32"});
#endif
    command.push_back(path.ends_with(".h") ? wrapper : (source_dir() / path).string());
    const auto result = run_program(command);
    INFO(path << "\n" << result.err);
    CHECK(result.exit_code == 0);
    CHECK(result.err == "");
  }
}
