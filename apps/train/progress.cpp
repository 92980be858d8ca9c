#include "apps/train/progress.h"

#include <algorithm>
#include <vector>

#include "apps/cli/format.h"
#include "apps/cli/terminal.h"
#include "core/base/clock.h"
#include "model/tokenizer/utf8.h"

namespace hewn::cli {
namespace {

constexpr int bar_width = 8;
constexpr std::chrono::milliseconds redraw_every{100};

std::string clear_line() { return control_sequence("\r\x1b[K"); }

std::string bar_text(double done) {
  const int full = static_cast<int>(std::clamp(done, 0.0, 1.0) * bar_width);
  return "[" + std::string(static_cast<size_t>(full), '#') +
         std::string(static_cast<size_t>(bar_width - full), '.') + "]";
}

}  // namespace

std::string progress_text(const Progress& p, int width, bool bar) {
  const int64_t steps = p.step.step + 1;
  const double part = p.max_iters > 0 ? static_cast<double>(steps) / static_cast<double>(p.max_iters) : 1.0;
  const std::string count = join(steps, "/", p.max_iters);
  std::vector<std::string> fields;
  fields.push_back(bar ? bar_text(part) + " " + count : "step " + count);
  fields.push_back("loss " + fixed(p.step.loss, 4));
  if (p.val_loss) fields.push_back("val " + fixed(*p.val_loss, 4));
  for (const Metric& metric : p.metrics) fields.push_back(metric.name + " " + fixed(metric.value, 4));
  fields.push_back(duration_text(p.seconds_left) + " left");
  if (p.next_save > steps) fields.push_back(join("save ", p.next_save));
  fields.push_back(short_count(p.tokens_per_s) + (p.counts_texts ? " texts/s" : " tok/s"));
  if (p.mfu) fields.push_back("MFU " + fixed(100 * *p.mfu, 1) + "%");
  std::string text;
  for (const std::string& field : fields) {
    const std::string gap = text.empty() ? "" : "  ";
    if (static_cast<int>(text.size() + gap.size() + field.size()) > width) break;
    text += gap + field;
  }
  return text;
}

std::string sample_text(const std::string& curve, size_t curve_columns, const std::string& sample,
                        int width) {
  std::string text = "  " + curve + "  ";
  size_t bars = 0;
  for (const char c : curve) bars += (static_cast<unsigned char>(c) & 0xc0) != 0x80;  // characters, not bytes
  text.append(curve_columns - std::min(curve_columns, bars), ' ');
  int room = width - static_cast<int>(curve_columns) - 4;
  bool blank = true;  // newlines and runs of blanks become one
  for (size_t at = 0; at < sample.size();) {
    const CodePoint point = decode_utf8(sample, at);
    const std::string_view character = std::string_view(sample).substr(at, std::max<size_t>(point.bytes, 1));
    at += character.size();
    const bool space = is_white_space(point.value) || point.value < 0x20 || point.value == 0x7f;
    const int columns = space ? 1 : columns_of(point.value);
    if (space && blank) continue;
    if (columns > room) break;
    text += space ? " " : character;
    room -= columns;
    blank = space;
  }
  return text.substr(0, text.find_last_not_of(' ') + 1);
}

TrainLog::TrainLog(const std::string& path, int64_t interval, bool in_place)
    : file_(path, std::ios::app), interval_(std::max<int64_t>(interval, 1)), in_place_(in_place) {}

void TrainLog::show(const Progress& progress) {
  last_ = progress;
  curve_.add(progress.step.loss);
  const int64_t steps = progress.step.step + 1;
  const bool last = steps >= progress.max_iters;
  if (in_place_) {
    const auto now = Clock::now();
    if (now < next_draw_ && !last) return;
    next_draw_ = now + redraw_every;
    draw(progress);
  } else if (steps % interval_ == 0 || last) {
    say(progress_text(progress, 1000, false));
  }
}

void TrainLog::draw(const Progress& progress) {
  if (is_quiet()) return;
  // Leave one column free: some terminals wrap when the last one is written.
  write_message(join(clear_line(), progress_text(progress, terminal_width(Stream::messages) - 1, true)));
  drawn_ = true;
}

void TrainLog::line(const std::string& text) {
  file_ << text << std::endl;  // ignores errors: the screen shows it too, and checkpoints matter more
  if (drawn_) write_message(clear_line());
  say(text);
}

bool TrainLog::shows_samples() const { return in_place_ && !is_quiet(); }

void TrainLog::evaluated(std::optional<double> val_loss, const std::vector<Metric>& metrics,
                         const std::string& sample) {
  if (last_) {
    last_->val_loss = val_loss;
    last_->metrics = metrics;
  }
  if (shows_samples()) {
    const std::string curve = curve_.text(!has_utf8());
    write_message(join(
        clear_line(), sample_text(curve, curve_columns, sample, terminal_width(Stream::messages) - 1), "\n"));
  }
  if (drawn_ && last_) draw(*last_);
}

void TrainLog::finish() {
  if (drawn_ && last_) {
    draw(*last_);
    write_message("\n");
  }
  drawn_ = false;
  last_.reset();
}

}  // namespace hewn::cli
