#pragma once
// The lesson model: a GPT with about 7,000 parameters, embedded in the program.

#include <string>
#include <string_view>

#include "model/weights/foreign.h"

namespace hewn::cli {

/// The text that is traced if none is given: the model's context plus one token.
inline constexpr std::string_view lesson_text = "the fox f";

/// Whether a path means the lesson model: it is "lesson", and there is no file or directory of that name.
bool is_lesson(const std::string& path);

/// The lesson model with its tokenizer: 2 layers, 2 heads, n_embd 16, block_size 8, trained on the built-in
/// tales with configs/lesson/lesson.toml. It needs no file.
ForeignModel lesson_model();

/// The lesson model for "lesson" (see `is_lesson`), else `open_foreign`.
ForeignModel open_lesson_or_foreign(const std::string& path);

}  // namespace hewn::cli
