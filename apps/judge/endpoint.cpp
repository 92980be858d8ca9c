#include "apps/judge/endpoint.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>

#include "apps/cli/format.h"
#include "apps/cli/signals.h"
#include "apps/cli/terminal.h"
#include "apps/judge/curl.h"
#include "core/base/clock.h"
#include "core/error.h"

namespace hewn::cli {
namespace {

constexpr size_t most_answer_bytes = size_t{1} << 20;
constexpr double longest_pause = 60;  // seconds

// The answer to one request.
struct HttpAnswer {
  int code = curl::ok;
  std::string error;  // of libcurl
  long status = 0;    // of HTTP
  std::string body;
  std::string redirect;
  double retry_after = 0;  // seconds
  bool too_large = false;
};

size_t take_body(char* bytes, size_t size, size_t n, void* user) {
  auto& answer = *static_cast<HttpAnswer*>(user);
  answer.too_large = answer.body.size() + size * n > most_answer_bytes;
  if (answer.too_large) return 0;  // ends the transfer
  answer.body.append(bytes, size * n);
  return size * n;
}

int stop_transfer(void*, int64_t, int64_t, int64_t, int64_t) { return stop_signal() != 0; }

HttpAnswer post(const std::string& url, const std::string& body, const AskOptions& options) {
  const curl::Library& lib = curl::library();
  const std::unique_ptr<void, curl::EasyCleanup> handle(lib.easy_init(), lib.easy_cleanup);
  if (!handle) fail(ErrorCode::failed, "libcurl cannot be started");
  const std::unique_ptr<void, curl::SlistFreeAll> headers(
      lib.slist_append(nullptr, "Content-Type: application/json"), lib.slist_free_all);
  HttpAnswer answer;
  char error[curl::error_size] = "";
  const auto set = [&](int option, auto value) { lib.easy_setopt(handle.get(), option, value); };
  set(curl::url, url.c_str());
  set(curl::protocols_str, "http,https");
  set(curl::follow_location, 0L);
  set(curl::no_signal, 1L);
  set(curl::http_header, headers.get());
  set(curl::post_field_size_large, static_cast<int64_t>(body.size()));
  set(curl::post_fields, body.c_str());
  set(curl::timeout_ms, static_cast<long>(options.timeout * 1e3));
  set(curl::connect_timeout_ms, static_cast<long>(std::min(options.timeout, 30.0) * 1e3));
  set(curl::write_function, take_body);
  set(curl::write_data, &answer);
  set(curl::xferinfo_function, stop_transfer);
  set(curl::no_progress, 0L);
  set(curl::error_buffer, static_cast<char*>(error));
  if (!options.api_key.empty()) {
    set(curl::http_auth, curl::auth_bearer);
    set(curl::xoauth2_bearer, options.api_key.c_str());
  }
  answer.code = lib.easy_perform(handle.get());
  answer.error = *error ? error : lib.easy_strerror(answer.code);
  lib.easy_getinfo(handle.get(), curl::response_code, &answer.status);
  int64_t wait = 0;
  if (lib.easy_getinfo(handle.get(), curl::retry_after, &wait) == curl::ok)
    answer.retry_after = static_cast<double>(wait);
  const char* redirect = nullptr;
  if (lib.easy_getinfo(handle.get(), curl::redirect_url, &redirect) == curl::ok && redirect)
    answer.redirect = redirect;
  return answer;
}

// Waits, but not beyond a signal.
void pause_for(double seconds) {
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  while (stop_signal() == 0 && Clock::now() < end) std::this_thread::sleep_for(std::chrono::milliseconds(20));
}

// The outcome of an attempt: a reply, or a reason and whether another attempt may help.
struct Attempt {
  std::optional<std::string> reply;
  std::string problem;
  bool final = false;
};

Attempt attempt_of(const ChatEndpoint& endpoint, const HttpAnswer& answer, const AskOptions& options) {
  if (answer.too_large) return {std::nullopt, "its answer is larger than 1 MiB", true};
  if (answer.code == curl::operation_timed_out)
    return {std::nullopt, join("it did not answer within ", fixed(options.timeout, 1), " seconds")};
  if (answer.code == curl::unsupported_protocol || answer.code == curl::url_malformat ||
      answer.code == curl::peer_failed_verification)
    return {std::nullopt, answer.error, true};
  if (answer.code != curl::ok) return {std::nullopt, answer.error};
  if (answer.status / 100 == 3)
    return {std::nullopt,
            join("it redirects to ", shown_url(answer.redirect), "; give that address if it is right"), true};
  std::string reply;
  try {
    reply = chat_reply(endpoint.api, answer.body);
  } catch (const Error& error) {
    if (answer.status == 200) {
      const bool cut = std::string_view(error.what()).find("not complete JSON") != std::string_view::npos;
      return {std::nullopt, error.what(), !cut};
    }
    const bool busy = answer.status == 408 || answer.status == 429 || answer.status >= 500;
    return {std::nullopt, join("status ", answer.status, ": ", error.what()), !busy};
  }
  if (answer.status != 200) return {std::nullopt, join("it answers with status ", answer.status), true};
  return {reply, ""};
}

}  // namespace

void require_http() { curl::library(); }

std::string ask(const ChatEndpoint& endpoint, const std::string& model, const std::string& message,
                const AskOptions& options) {
  const std::string body = chat_request(endpoint.api, model, message);
  double wait = options.retry_wait;
  for (int64_t tries = 1;; ++tries) {
    const HttpAnswer answer = post(endpoint.url, body, options);
    if (stop_signal() != 0) return "";
    Attempt attempt = attempt_of(endpoint, answer, options);
    if (attempt.reply) return *attempt.reply;
    const std::string problem = join(shown_url(endpoint.url), ": ", attempt.problem);
    if (attempt.final || tries > options.retries)
      fail(ErrorCode::failed, problem, tries > 1 ? join(" (", tries, " attempts)") : "");
    const double pause = std::min(longest_pause, std::max(wait, answer.retry_after));
    say("retry   in ", fixed(pause, 1), " s: ", problem);
    pause_for(pause);
    if (stop_signal() != 0) return "";
    wait *= 2;
  }
}

}  // namespace hewn::cli
