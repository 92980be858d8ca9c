#pragma once
// libcurl, loaded only when an address is given. Its functions and constants are declared here, so that
// building Hewn does not require it; cmake/checks/curl.cpp compares them with its header.

#include <cstdint>

#include "apps/cli/system/shared_library.h"

namespace hewn::curl {

constexpr int ok = 0, unsupported_protocol = 1, url_malformat = 3, operation_timed_out = 28,
              peer_failed_verification = 60;
constexpr int error_size = 256;
constexpr long global_default = 3, auth_bearer = 1L << 6;

// Options of a transfer (CURLOPT_...) and facts about one (CURLINFO_...).
constexpr int url = 10002, protocols_str = 10318, follow_location = 52, no_signal = 99, http_header = 10023,
              post_field_size_large = 30120, post_fields = 10015, timeout_ms = 155, connect_timeout_ms = 156,
              write_function = 20011, write_data = 10001, xferinfo_function = 20219, no_progress = 43,
              error_buffer = 10010, http_auth = 107, xoauth2_bearer = 10220;
constexpr int response_code = 0x200000 + 2, retry_after = 0x600000 + 57, redirect_url = 0x100000 + 31;

using GlobalInit = int (*)(long);
using EasyInit = void* (*)();
using EasyCleanup = void (*)(void*);
using EasySetopt = int (*)(void*, int, ...);
using EasyPerform = int (*)(void*);
using EasyGetinfo = int (*)(void*, int, ...);
using EasyStrerror = const char* (*)(int);
using SlistAppend = void* (*)(void*, const char*);
using SlistFreeAll = void (*)(void*);

/// The library's functions.
struct Library {
  GlobalInit global_init;
  EasyInit easy_init;
  EasyCleanup easy_cleanup;
  EasySetopt easy_setopt;
  EasyPerform easy_perform;
  EasyGetinfo easy_getinfo;
  EasyStrerror easy_strerror;
  SlistAppend slist_append;
  SlistFreeAll slist_free_all;
};

/// Loads libcurl.so.4 at the first call. Throws ErrorCode::failed, with the package to install, if there is none.
const Library& library();

}  // namespace hewn::curl
