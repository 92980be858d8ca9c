#pragma once
// HTTP requests to a chat endpoint.

#include <string>

#include "train/judge/chat_api.h"

namespace hewn::cli {

/// Throws ErrorCode::failed if libcurl, which sends the requests, cannot be loaded.
void require_http();

struct AskOptions {
  double timeout = 120;   ///< seconds per request
  int64_t retries = 4;    ///< after the first attempt
  double retry_wait = 1;  ///< seconds before the first retry; doubles with each, up to a minute
  std::string api_key;    ///< sent as a bearer token; empty: none
};

/// Sends a message to a model and returns the text of its answer. Retries if the endpoint cannot be reached, does
/// not answer in time, ends the connection early, answers 408, 429 or 5xx (after the time in its Retry-After
/// header, up to a minute), or sends truncated JSON. Redirects are not followed, and answers of more than 1
/// MiB are refused. Throws ErrorCode::failed with the last reason; empty if a signal stopped it.
std::string ask(const ChatEndpoint& endpoint, const std::string& model, const std::string& message,
                const AskOptions& options);

}  // namespace hewn::cli
