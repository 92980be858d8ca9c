#include "train/tasks/instruct_rows.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "model/json.h"

namespace hewn {
namespace {

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

template <class Where>
Role role_named(const std::string& name, const Where& where) {
  for (const Role role : {Role::system, Role::user, Role::assistant})
    if (name_of(role) == name) return role;
  fail(ErrorCode::input, where(), ": the role \"", name.substr(0, 100),
       "\"; expected system, user or assistant");
}

template <class Where>
std::string text_member(const nlohmann::json& message, const char* name, const Where& where) {
  if (!message.is_object() || !message.contains(name) || !message[name].is_string())
    fail(ErrorCode::input, where(),
         R"(: is not a message; expected {"role": "user", "content": "..."}, both of them text)");
  return message[name].get<std::string>();
}

std::vector<Message> read_messages(const Table& table, int64_t row, int64_t column) {
  const nlohmann::json json = parse_json(table.json(row, column));
  if (!json.is_array())
    fail(ErrorCode::input, table.where(row, column), ": an object; expected a list of messages");
  std::vector<Message> messages;
  const auto where = [&] {  // takes a pass over the file, so only for errors
    return join(table.where(row, column), ", message ", messages.size() + 1);
  };
  for (const nlohmann::json& message : json) {
    const std::string role = text_member(message, "role", where);
    Message read{role_named(role, where), text_member(message, "content", where)};
    if (read.role != Role::system && is_blank(read.content))
      fail(ErrorCode::input, where(), ": is empty; expected text");
    messages.push_back(std::move(read));
    if (messages.back().role == Role::system && messages.size() > 1)
      fail(ErrorCode::input, table.where(row, column), ", message ", messages.size(),
           ": a system message; expected it only as the first one");
  }
  if (messages.size() < 2 || messages.back().role != Role::assistant)
    fail(ErrorCode::input, table.where(row, column),
         ": expected messages that end with an answer of the assistant");
  return messages;
}

void require_filled(std::string_view text, const Table& table, int64_t row, const std::string& column) {
  if (is_blank(text))
    fail(ErrorCode::input, table.where(row, table.column(column)), ": is empty; expected text");
}

}  // namespace

TalkColumns find_talk_columns(const Table& table, const TalkColumns& given) {
  std::map<int64_t, std::string> uses;
  for (const auto& [use, column] : given) {
    const auto [other, is_new] = uses.emplace(table.column(column), use);
    require(is_new, table.name(), ": ", other->second, " and ", use, " are the same column, ", column,
            "; name different ones");
  }
  if (given.count("messages") || (given.count("prompt") && given.count("answer"))) return given;
  require(given.empty(), "columns were given for a prompt or an answer only; give both");
  const auto has = [&](const char* name) {
    const auto& names = table.columns();
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (has("messages")) return {{"messages", "messages"}};
  if (has("instruction") && has("output")) {
    TalkColumns columns{{"prompt", "instruction"}, {"answer", "output"}};
    if (has("input")) columns["input"] = "input";
    return columns;
  }
  if (table.columns().size() == 2) return {{"prompt", table.columns()[0]}, {"answer", table.columns()[1]}};
  fail(ErrorCode::usage, table.name(),
       ": has neither messages nor instruction and output; name the columns of prompt and answer with "
       "--prompt and "
       "--answer");
}

void add_texts(const Talk& talk, std::vector<std::string_view>& texts) {
  for (const Message& message : talk.messages) texts.push_back(message.content);
}

std::string prompt_text(const Talk& talk) {
  std::string text;
  for (const Message& message : talk.prompt())
    text += join(static_cast<int>(message.role), message.content, '\0');
  return text;
}

Talk read_talk(const Table& table, int64_t row, const TalkColumns& columns, const ChatTemplate& chat) {
  Talk talk;
  if (const auto messages = columns.find("messages"); messages != columns.end()) {
    talk.messages = read_messages(table, row, table.column(messages->second));
    const auto user = std::find_if(talk.messages.rbegin(), talk.messages.rend(),
                                   [](const Message& message) { return message.role == Role::user; });
    if (user != talk.messages.rend()) talk.instruction = user->content;
    return talk;
  }
  const std::string &prompt = columns.at("prompt"), &answer = columns.at("answer");
  talk.instruction = table.text(row, table.column(prompt));
  if (const auto input = columns.find("input"); input != columns.end()) {
    const int64_t column = table.column(input->second);
    const ValueType type = table.type(row, column);
    if (type != ValueType::missing && type != ValueType::null) talk.input = table.text(row, column);
  }
  talk.messages = {{Role::user, chat.user_content(talk.instruction, talk.input)},
                   {Role::assistant, std::string(table.text(row, table.column(answer)))}};
  require_filled(talk.instruction, table, row, prompt);
  require_filled(talk.answer(), table, row, answer);
  return talk;
}

TrainingRow training_row(const TalkTokens& talk, Mask mask, int64_t max_length) {
  TrainingRow row;
  const int64_t length = std::min(std::ssize(talk.tokens) - 1, max_length);
  for (size_t i = 0; i < static_cast<size_t>(std::max<int64_t>(length, 0)); ++i) {
    row.tokens.push_back(talk.tokens[i]);
    row.targets.push_back(mask == Mask::none || talk.learned[i + 1] ? talk.tokens[i + 1] : ignored_target);
  }
  return row;
}

TalkRows training_rows(const std::vector<Talk>& talks, const TalkEncoder& encoder, Mask mask,
                       int64_t max_length) {
  TalkRows all;
  for (size_t i = 0; i < talks.size(); ++i) {
    const TalkTokens tokens = encoder.talk(talks[i].messages);
    TrainingRow row = training_row(tokens, mask, max_length);
    const auto is_learned = [](int32_t target) { return target != ignored_target; };
    if (std::none_of(row.targets.begin(), row.targets.end(), is_learned)) {
      ++all.dropped;
      continue;
    }
    all.shortened += std::ssize(tokens.tokens) - 1 > max_length;
    all.rows.push_back(std::move(row));
    all.numbers.push_back(static_cast<int64_t>(i));
  }
  return all;
}

}  // namespace hewn
