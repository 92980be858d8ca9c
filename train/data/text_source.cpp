#include "train/data/text_source.h"

#include <algorithm>

#include "core/error.h"
#include "core/io/file_kind.h"
#include "train/data/corpus.h"

namespace hewn {
namespace {

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

}  // namespace

TextSource TextSource::file(const std::string& path, bool accepted) {
  TextSource source;
  source.name_ = path;
  source.file_ = MappedFile(path);
  if (source.text().empty()) fail(ErrorCode::input, path, ": is empty; expected some text");
  if (!accepted) refuse_foreign_kind(path, source.text());
  source.is_tales_ = score_if_tales(source.text()).has_value();
  return source;
}

TextSource TextSource::tales(int64_t count, uint64_t seed) {
  require(count >= 1, "the tales corpus needs at least 1 tale; got ", count);
  TextSource source;
  source.name_ = "tales";
  source.made_ = generate_tales(count, seed);
  source.is_tales_ = true;
  return source;
}

int64_t count_characters(std::string_view text) {
  return std::ssize(text) - std::count_if(text.begin(), text.end(), continues);
}

size_t training_bytes(std::string_view text, double val_fraction, bool by_lines) {
  require(val_fraction >= 0 && val_fraction < 1, "val_fraction is ", val_fraction,
          "; expected 0 to less than 1");
  // Rounds like nanoGPT's int(n * 0.9), which this is for 0.1.
  const auto share = [&](int64_t n) {
    return static_cast<int64_t>((1 - val_fraction) * static_cast<double>(n));
  };
  if (by_lines) {
    int64_t lines = std::count(text.begin(), text.end(), '\n');
    if (!text.empty() && text.back() != '\n') ++lines;
    size_t at = 0;
    for (int64_t left = share(lines); left > 0; --left)
      at = std::min(text.find('\n', at), text.size() - 1) + 1;
    return at;
  }
  int64_t left = share(count_characters(text));
  size_t at = 0;
  while (at < text.size() && (left > 0 || continues(text[at]))) {
    if (!continues(text[at])) --left;
    ++at;
  }
  return at;
}

}  // namespace hewn
