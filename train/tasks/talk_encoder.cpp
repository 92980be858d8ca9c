#include <algorithm>

#include "core/error.h"
#include "train/tasks/chat_template.h"

namespace hewn {
namespace {

/// The first special token in a text, the longest if several begin there; null if there is none.
const Special* first_special(const Tokenizer& tokenizer, std::string_view text, size_t& at) {
  const Special* first = nullptr;
  at = text.size();
  for (const Special& special : tokenizer.specials()) {
    const size_t found = std::min(text.find(special.text), text.size());
    if (found < at || (first && found == at && special.text.size() > first->text.size())) {
      first = &special;
      at = found;
    }
  }
  return first;
}

}  // namespace

std::optional<int32_t> end_token(const TextForm& form) {
  for (const int32_t id : form.ends)
    if (id != form.begin) return id;
  return std::nullopt;
}

/// Collects text up to the next special token or boundary, so that it is encoded as a whole.
class TalkEncoder::Writer {
 public:
  explicit Writer(const TextEncoder& texts) : texts_(texts) {
    if (texts.begin()) add(*texts.begin());
  }

  /// Text of a message: special tokens that it spells remain text.
  void content(std::string_view text) { waiting_ += text; }
  /// Text of the template.
  void part(std::string_view text) {
    size_t at = 0;
    while (const Special* special = first_special(texts_.tokenizer(), text, at)) {
      waiting_ += text.substr(0, at);
      token(special->id);
      text.remove_prefix(at + special->text.size());
    }
    waiting_ += text;
  }
  void token(int32_t id) {
    flush();
    add(id);
  }
  /// What follows is the assistant's or not. Text before and after is encoded separately, since a prompt ends there.
  void learn(bool on) {
    flush();
    learned_ = on;
  }
  TalkTokens finish() {
    flush();
    return std::move(talk_);
  }

 private:
  void add(int32_t id) {
    if (talk_.tokens.size() == 1 && id == texts_.begin()) return;  // the template writes it too
    talk_.tokens.push_back(id);
    talk_.learned.push_back(learned_);
  }
  void flush() {
    if (waiting_.empty()) return;
    for (const int32_t id : begun_ ? texts_.more(waiting_) : texts_.bare(waiting_)) add(id);
    begun_ = true;
    waiting_.clear();
  }

  const TextEncoder& texts_;
  TalkTokens talk_;
  std::string waiting_;
  bool learned_ = false, begun_ = false;
};

TalkEncoder::TalkEncoder(const ChatTemplate& chat, const TextEncoder& texts)
    : chat_(chat), texts_(texts), end_tokens_(texts.ends()) {
  if (chat.answer_end.empty()) {
    end_token_ = end_token(texts.form());
    if (!end_token_)
      fail(ErrorCode::input, "the tokenizer (", texts.tokenizer().kind(),
           ") has no token that ends a text, and the template ", chat.name,
           " has no answer_end; use a tokenizer with <|endoftext|>, such as bpe, or another template");
    return;
  }
  size_t at = 0;
  const Special* special = first_special(texts.tokenizer(), chat.answer_end, at);
  if (special && at == 0)
    end_tokens_.push_back(special->id);
  else
    end_texts_.push_back(chat.answer_end);
}

void TalkEncoder::write(Writer& writer, std::span<const Message> messages, bool more) const {
  const auto around = [&](std::string_view before, std::string_view content, std::string_view after) {
    writer.part(before);
    writer.content(content);
    writer.part(after);
  };
  if (!chat_.default_system.empty() && !messages.empty() && messages[0].role != Role::system)
    writer.part(chat_.before_system + chat_.default_system + chat_.after_system);
  for (const Message& message : messages) {
    const bool last = &message == &messages.back();
    if (message.role == Role::system) around(chat_.before_system, message.content, chat_.after_system);
    if (message.role == Role::user) around(chat_.before_user, message.content, chat_.after_user);
    if (message.role != Role::assistant) continue;
    writer.part(chat_.before_answer);
    writer.learn(true);
    writer.content(message.content);
    if (end_token_)
      writer.token(*end_token_);
    else
      writer.part(chat_.answer_end);
    writer.learn(false);
    if (!last || more) writer.part(chat_.after_answer);
  }
}

TalkTokens TalkEncoder::talk(std::span<const Message> messages) const {
  Writer writer(texts_);
  write(writer, messages, false);
  return writer.finish();
}

std::vector<int32_t> TalkEncoder::prompt(std::span<const Message> messages) const {
  Writer writer(texts_);
  write(writer, messages, true);
  writer.part(chat_.before_answer);
  return writer.finish().tokens;
}

}  // namespace hewn
