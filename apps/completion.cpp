#include <array>

#include "apps/cli/help/manual.h"
#include "apps/cli/suggest.h"
#include "apps/cli/terminal.h"
#include "apps/commands.h"
#include "core/error.h"

namespace hewn::cli {
namespace {

struct Form {
  std::string_view name;
  std::string (*text)();
};
constexpr std::array forms{Form{"bash", bash_completion}, Form{"zsh", zsh_completion},
                           Form{"fish", fish_completion}, Form{"man", man_page},
                           Form{"markdown", markdown_reference}};

}  // namespace

int run_completion(const Settings& settings) {
  require(settings.arguments.size() == 1,
          "expected one of bash, zsh, fish, man and markdown, as in `hewn completion bash`");
  std::vector<std::string> names;
  for (const Form& form : forms) {
    if (form.name == settings.arguments[0]) {
      print(form.text());
      return 0;
    }
    names.emplace_back(form.name);
  }
  fail(ErrorCode::usage, "no completions for '", settings.arguments[0], "'",
       "; expected bash, zsh, fish, man or markdown", did_you_mean(settings.arguments[0], names));
}

}  // namespace hewn::cli
