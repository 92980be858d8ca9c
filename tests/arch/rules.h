#pragma once
// The rules of the house as checks over a source tree. Each returns the violations, one line each, empty if
// none.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace hewn::test {

using Problems = std::vector<std::string>;

struct SourceFile {
  std::string path;  ///< from the root, as in an include: "core/tensor.h"
  std::vector<std::string> lines;
};

/// All files of the house under `root` that people write (code, scripts, cmake, docs, configs), sorted by
/// path.
std::vector<SourceFile> house(const std::filesystem::path& root);

/// Includes follow the arrow core <- kernels <- model <- train <- apps, within apps/ the arrow cli <- run <- bench <-
/// commands, enter no room that is closed to them, and name a file from the root; those of lessons in docs/
/// are not looked at.
Problems against_the_arrow(const std::vector<SourceFile>& files);

/// No file includes itself through others, and no room does: a folder below the top level with its sub-folders, or in
/// train/ a file that is in none.
Problems circles(const std::vector<SourceFile>& files);

/// core/ and kernels/ include nothing but the C++ standard library, OpenMP, CUDA, the processor and
/// themselves.
Problems foreign_includes(const std::vector<SourceFile>& files);

/// Headers of the layers below apps/ include no streams, which take half a second of every file that includes them.
Problems streams_in_headers(const std::vector<SourceFile>& files);

/// No source file has more than `limit` lines.
Problems too_long(const std::vector<SourceFile>& files, size_t limit);

/// Code has no notes about unfinished work, nothing names a place on somebody's machine.
Problems unwanted_words(const std::vector<SourceFile>& files);

/// tests/ mirrors the layers: NAME_test.cpp is in the folder that corresponds to that of NAME, if one of the files of
/// its layer has this name. Other tests concern several files and may be in any folder.
Problems against_the_mirror(const std::vector<SourceFile>& files);

/// GPU code reads and writes memory as another type only through vector_at, whose alignment the emulator checks.
Problems unchecked_accesses(const std::vector<SourceFile>& files);

/// Only apps/cli/terminal.cpp writes to standard output and standard error, because it shows the control characters of
/// texts that others wrote. Examples are programs of their own.
Problems unguarded_output(const std::vector<SourceFile>& files);

/// A check that holds must not build its message: `require` takes the parts of the text, not the text.
Problems texts_built_for_nothing(const std::vector<SourceFile>& files);

/// System calls on files that a signal may interrupt are made by `retried` (core/io/descriptor.h).
Problems interruptible_calls(const std::vector<SourceFile>& files);

/// Functions of std::filesystem are called only with a std::error_code, and directories are not iterated over, since the
/// increment throws: core/io/path.h has functions whose errors name the path, the reason and what to do.
Problems throwing_path_calls(const std::vector<SourceFile>& files);

/// JSON is written only by the functions of model/json.h: the library's `dump` throws on text that is not UTF-8.
Problems unchecked_dumps(const std::vector<SourceFile>& files);

/// Text becomes tokens only through model/texts/texts.h, which knows how texts begin and end. `hewn tokenizer` is about
/// tokenizers themselves.
Problems texts_encoded_elsewhere(const std::vector<SourceFile>& files);

/// Numbers become text by functions that pass them through `printable`, which takes the sign from a NaN: a file that
/// formats numbers calls it.
Problems signed_nans(const std::vector<SourceFile>& files);

/// The weak symbols in the output of `nm --defined-only`: the linker may pick such a one, compiled for a
/// newer processor, for code that runs everywhere.
Problems weak_symbols(std::string_view nm_output);

}  // namespace hewn::test
