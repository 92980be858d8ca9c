// hewn: the command line. Options are declared in options.cpp, commands in commands.cpp.

#include <algorithm>
#include <cstdlib>
#include <new>

#include "apps/cli/help/help.h"
#include "apps/cli/idle_threads.h"
#include "apps/cli/parse.h"
#include "apps/cli/shell.h"
#include "apps/cli/signals.h"
#include "apps/cli/terminal.h"
#include "apps/cli/version.h"
#include "core/error.h"

namespace hewn::cli {
namespace {

constexpr int usage_status = static_cast<int>(ErrorCode::usage);

int dispatch(const std::vector<std::string>& words, char** argv) {
  const Call call = parse(words);
  Settings general(call.command ? *call.command : general_only);
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
    print(call.command ? help(*call.command) : overview(call.group));
    return 0;
  }
  if (!call.command) {
    write_message(overview(call.group));
    return usage_status;
  }
  // Kernels, and the libraries beside them, are timed with threads that are awake.
  if (call.command->bit != takes::bench_kernels) let_idle_threads_sleep(argv);
  return call.command->run(resolve(call));
}

int report(std::string_view message, ErrorCode code) {
  write_message(join(red(Stream::messages, "hewn: "), as_called(message), "\n"));
  return static_cast<int>(code);
}

int guarded(const std::vector<std::string>& words, char** argv) {
  try {
    const int status = dispatch(words, argv);
    flush_results();
    return status;
  } catch (const ClosedPipe&) {
    return 0;  // the reader has closed the pipe
  } catch (const Error& error) {
    return report(error.what(), error.code());
  } catch (const std::bad_alloc&) {
    return report("out of memory; `hewn plan` shows what a run needs", ErrorCode::memory);
  } catch (const std::exception& error) {
    return report(join("internal error: ", error.what(), "\nPlease report this to ", bug_reports(),
                       ", with the command and the output of `hewn --version`."),
                  ErrorCode::failed);
  }
}

}  // namespace
}  // namespace hewn::cli

int main(int argc, char** argv) {
  hewn::cli::ignore_broken_pipes();
  hewn::cli::set_program(argc > 0 ? argv[0] : "");
  return hewn::cli::guarded({argv + std::min(argc, 1), argv + argc}, argv);
}
