#include "apps/run/text/text_writer.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/cli/format.h"
#include "apps/cli/terminal.h"
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

namespace {

constexpr size_t shown_others = 4;
constexpr size_t column = 16;  // width of the chosen token, in characters

Json as_json_text(const Tokenizer& tokenizer, int32_t id) {
  return Json::parse(json_text(Json(std::string(tokenizer.piece(id)))));
}

std::string percent(double log_probability) { return fixed(100 * std::exp(log_probability), 1) + "%"; }

/// Green for a high probability, yellow, red for a low one.
std::string in_color_of(double log_probability, const std::string& text) {
  const double p = std::exp(log_probability);
  return in_color(Stream::results, p >= 0.5 ? "32" : p >= 0.1 ? "33" : "31", text);
}

size_t width_of(const std::string& utf8) {
  return static_cast<size_t>(std::count_if(
      utf8.begin(), utf8.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace

std::string quoted_piece(const Tokenizer& tokenizer, int32_t id) {
  return json_text(as_json_text(tokenizer, id));
}

Json token_record(const Tokenizer& tokenizer, int32_t id, double log_probability) {
  return {{"token", id}, {"text", as_json_text(tokenizer, id)}, {"logprob", log_probability}};
}

std::string probability_line(const Tokenizer& tokenizer, const Generated& generated) {
  const std::vector<double> logs = log_probabilities(generated.logits);
  const std::string token = quoted_piece(tokenizer, generated.token),
                    chosen = percent(logs[static_cast<size_t>(generated.token)]);
  const size_t width = width_of(token), fill = width < column ? column - width : 1;
  std::string line = in_color_of(logs[static_cast<size_t>(generated.token)], token) + std::string(fill, ' ') +
                     std::string(chosen.size() < 6 ? 6 - chosen.size() : 0, ' ') + chosen + "  ";
  size_t others = 0;
  for (const int32_t id : likeliest(logs, shown_others + 1)) {
    if (id == generated.token || others++ == shown_others) continue;
    line += "  " + quoted_piece(tokenizer, id) + " " + percent(logs[static_cast<size_t>(id)]);
  }
  return line + "\n";
}

Json log_probability_record(const Tokenizer& tokenizer, const Generated& generated) {
  const std::vector<double> logs = log_probabilities(generated.logits);
  const auto about = [&](int32_t id) { return token_record(tokenizer, id, logs[static_cast<size_t>(id)]); };
  Json record = about(generated.token);
  record["top"] = Json::array();
  for (const int32_t id : likeliest(logs, shown_others + 1)) record["top"].push_back(about(id));
  return record;
}

}  // namespace hewn::cli
