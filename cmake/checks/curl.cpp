// Checks apps/judge/curl.h against libcurl's own header. Compiled if that header is installed; never linked.

#include "apps/judge/curl.h"

#include <curl/curl.h>

#include <type_traits>

namespace hewn::curl {
namespace {

static_assert(ok == CURLE_OK && unsupported_protocol == CURLE_UNSUPPORTED_PROTOCOL &&
              url_malformat == CURLE_URL_MALFORMAT && operation_timed_out == CURLE_OPERATION_TIMEDOUT &&
              peer_failed_verification == CURLE_PEER_FAILED_VERIFICATION);
static_assert(error_size == CURL_ERROR_SIZE && global_default == CURL_GLOBAL_DEFAULT &&
              static_cast<unsigned long>(auth_bearer) == CURLAUTH_BEARER);
static_assert(url == CURLOPT_URL && protocols_str == CURLOPT_PROTOCOLS_STR &&
              follow_location == CURLOPT_FOLLOWLOCATION && no_signal == CURLOPT_NOSIGNAL &&
              http_header == CURLOPT_HTTPHEADER && post_field_size_large == CURLOPT_POSTFIELDSIZE_LARGE &&
              post_fields == CURLOPT_POSTFIELDS && timeout_ms == CURLOPT_TIMEOUT_MS &&
              connect_timeout_ms == CURLOPT_CONNECTTIMEOUT_MS && write_function == CURLOPT_WRITEFUNCTION &&
              write_data == CURLOPT_WRITEDATA && xferinfo_function == CURLOPT_XFERINFOFUNCTION &&
              no_progress == CURLOPT_NOPROGRESS && error_buffer == CURLOPT_ERRORBUFFER &&
              http_auth == CURLOPT_HTTPAUTH && xoauth2_bearer == CURLOPT_XOAUTH2_BEARER);
static_assert(response_code == CURLINFO_RESPONSE_CODE && retry_after == CURLINFO_RETRY_AFTER &&
              redirect_url == CURLINFO_REDIRECT_URL);
static_assert(sizeof(CURLcode) == sizeof(int) && sizeof(CURLoption) == sizeof(int) &&
              sizeof(curl_off_t) == sizeof(int64_t) && std::is_same_v<CURL, void>);

}  // namespace
}  // namespace hewn::curl
