#include "apps/judge/curl.h"

#include "core/error.h"

namespace hewn::curl {
namespace {

Library loaded() {
  static const cli::SharedLibrary file("libcurl.so.4");
  Library library{};
  bool complete = file.loaded();
  const auto find = [&](auto& function, const char* name) {
    function = file.symbol<std::remove_reference_t<decltype(function)>>(name);
    complete &= function != nullptr;
  };
  if (complete) {
    find(library.global_init, "curl_global_init");
    find(library.easy_init, "curl_easy_init");
    find(library.easy_cleanup, "curl_easy_cleanup");
    find(library.easy_setopt, "curl_easy_setopt");
    find(library.easy_perform, "curl_easy_perform");
    find(library.easy_getinfo, "curl_easy_getinfo");
    find(library.easy_strerror, "curl_easy_strerror");
    find(library.slist_append, "curl_slist_append");
    find(library.slist_free_all, "curl_slist_free_all");
  }
  if (!complete)
    fail(ErrorCode::failed, "requests need libcurl, which cannot be loaded",
         file.loaded() ? "" : ": " + file.problem(),
         "; install it (Debian: libcurl4), or judge with a local run: --run=RUN");
  if (library.global_init(global_default) != ok) fail(ErrorCode::failed, "libcurl cannot be started");
  return library;
}

}  // namespace

const Library& library() {
  static const Library functions = loaded();
  return functions;
}

}  // namespace hewn::curl
