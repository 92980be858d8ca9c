#include "train/tables/delimited.h"

#include <algorithm>
#include <string>

namespace hewn {
namespace {

constexpr size_t first_bytes = size_t{1} << 16;
constexpr int64_t most_records = 50;

/// How evenly a dialect divides a text.
struct Trial {
  int64_t columns = 0;  ///< of the first record
  int64_t records = 0, even = 0;
  bool mistaken = false;

  bool all_even() const { return !mistaken && records == even; }
};

Trial try_dialect(std::string_view text, Dialect dialect, int64_t most) {
  Trial trial;
  Records records(text, dialect);
  std::vector<Field> fields;
  while (trial.records < most && records.next(fields)) {
    if (trial.records++ == 0) trial.columns = std::ssize(fields);
    trial.even += std::ssize(fields) == trial.columns;
  }
  trial.mistaken = records.mistake() != nullptr;
  return trial;
}

/// The first complete lines of a text.
std::string_view beginning(std::string_view text) {
  if (text.size() <= first_bytes) return text;
  const size_t end = text.rfind('\n', first_bytes);
  return text.substr(0, end == text.npos ? first_bytes : end + 1);
}

bool quotes_count(std::string_view text, char delimiter) {
  const bool any = text.starts_with('"') || text.find("\n\"") != text.npos ||
                   text.find(std::string{delimiter, '"'}) != text.npos;
  if (!any) return false;
  const Trial quoted = try_dialect(text, {delimiter, true}, INT64_MAX);
  if (quoted.mistaken) return false;
  const Trial literal = try_dialect(text, {delimiter, false}, INT64_MAX);
  return !literal.all_even() || literal.records == quoted.records;
}

}  // namespace

size_t Records::line_end_at(size_t at) const {
  if (at >= text_.size()) return 0;
  if (text_[at] == '\n') return 1;
  return text_[at] == '\r' && at + 1 < text_.size() && text_[at + 1] == '\n' ? 2 : 0;
}

bool Records::next(std::vector<Field>& fields) {
  while (at_ < text_.size() && mistake_ == nullptr) {
    if (const size_t blank = line_end_at(at_)) {
      at_ += blank;
      continue;
    }
    return next_line(fields);
  }
  return false;
}

bool Records::next_line(std::vector<Field>& fields) {
  fields.clear();
  while (true) {
    Field field{.begin = at_, .end = at_};
    if (dialect_.quotes && at_ < text_.size() && text_[at_] == '"') {
      if (!quoted_field(field)) return false;
    } else {
      while (at_ < text_.size() && text_[at_] != dialect_.delimiter && line_end_at(at_) == 0) ++at_;
      field.end = at_;
    }
    fields.push_back(field);
    if (at_ < text_.size() && text_[at_] == dialect_.delimiter) {
      ++at_;
      continue;
    }
    at_ += line_end_at(at_);
    return true;
  }
}

bool Records::quoted_field(Field& field) {
  field.quoted = true;
  const auto wrong = [this](const char* what, size_t where) {
    mistake_ = what;
    mistake_at_ = where;
    return false;
  };
  for (++at_;; at_ += 2) {
    at_ = std::min(text_.find('"', at_), text_.size());
    if (at_ == text_.size())
      return wrong("the quote that begins here is never closed; expected \" at the end of the field",
                   field.begin);
    if (at_ + 1 >= text_.size() || text_[at_ + 1] != '"') break;  // a doubled quote stands for one
  }
  field.end = ++at_;
  if (at_ < text_.size() && text_[at_] != dialect_.delimiter && line_end_at(at_) == 0)
    return wrong(
        "text follows a closing quote; expected the next column or the end of the line, and quotes "
        "inside of a quoted field doubled",
        at_);
  return true;
}

std::string_view field_text(std::string_view text, const Field& field, std::string& unescaped) {
  if (!field.quoted) return text.substr(field.begin, field.end - field.begin);
  const std::string_view inside = text.substr(field.begin + 1, field.end - field.begin - 2);
  if (inside.find('"') == inside.npos) return inside;
  unescaped.clear();
  for (size_t i = 0; i < inside.size(); ++i) {
    unescaped += inside[i];
    i += inside[i] == '"';
  }
  return unescaped;
}

Dialect dialect_of(std::string_view text) {
  const std::string_view first = beginning(text);
  Dialect best{',', true};
  double most = 0;
  for (const Dialect dialect : {Dialect{'\t', false}, Dialect{'\t', true}, {',', true}, {';', true}}) {
    const Trial trial = try_dialect(first, dialect, most_records);
    if (trial.columns < 2) continue;
    const double even = static_cast<double>(trial.even) / static_cast<double>(trial.records);
    if (even > most) {
      most = even;
      best = dialect;
    }
  }
  if (best.delimiter == '\t') best.quotes = quotes_count(text, '\t');
  return best;
}

}  // namespace hewn
