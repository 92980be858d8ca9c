#pragma once
// Pages of help: the Markdown files apps/*/help/NAME.md, one for each command, each first word of commands such as
// `data prepare`, and each set of options that several commands share. They are embedded in the program:
//
//   # hewn train: train a model, or resume a run
//
//   What it does, in a paragraph for `--help`.
//
//   Further paragraphs, for `--help=all` and the manual.
//
//   * An item of a list.
//
//   ## Examples
//
//   ```
//   hewn train  # a remark
//   ```
//
//   ## Heading of its own options
//
//   - `name` (what the default is, if it follows from other values): what it means

#include <string>
#include <string_view>
#include <vector>

namespace hewn::cli {

struct HelpPage {
  /// A page's text on an option.
  struct Entry {
    std::string section, name, initial, text;
  };
  std::string summary;                ///< one line, without a full stop
  std::vector<std::string> about;     ///< paragraphs, and items of lists, which begin with "* "
  std::vector<std::string> examples;  ///< lines of "command  # what it does"
  std::vector<Entry> entries;

  /// Throws std::logic_error if it has no entry for this option.
  const Entry& entry(std::string_view option) const;
};

/// Page "bench_kernels" of command "bench kernels". Throws std::logic_error if there is none.
const HelpPage& help_page(std::string_view name);

}  // namespace hewn::cli
