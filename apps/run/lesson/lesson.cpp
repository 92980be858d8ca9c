#include "apps/run/lesson/lesson.h"

#include "core/io/path.h"
#include "model/weights/outgoing.h"
#include "model/weights/weights.h"

// Created by CMake from configs/lesson: see apps/CMakeLists.txt.
extern "C" const char hewn_lesson_weights[], hewn_lesson_weights_end[];
extern "C" const char hewn_lesson_tokenizer[], hewn_lesson_tokenizer_end[];

namespace hewn::cli {
namespace {

constexpr const char* lesson_name = "lesson";

}  // namespace

bool is_lesson(const std::string& path) { return path == lesson_name && !path_exists(path); }

ForeignModel lesson_model() {
  auto weights = std::make_unique<SafetensorsFile>(MappedFile::in_memory(
      "the lesson model", std::string_view(hewn_lesson_weights, hewn_lesson_weights_end)));
  const ModelConfig config = config_in(*weights);
  ForeignModel lesson =
      own_model(std::move(weights), config,
                tokenizer_from_json(std::string_view(hewn_lesson_tokenizer, hewn_lesson_tokenizer_end)));
  lesson.format = "the lesson model";
  return lesson;
}

ForeignModel open_lesson_or_foreign(const std::string& path) {
  return is_lesson(path) ? lesson_model() : open_foreign(path);
}

}  // namespace hewn::cli
