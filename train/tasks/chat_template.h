#pragma once
// Templates that turn the messages of a talk into one text: for training rows, for prompts and, as Jinja, for
// other programs.

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/json.h"
#include "model/texts/texts.h"

namespace hewn {

enum class Role : uint8_t { system, user, assistant };
/// "system", "user", "assistant".
std::string_view name_of(Role role);

struct Message {
  Role role = Role::user;
  std::string content;
};

/// The text around each kind of message. Texts of the template may contain special tokens of the tokenizer; those
/// in a message are always ordinary text.
struct ChatTemplate {
  std::string name;            ///< "alpaca"; of a file: its name
  std::string default_system;  ///< system message of a talk that has none; "": none
  std::string before_system, after_system;
  std::string before_user, after_user;
  std::string before_input;  ///< between an instruction and its input, if there is one; both are one message
  std::string before_answer;
  std::string answer_end;    ///< ends an answer, and is learned; "": the end token of the tokenizer
  std::string after_answer;  ///< between an answer and the next message

  bool operator==(const ChatTemplate&) const = default;

  /// An instruction and its input as the content of one message.
  std::string user_content(std::string_view instruction, std::string_view input) const;

  /// The texts of the template.
  std::vector<std::string_view> texts() const;

  /// The template as Jinja with the variables `messages`, `add_generation_prompt` and `eos_token`, as in
  /// tokenizer_config.json ("chat_template") and GGUF ("tokenizer.chat_template"); with `begins`, every talk
  /// begins with `bos_token`.
  std::string jinja(bool begins = false) const;
};

/// The names of the templates that are built in, "alpaca|phi|chatml|plain".
std::string template_names();

/// A built-in template by its name, else one read from this file. Throws usage if there is neither.
ChatTemplate find_template(const std::string& name_or_file);

/// A JSON object with the members of `ChatTemplate`, as in task.json; members that are left out are empty, but
/// one of before_user, after_user and before_answer is needed. `where` names its source. Throws input.
ChatTemplate template_from_json(const nlohmann::json& json, const std::string& where);
Json template_to_json(const ChatTemplate& chat);

/// The tokens of a talk, and which of them belong to the assistant: its answers and their ends.
struct TalkTokens {
  std::vector<int32_t> tokens;
  std::vector<bool> learned;  ///< one per token
};

/// Encodes talks.
class TalkEncoder {
 public:
  /// Throws input if neither the template nor the tokenizer defines an end of answers.
  TalkEncoder(const ChatTemplate& chat, const TextEncoder& texts);

  /// A complete talk, up to the end of its last answer.
  TalkTokens talk(std::span<const Message> messages) const;
  /// The prompt for the next answer. Its tokens are a prefix of those of the talk with any answer.
  std::vector<int32_t> prompt(std::span<const Message> messages) const;

  const TextEncoder& texts() const { return texts_; }
  /// The ends of an answer: tokens, and texts if an end is not a single token.
  const std::vector<int32_t>& end_tokens() const { return end_tokens_; }
  const std::vector<std::string>& end_texts() const { return end_texts_; }

 private:
  class Writer;
  /// `more`: an answer follows.
  void write(Writer& writer, std::span<const Message> messages, bool more) const;

  ChatTemplate chat_;
  TextEncoder texts_;
  std::optional<int32_t> end_token_;  // end token of the texts, if it ends answers
  std::vector<int32_t> end_tokens_;
  std::vector<std::string> end_texts_;
};

/// The first token that ends a text and does not begin one: <|endoftext|>, </s> or a similar one; nothing if
/// there is none.
std::optional<int32_t> end_token(const TextForm& form);

}  // namespace hewn
