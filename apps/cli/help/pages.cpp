#include "apps/cli/help/pages.h"

#include <algorithm>
#include <map>
#include <stdexcept>

#include "core/text.h"

// apps/CMakeLists.txt embeds each page as its path, a zero byte, its text, a zero byte.
extern "C" const char hewn_help[];
extern "C" const char hewn_help_end[];

namespace hewn::cli {
namespace {

std::string_view embedded_page(std::string_view name) {
  const std::string end = join("/help/", name, ".md");
  for (const char* at = hewn_help; at < hewn_help_end;) {
    const std::string_view path = at;
    const std::string_view text = path.data() + path.size() + 1;
    if (path.ends_with(end)) return text;
    at = text.data() + text.size() + 1;
  }
  throw std::logic_error(join("no page of help '", name, "'"));
}

// "- `name` (initial): text". The parenthesis ends before ": ".
HelpPage::Entry entry_of(std::string_view line, const std::string& section) {
  line.remove_prefix(3);
  const size_t tick = line.find('`');
  HelpPage::Entry entry{section, std::string(line.substr(0, tick)), "", ""};
  line.remove_prefix(std::min(tick + 1, line.size()));
  if (line.starts_with(" (")) {
    const size_t end = std::min(line.find("): "), line.size());
    entry.initial = line.substr(2, end - 2);
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  line.remove_prefix(std::min<size_t>(2, line.size()));
  entry.text = line;
  return entry;
}

void add_words(std::string& text, std::string_view words) { text += join(text.empty() ? "" : " ", words); }

HelpPage parsed(std::string_view text) {
  HelpPage page;
  std::string section;
  bool new_paragraph = true;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with("# ")) {
      page.summary = line.substr(std::min(line.find(": "), line.size() - 2) + 2);
    } else if (line.starts_with("## ")) {
      section = line.substr(3);
    } else if (line.empty() || line == "```") {
      new_paragraph = true;
    } else if (section == "Examples") {
      page.examples.emplace_back(line);
    } else if (line.starts_with("- `")) {
      page.entries.push_back({section, "", "", std::string(line)});
    } else if (!page.entries.empty()) {
      add_words(page.entries.back().text, line.substr(std::min(line.find_first_not_of(' '), line.size())));
    } else {
      if (new_paragraph || line.starts_with("* ")) page.about.emplace_back();
      new_paragraph = false;
      add_words(page.about.back(), line.substr(std::min(line.find_first_not_of(' '), line.size())));
    }
  }
  for (HelpPage::Entry& entry : page.entries) entry = entry_of(entry.text, entry.section);
  return page;
}

}  // namespace

const HelpPage::Entry& HelpPage::entry(std::string_view option) const {
  for (const Entry& entry : entries)
    if (entry.name == option) return entry;
  throw std::logic_error(join("'", summary, "': no help for option '", option, "'"));
}

const HelpPage& help_page(std::string_view name) {
  static std::map<std::string, HelpPage> known;
  std::string key(name);
  std::replace(key.begin(), key.end(), ' ', '_');
  const auto [entry, is_new] = known.try_emplace(key);
  if (is_new) entry->second = parsed(embedded_page(key));
  return entry->second;
}

}  // namespace hewn::cli
