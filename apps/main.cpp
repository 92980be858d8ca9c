// hewn: the command line. Each room of apps/ hands in its commands with their options (ROOM/commands.cpp).

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <new>

#include "apps/cli/help/help.h"
#include "apps/cli/idle_threads.h"
#include "apps/cli/parse.h"
#include "apps/cli/shell.h"
#include "apps/cli/signals.h"
#include "apps/cli/terminal.h"
#include "apps/cli/version.h"
#include "core/error.h"
#include "core/io/limits.h"
#include "core/memory.h"
#include "model/json.h"

namespace hewn::cli {

// The rooms, in the order of the help. ROOM/commands.cpp defines ROOM_commands().
// clang-format off
#define HEWN_ROOMS(room) \
  room(learn) \
  room(trace) \
  room(gradcheck) \
  room(train) \
  room(finetune) \
  room(sweep) \
  room(plan) \
  room(data) \
  room(generate) \
  room(evaluate) \
  room(judge) \
  room(report) \
  room(verify) \
  room(bench) \
  room(ranks) \
  room(info) \
  room(convert) \
  room(quantize) \
  room(help)
// clang-format on

#define HEWN_DECLARE(name) Commands name##_commands();
HEWN_ROOMS(HEWN_DECLARE)

const Commands& commands() {
  static const Commands all = [] {
    Commands list;
#define HEWN_ADD(name) \
  for (const Command& command : name##_commands()) list.push_back(command);
    HEWN_ROOMS(HEWN_ADD)
    return list;
  }();
  return all;
}

namespace {

constexpr int usage_status = static_cast<int>(ErrorCode::usage);

int report_no_memory() {
  write_own_message("hewn: out of memory; `hewn plan` shows what a run needs\n");
  return static_cast<int>(ErrorCode::memory);
}

std::terminate_handler terminate_otherwise = nullptr;

// Memory may also run out where no exception gets out: while globals are constructed, before main begins, and in functions
// that must not throw.
void terminate() {
  try {
    if (const auto thrown = std::current_exception()) std::rethrow_exception(thrown);
  } catch (const std::bad_alloc&) {
    std::_Exit(report_no_memory());
  } catch (...) {  // for the usual handler
  }
  terminate_otherwise();
}

[[gnu::constructor(101)]] void before_globals() { terminate_otherwise = std::set_terminate(terminate); }

int dispatch(const std::vector<std::string>& words, char** argv) {
  const Call call = parse(words);
  Settings general(call.command ? *call.command : general_only());
  for (const Assignment& flag : call.flags) general.set(flag);
  set_manners({general.text("color"), general.flag("quiet"), general.flag("verbose")});
  if (general.flag("version")) {
    print(general.flag("json") ? version_json() : version_text());
    return 0;
  }
  if (words.empty()) {
    print(welcome());
    return 0;
  }
  if (general.flag("help")) {
    print(call.command ? help(*call.command, general.text("help") == "all") : overview(call.group));
    return 0;
  }
  if (!call.command) {
    write_message(overview(call.group));
    return usage_status;
  }
  // Kernels, and the libraries beside them, are timed with threads that are awake.
  if (!call.command->spins) let_idle_threads_sleep(argv);
  return call.command->run(resolve(call));
}

int report(std::string_view message, ErrorCode code) {
  write_error(message);
  return static_cast<int>(code);
}

// Writes what was found before an error, as far as that is possible.
void keep_results() {
  try {
    end_results();
  } catch (...) {
  }
}

int guarded(int argc, char** argv) {
  try {
    hold_reserve();
    set_program(argc > 0 ? argv[0] : "");
    const int status = dispatch({argv + std::min(argc, 1), argv + argc}, argv);
    end_results();
    check_mapped_files();
    return status;
  } catch (const ClosedPipe&) {
    return 0;  // the reader has closed the pipe
  } catch (const Error& error) {
    keep_results();
    return report(error.what(), error.code());
  } catch (const std::bad_alloc&) {
    return report_no_memory();
  } catch (const std::exception& error) {
    return report(join("internal error: ", json_reason(error), "\nPlease report this to ", bug_reports(),
                       ", with the command and the output of `hewn --version`."),
                  ErrorCode::failed);
  }
}

}  // namespace
}  // namespace hewn::cli

int main(int argc, char** argv) {
  hewn::cli::ignore_write_signals();
  hewn::survive_lost_pages();
  return hewn::cli::guarded(argc, argv);
}
