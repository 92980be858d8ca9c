#include "apps/cli/line_editor.h"

#include <poll.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "apps/cli/signals.h"
#include "apps/cli/terminal.h"
#include "core/base/not_copied.h"
#include "core/error.h"
#include "core/io/descriptor.h"
#include "model/tokenizer/utf8.h"

namespace hewn::cli {
namespace {

constexpr size_t most_line_bytes = size_t{1} << 20;

constexpr char control(char letter) { return static_cast<char>(letter & 0x1f); }

/// Disables the terminal's echo, signals and line editing during its lifetime.
class RawTerminal : NotCopied {
 public:
  RawTerminal() {
    tcgetattr(STDIN_FILENO, &before_);
    termios raw = before_;
    raw.c_iflag &= ~static_cast<tcflag_t>(ICRNL | IXON | ISTRIP);
    raw.c_lflag &= ~static_cast<tcflag_t>(ECHO | ICANON | ISIG | IEXTEN);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
  }
  ~RawTerminal() { tcsetattr(STDIN_FILENO, TCSADRAIN, &before_); }

 private:
  termios before_{};
};

/// Length of the character that begins with this byte; 1 if none does.
size_t bytes_after(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
}

std::vector<std::string> characters_of(const std::string& text) {
  std::vector<std::string> characters;
  for (size_t at = 0; at < text.size();) {
    const size_t bytes = std::max<size_t>(decode_utf8(text, at).bytes, 1);
    characters.push_back(text.substr(at, bytes));
    at += bytes;
  }
  return characters;
}

}  // namespace

LineEditor::LineEditor(const std::string& history_file) {
  const char* term = std::getenv("TERM");
  interactive_ =
      ::isatty(STDIN_FILENO) == 1 && is_terminal(Stream::messages) && term && std::strcmp(term, "dumb") != 0;
  if (interactive_) history_ = History(history_file);
}

std::optional<std::string> LineEditor::read(const std::string& prompt) {
  if (!interactive_) return plain_line();
  std::optional<std::string> text = edit(prompt);
  if (text) history_.add(*text);
  return text;
}

// Waits in short intervals, because a signal may arrive between the check for one and the wait.
std::optional<char> LineEditor::next_byte() {
  while (buffer_.empty()) {
    if (stop_signal()) return std::nullopt;
    pollfd input{STDIN_FILENO, POLLIN, 0};
    if (::poll(&input, 1, 200) <= 0) continue;
    std::array<char, 4096> some;
    const ssize_t n = retried(::read, STDIN_FILENO, some.data(), some.size());
    if (n < 0 && errno != EIO)  // EIO: the terminal was closed
      fail(ErrorCode::input, "cannot read standard input: ", std::strerror(errno));
    if (n <= 0) return std::nullopt;
    buffer_.assign(some.data(), static_cast<size_t>(n));
  }
  const char byte = buffer_.front();
  buffer_.erase(0, 1);
  return byte;
}

std::optional<std::string> LineEditor::plain_line() {
  std::string text;
  while (const std::optional<char> byte = next_byte()) {
    if (*byte == '\n') return text;
    text += *byte;
    if (text.size() > most_line_bytes)
      fail(ErrorCode::input, "the line is longer than ", most_line_bytes, " bytes");
  }
  if (text.empty() || stop_signal()) return std::nullopt;
  return text;
}

std::optional<std::string> LineEditor::edit(const std::string& prompt) {
  const RawTerminal raw;
  line_.clear(), draft_.clear();
  cursor_ = 0, entry_ = history_.lines().size();
  while (true) {
    if (buffer_.empty()) draw(prompt);
    const std::optional<char> byte = next_byte();
    const Step step = byte ? key(*byte) : Step::ended;
    if (step == Step::goes_on) continue;
    cursor_ = line_.size();
    draw(prompt);
    write_message("\n");
    if (step == Step::ended) return std::nullopt;
    return line();
  }
}

LineEditor::Step LineEditor::key(char byte) {
  switch (byte) {
    case '\r':
    case '\n': return Step::done;
    case '\x1b': return escape();
    case control('A'): cursor_ = 0; break;
    case control('E'): cursor_ = line_.size(); break;
    case control('B'): cursor_ -= cursor_ > 0; break;
    case control('F'): cursor_ += cursor_ < line_.size(); break;
    case control('U'): erase(0, cursor_); break;
    case control('K'): erase(cursor_, line_.size()); break;
    case control('W'): erase(word_start(), cursor_); break;
    case control('C'): erase(0, line_.size()); break;
    case control('L'): write_message(control_sequence("\x1b[H\x1b[2J")); break;
    case control('P'): recall(entry_ - (entry_ > 0)); break;
    case control('N'): recall(entry_ + (entry_ < history_.lines().size())); break;
    case control('R'): return search();
    case control('D'):
      if (line_.empty()) return Step::ended;
      if (cursor_ < line_.size()) erase(cursor_, cursor_ + 1);
      break;
    case control('H'):
    case '\x7f':
      if (cursor_ > 0) erase(cursor_ - 1, cursor_);
      break;
    default: insert(byte); break;
  }
  return Step::goes_on;
}

// Reads the rest of a key without a character: ESC [ or ESC O, digits, a letter or ~ (ECMA-48, 5.4).
LineEditor::Step LineEditor::escape() {
  const std::optional<char> kind = next_byte();
  if (!kind) return Step::ended;
  if (*kind != '[' && *kind != 'O') return Step::goes_on;
  std::string sent;
  do {
    const std::optional<char> byte = next_byte();
    if (!byte) return Step::ended;
    sent += *byte;
  } while (sent.back() < 0x40 && sent.size() < 16);
  if (sent == "A") return key(control('P'));
  if (sent == "B") return key(control('N'));
  if (sent == "C") return key(control('F'));
  if (sent == "D") return key(control('B'));
  if (sent == "H" || sent == "1~" || sent == "7~") return key(control('A'));
  if (sent == "F" || sent == "4~" || sent == "8~") return key(control('E'));
  if (sent == "3~" && cursor_ < line_.size()) erase(cursor_, cursor_ + 1);
  return Step::goes_on;
}

// Ctrl-R: finds the newest line that contains the typed text, then older ones.
LineEditor::Step LineEditor::search() {
  const std::vector<std::string> before = line_;
  const size_t entry_before = entry_, cursor_before = cursor_, newest = history_.lines().size();
  std::string wanted;
  size_t from = newest;  // search the lines before this one
  while (true) {
    std::optional<size_t> found;
    if (!wanted.empty()) found = history_.find_before(from, wanted);
    if (found && *found != entry_) recall(*found);
    if (buffer_.empty()) show_search(wanted, found || wanted.empty());
    const std::optional<char> byte = next_byte();
    if (!byte) return Step::ended;
    if (*byte == control('R')) {
      if (found) from = *found;
    } else if (*byte == control('G') || *byte == control('C')) {
      line_ = before, entry_ = entry_before, cursor_ = cursor_before;
      return Step::goes_on;
    } else if (*byte == '\x7f' || *byte == control('H')) {
      std::vector<std::string> characters = characters_of(wanted);
      if (!characters.empty()) wanted.resize(wanted.size() - characters.back().size());
      from = newest;
    } else if (static_cast<unsigned char>(*byte) >= 0x20) {
      wanted += *byte;
    } else {
      return key(*byte);
    }
  }
}

void LineEditor::show_search(const std::string& wanted, bool found) const {
  draw(join(found ? "(search) " : "(not found) ", wanted, ": "), line_, cursor_);
}

// Inserts a character after reading its remaining bytes; ignores other control codes and invalid UTF-8.
void LineEditor::insert(char first) {
  std::string character(1, first);
  while (character.size() < bytes_after(first)) {
    const std::optional<char> byte = next_byte();
    if (!byte) return;
    character += *byte;
  }
  const bool is_control = static_cast<unsigned char>(first) < ' ' && first != '\t';
  if (is_control || valid_utf8_prefix(character) != character.size()) return;
  line_.insert(line_.begin() + static_cast<std::ptrdiff_t>(cursor_++), character);
}

void LineEditor::recall(size_t entry) {
  const std::vector<std::string>& lines = history_.lines();
  if (entry_ == lines.size()) draft_ = line();
  entry_ = entry;
  line_ = characters_of(entry == lines.size() ? draft_ : lines[entry]);
  cursor_ = line_.size();
}

void LineEditor::erase(size_t from, size_t to) {
  line_.erase(line_.begin() + static_cast<std::ptrdiff_t>(from),
              line_.begin() + static_cast<std::ptrdiff_t>(to));
  cursor_ = from;
}

size_t LineEditor::word_start() const {
  size_t at = cursor_;
  while (at > 0 && line_[at - 1] == " ") --at;
  while (at > 0 && line_[at - 1] != " ") --at;
  return at;
}

std::string LineEditor::line() const {
  std::string text;
  for (const std::string& character : line_) text += character;
  return text;
}

void LineEditor::draw(const std::string& prompt) const { draw(prompt, line_, cursor_); }

void LineEditor::draw(const std::string& prompt, const std::vector<std::string>& line, size_t cursor) {
  const auto columns = [](const std::string& character) {
    return character == "\t" ? 1 : columns_of(decode_utf8(character, 0).value);
  };
  int prompt_columns = 0;
  for (const std::string& character : characters_of(prompt)) prompt_columns += columns(character);
  const int room = std::max(terminal_width(Stream::messages) - prompt_columns - 1, 8);
  size_t begin = cursor;
  int before = 0;  // columns from the first visible character to the cursor
  while (begin > 0 && before + columns(line[begin - 1]) <= room - 1) before += columns(line[--begin]);
  std::string shown;
  int used = 0;
  for (size_t i = begin; i < line.size() && used + columns(line[i]) <= room; ++i) {
    shown += line[i] == "\t" ? " " : line[i];
    used += columns(line[i]);
  }
  const int back = prompt_columns + before;
  write_message(join(control_sequence("\r"), prompt, shown, control_sequence("\x1b[K\r"),
                     back > 0 ? control_sequence(join("\x1b[", back, "C")) : ""));
}

}  // namespace hewn::cli
