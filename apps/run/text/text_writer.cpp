#include "apps/run/text/text_writer.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/cli/terminal.h"
#include "apps/run/text/token_view.h"
#include "model/json.h"

namespace hewn::cli {

std::string TextFlow::push(std::string_view bytes) {
  std::string more = characters_.push(bytes);
  if (trims_) {
    more.erase(0, std::min(more.find_first_not_of(" \t"), more.size()));
    trims_ = more.empty();
  }
  return kept(stop_.push(more));
}

std::string TextFlow::kept(std::string more) {
  text_ += more;
  return more;
}

std::string TextFlow::finish() {
  if (ended()) return {};
  const std::string more = stop_.push(characters_.finish());
  return kept(more + stop_.finish());
}

TextWriter::TextWriter(const Tokenizer& tokenizer, View view, std::vector<std::string> begins,
                       const std::vector<std::string>& stops, bool trims, size_t together)
    : tokenizer_(tokenizer), view_(view), together_(together) {
  for (std::string& begin : begins) texts_.push_back({std::move(begin), TextFlow(stops, trims)});
  open_front();
}

// Prints the line between texts and the beginning of the next text.
void TextWriter::open_front() {
  if (front_ == texts_.size()) return;
  if (front_ > 0 && front_ % together_ == 0 && (view_ == View::text || view_ == View::probabilities))
    write_result("---------------\n");
  if (view_ == View::text) write_result(texts_[front_].begin);
  write_result(texts_[front_].waiting);
  texts_[front_].waiting.clear();
  flush_results();
}

void TextWriter::add(size_t text, const std::string& shown) {
  if (text != front_) {
    texts_[text].waiting += shown;
    return;
  }
  write_result(shown);
  flush_results();
}

bool TextWriter::token(size_t text, const Generated& generated) {
  TextFlow& flow = texts_[text].flow;
  const std::string shown = flow.push(tokenizer_.piece(generated.token));
  if (view_ == View::text) add(text, shown);
  if (view_ == View::probabilities) add(text, probability_line(tokenizer_, generated));
  if (view_ == View::log_probabilities) {
    nlohmann::ordered_json record = log_probability_record(tokenizer_, generated);
    if (texts_.size() > 1) record["sample"] = text;
    add(text, json_text(record) + "\n");
  }
  return !flow.ended();
}

void TextWriter::end(size_t text) {
  Text& finished = texts_[text];
  std::string rest = finished.flow.finish();
  if (view_ == View::text) {
    const std::string& all = finished.flow.text().empty() ? finished.begin : finished.flow.text();
    if (!all.ends_with('\n')) rest += '\n';
    add(text, rest);
  }
  finished.is_done = true;
}

void TextWriter::done(size_t text) {
  end(text);
  while (front_ < texts_.size() && texts_[front_].is_done) {
    ++front_;
    open_front();
  }
}

void TextWriter::stop() {
  if (front_ < texts_.size()) end(front_);
}

}  // namespace hewn::cli
