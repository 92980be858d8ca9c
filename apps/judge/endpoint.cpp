#include "apps/judge/endpoint.h"

#include "core/error.h"

#ifdef HEWN_WITH_CURL
#include <curl/curl.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>

#include "apps/cli/format.h"
#include "apps/cli/signals.h"
#include "apps/cli/terminal.h"
#include "core/base/clock.h"

namespace hewn::cli {
namespace {

constexpr size_t most_answer_bytes = size_t{1} << 20;
constexpr double longest_pause = 60;  // seconds

// The answer to one request.
struct HttpAnswer {
  CURLcode code = CURLE_OK;
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

int stop_transfer(void*, curl_off_t, curl_off_t, curl_off_t, curl_off_t) { return stop_signal() != 0; }

HttpAnswer post(const std::string& url, const std::string& body, const AskOptions& options) {
  static const CURLcode started = curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::unique_ptr<CURL, void (*)(CURL*)> curl(started == CURLE_OK ? curl_easy_init() : nullptr,
                                                    curl_easy_cleanup);
  if (!curl) fail(ErrorCode::failed, "libcurl cannot be started");
  const std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(
      curl_slist_append(nullptr, "Content-Type: application/json"), curl_slist_free_all);
  HttpAnswer answer;
  char error[CURL_ERROR_SIZE] = "";
  CURL* const c = curl.get();
  curl_easy_setopt(c, CURLOPT_URL, url.c_str());
  curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(c, CURLOPT_POSTFIELDS, body.c_str());
  curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, static_cast<long>(options.timeout * 1e3));
  curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(std::min(options.timeout, 30.0) * 1e3));
  curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(c, CURLOPT_WRITEDATA, &answer);
  curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, stop_transfer);
  curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(c, CURLOPT_ERRORBUFFER, error);
  if (!options.api_key.empty()) {
    curl_easy_setopt(c, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
    curl_easy_setopt(c, CURLOPT_XOAUTH2_BEARER, options.api_key.c_str());
  }
  answer.code = curl_easy_perform(c);
  answer.error = *error ? error : curl_easy_strerror(answer.code);
  curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &answer.status);
  curl_off_t wait = 0;
  if (curl_easy_getinfo(c, CURLINFO_RETRY_AFTER, &wait) == CURLE_OK)
    answer.retry_after = static_cast<double>(wait);
  const char* redirect = nullptr;
  if (curl_easy_getinfo(c, CURLINFO_REDIRECT_URL, &redirect) == CURLE_OK && redirect)
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
  if (answer.code == CURLE_OPERATION_TIMEDOUT)
    return {std::nullopt, join("it did not answer within ", fixed(options.timeout, 1), " seconds")};
  if (answer.code == CURLE_UNSUPPORTED_PROTOCOL || answer.code == CURLE_URL_MALFORMAT ||
      answer.code == CURLE_PEER_FAILED_VERIFICATION)
    return {std::nullopt, answer.error, true};
  if (answer.code != CURLE_OK) return {std::nullopt, answer.error};
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

void require_http() {}

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

#else

namespace hewn::cli {

void require_http() {
  fail(ErrorCode::failed,
       "this build of hewn cannot send requests, since it has no libcurl; build hewn where libcurl is "
       "installed "
       "(Debian: libcurl4-openssl-dev), or judge with a local run: --run=RUN");
}

std::string ask(const ChatEndpoint&, const std::string&, const std::string&, const AskOptions&) {
  require_http();
  return "";
}

}  // namespace hewn::cli

#endif
