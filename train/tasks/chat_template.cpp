#include "train/tasks/chat_template.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/io/path.h"
#include "model/json.h"

namespace hewn {
namespace {

constexpr size_t most_template = size_t{1} << 20;

const ChatTemplate built_in_templates[] = {
    {.name = "alpaca",
     .default_system = "Below is an instruction that describes a task. Write a response that appropriately "
                       "completes the request.",
     .before_system = "",
     .after_system = "\n\n",
     .before_user = "### Instruction:\n",
     .after_user = "\n\n",
     .before_input = "\n\n### Input:\n",
     .before_answer = "### Response:\n",
     .answer_end = "",
     .after_answer = "\n\n"},
    {.name = "phi",
     .default_system = "",
     .before_system = "<|system|>\n",
     .after_system = "<|end|>\n",
     .before_user = "<|user|>\n",
     .after_user = "<|end|>\n",
     .before_input = "\n",
     .before_answer = "<|assistant|>\n",
     .answer_end = "<|end|>",
     .after_answer = "\n"},
    {.name = "chatml",
     .default_system = "",
     .before_system = "<|im_start|>system\n",
     .after_system = "<|im_end|>\n",
     .before_user = "<|im_start|>user\n",
     .after_user = "<|im_end|>\n",
     .before_input = "\n",
     .before_answer = "<|im_start|>assistant\n",
     .answer_end = "<|im_end|>",
     .after_answer = "\n"},
    {.name = "plain",
     .default_system = "",
     .before_system = "",
     .after_system = "\n",
     .before_user = "",
     .after_user = "\n",
     .before_input = "\n",
     .before_answer = "",
     .answer_end = "",
     .after_answer = "\n"},
};

struct TemplatePart {
  const char* name;
  std::string ChatTemplate::*text;
};

constexpr TemplatePart template_parts[] = {
    {"name", &ChatTemplate::name},
    {"default_system", &ChatTemplate::default_system},
    {"before_system", &ChatTemplate::before_system},
    {"after_system", &ChatTemplate::after_system},
    {"before_user", &ChatTemplate::before_user},
    {"after_user", &ChatTemplate::after_user},
    {"before_input", &ChatTemplate::before_input},
    {"before_answer", &ChatTemplate::before_answer},
    {"answer_end", &ChatTemplate::answer_end},
    {"after_answer", &ChatTemplate::after_answer},
};

/// A text as a string of Jinja.
std::string jinja_text(std::string_view text) {
  std::string out = "'";
  for (const char c : text)
    out += c == '\'' ? "\\'" : c == '\\' ? "\\\\" : c == '\n' ? "\\n" : std::string(1, c);
  return out + "'";
}

std::string jinja_around(std::string_view before, std::string_view content, std::string_view after) {
  return join("{{ ", jinja_text(before), " + ", content, " + ", jinja_text(after), " }}");
}

}  // namespace

std::string_view name_of(Role role) {
  return role == Role::system ? "system" : role == Role::user ? "user" : "assistant";
}

std::string ChatTemplate::user_content(std::string_view instruction, std::string_view input) const {
  return input.empty() ? std::string(instruction) : join(instruction, before_input, input);
}

std::vector<std::string_view> ChatTemplate::texts() const {
  std::vector<std::string_view> texts;
  for (const TemplatePart& part : template_parts)
    if (part.text != &ChatTemplate::name) texts.push_back(this->*part.text);
  return texts;
}

std::string ChatTemplate::jinja(bool begins) const {
  const std::string content = "message['content']";
  const auto is = [](Role role) { return join("message['role'] == '", name_of(role), "'"); };
  std::string text = begins ? "{{ bos_token }}" : "";
  text += "{% for message in messages %}";
  if (!default_system.empty())
    text += join("{% if loop.first and message['role'] != 'system' %}{{ ",
                 jinja_text(before_system + default_system + after_system), " }}{% endif %}");
  text += join("{% if ", is(Role::system), " %}", jinja_around(before_system, content, after_system));
  text += join("{% elif ", is(Role::user), " %}", jinja_around(before_user, content, after_user));
  text += join("{% elif ", is(Role::assistant), " %}{{ ", jinja_text(before_answer), " + ", content, " + ",
               answer_end.empty() ? "eos_token" : jinja_text(answer_end), " }}");
  text +=
      join("{% if not loop.last or add_generation_prompt %}{{ ", jinja_text(after_answer), " }}{% endif %}");
  return text + join("{% endif %}{% endfor %}{% if add_generation_prompt %}{{ ", jinja_text(before_answer),
                     " }}{% endif %}");
}

std::string template_names() { return list_text(built_in_templates, "|", &ChatTemplate::name); }

ChatTemplate find_template(const std::string& name_or_file) {
  for (const ChatTemplate& chat : built_in_templates)
    if (chat.name == name_or_file) return chat;
  require(path_is_file(name_or_file), "'", name_or_file, "' is not a template; expected ", template_names(),
          ", or a JSON file with the texts around messages");
  const Doing reading("reading ", name_or_file);
  try {
    return template_from_json(parse_json(read_small_file(name_or_file, most_template)), name_or_file);
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorCode::input, name_or_file, ": ", json_reason(error));
  }
}

ChatTemplate template_from_json(const nlohmann::json& json, const std::string& where) {
  if (!json.is_object()) fail(ErrorCode::input, where, ": a template is an object; found ", json.type_name());
  ChatTemplate chat;
  for (const auto& [key, value] : json.items()) {
    const std::string& name = key;
    const auto* const part = std::find_if(std::begin(template_parts), std::end(template_parts),
                                          [&](const TemplatePart& p) { return p.name == name; });
    if (part == std::end(template_parts))
      fail(ErrorCode::input, where, ": a template has no member \"", key.substr(0, 100),
           "\"; docs/formats.md lists its members");
    if (!value.is_string())
      fail(ErrorCode::input, where, ": the template's \"", key, "\" is ", value.type_name(),
           "; expected text");
    chat.*part->text = value.get<std::string>();
  }
  if (chat.name.empty()) chat.name = fs::path(where).filename().string();
  if (chat.before_user.empty() && chat.after_user.empty() && chat.before_answer.empty())
    fail(ErrorCode::input, where,
         ": the template has nothing between messages; expected before_user, after_user or before_answer");
  return chat;
}

Json template_to_json(const ChatTemplate& chat) {
  Json json;
  for (const TemplatePart& part : template_parts) json[part.name] = chat.*part.text;
  return json;
}

}  // namespace hewn
