#include "train/judge/chat_api.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "model/json.h"

namespace hewn {
namespace {

constexpr size_t shown_bytes = 200;

// The beginning of a text on one line, for messages.
std::string beginning(std::string text) {
  const bool cut = text.size() > shown_bytes;
  text.resize(std::min(text.size(), shown_bytes));
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return text + (cut ? "..." : "");
}

bool looks_like_html(const std::string& body) {
  const size_t first = body.find_first_not_of(" \t\r\n");
  return first != body.npos && body[first] == '<';
}

}  // namespace

ChatEndpoint chat_endpoint(const std::string& given, const std::string& api) {
  std::string url = given;
  const bool http = url.starts_with("http://"), https = url.starts_with("https://");
  require(http || https, "url = '", shown_url(url), "': expected http://HOST:PORT or https://HOST");
  require(url.find_first_of("?# \t\r\n") == url.npos, "url = '", shown_url(url),
          "' contains a query (after ?), a fragment (after #) or white space; leave it out");
  const size_t host = http ? 7 : 8;
  while (url.size() > host && url.back() == '/') url.pop_back();
  const size_t slash = std::min(url.find('/', host), url.size());
  require(slash > host, "url = '", shown_url(given), "' names no host; expected http://HOST:PORT");
  ChatEndpoint endpoint{url, ChatApi::openai};
  const bool ollama_path = url.ends_with("/api") || url.ends_with("/api/chat");
  const bool ollama_port = slash == url.size() && url.ends_with(":11434");
  if (!api.empty())
    parse_name(api, endpoint.api);
  else if (ollama_path || ollama_port)
    endpoint.api = ChatApi::ollama;
  if (endpoint.api == ChatApi::ollama) {
    if (url.ends_with("/api"))
      endpoint.url += "/chat";
    else if (!url.ends_with("/api/chat"))
      endpoint.url += "/api/chat";
  } else if (!url.ends_with("/chat/completions")) {
    endpoint.url += url.ends_with("/v1") ? "/chat/completions" : "/v1/chat/completions";
  }
  return endpoint;
}

std::string api_key_of(std::string_view value, const std::string& variable) {
  for (const char end : {'\n', '\r'})
    if (value.ends_with(end)) value.remove_suffix(1);
  const auto controls = [](unsigned char c) { return c < 0x20 || c == 0x7f; };
  require(std::none_of(value.begin(), value.end(), controls), variable,
          ": the key contains a line end or another control character; give only the key");
  return std::string(value);
}

std::string shown_url(const std::string& url) {
  std::string shown = url.substr(0, url.find_first_of("?# \t\r\n"));
  const size_t scheme = shown.find("://");
  if (scheme == shown.npos) return shown;
  const size_t host = scheme + 3, slash = std::min(shown.find('/', host), shown.size());
  const size_t at = shown.rfind('@', slash);
  if (at != shown.npos && at >= host) shown.erase(host, at + 1 - host);
  return shown;
}

std::string chat_request(ChatApi api, const std::string& model, const std::string& message) {
  Json request{{"model", model},
               {"messages", Json::array({Json{{"role", "user"}, {"content", message}}})},
               {"stream", false}};
  if (api == ChatApi::ollama)
    request["options"] = {{"temperature", 0}, {"seed", 1}};
  else
    request["temperature"] = 0;
  return json_text(request);
}

std::string chat_reply(ChatApi api, const std::string& body) {
  if (looks_like_html(body))
    fail(
        ErrorCode::input,
        "the endpoint answers with HTML, not JSON, so it is probably not a chat endpoint: ", beginning(body));
  const nlohmann::json answer = nlohmann::json::parse(body, nullptr, false);
  if (answer.is_discarded())
    fail(ErrorCode::input, "the endpoint's answer is not complete JSON: ", beginning(body));
  if (answer.is_object() && answer.contains("error")) {
    const nlohmann::json& error = answer["error"];
    const bool message = error.is_object() && error.contains("message") && error["message"].is_string();
    fail(ErrorCode::input, "the endpoint reports an error: ",
         beginning(message             ? error["message"].get<std::string>()
                   : error.is_string() ? error.get<std::string>()
                                       : body));
  }
  try {
    if (api == ChatApi::ollama) return answer.at("message").at("content").get<std::string>();
    return answer.at("choices").at(0).at("message").at("content").get<std::string>();
  } catch (const Json::exception&) {
    fail(ErrorCode::input, "the endpoint's answer has no message in the form of ", name_of(api),
         "; --api names the other form: ", beginning(body));
  }
}

}  // namespace hewn
