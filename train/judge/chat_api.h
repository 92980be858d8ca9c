#pragma once
// The two forms of a chat endpoint: Ollama's /api/chat and OpenAI's /v1/chat/completions.

#include <cstdint>
#include <string>
#include <string_view>

#include "model/keys.h"

namespace hewn {

enum class ChatApi : uint8_t { ollama, openai };
constexpr std::string_view names_of(ChatApi) { return "ollama|openai"; }

/// An endpoint: the whole address of its requests, and their form.
struct ChatEndpoint {
  std::string url;
  ChatApi api = ChatApi::openai;
};

/// Completes an address as users give it. `http://host:11434`, Ollama's port, and paths that end with /api or
/// /api/chat are Ollama's; all others are OpenAI's. `api` overrides this unless it is empty. Throws usage unless
/// the address begins with http:// or https:// and names a host, and if it has a query, a fragment or white space.
ChatEndpoint chat_endpoint(const std::string& url, const std::string& api);

/// The key in an environment variable, without a trailing newline, which comes from files. Throws usage if it
/// contains a control character, which would end the header of the request.
std::string api_key_of(std::string_view value, const std::string& variable);

/// The address without a password or query, for messages and files.
std::string shown_url(const std::string& url);

/// The body of a request with one message, without streaming, at temperature 0.
std::string chat_request(ChatApi api, const std::string& model, const std::string& message);

/// The text of the answer. Throws ErrorCode::input with the reason: HTML, truncated JSON, an error of the
/// endpoint, or no message.
std::string chat_reply(ChatApi api, const std::string& body);

}  // namespace hewn
