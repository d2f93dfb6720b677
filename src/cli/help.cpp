// brine help: the pages of findings and topics that the program carries.

#include <algorithm>
#include <cctype>
#include <string>
#include <vector>

#include "base/limits.h"
#include "cli/commands.h"
#include "render/pages.h"
#include "scan/codes.h"

namespace brine::cli {
namespace {

constexpr Example kExamples[] = {
    {"brine help", "the topics and the findings"},
    {"brine help BRN201", "what a finding means and what to do"},
    {"brine help verdicts", "a topic"},
    {"brine help scan", "a command"},
};

bool is_code(std::string_view word) {
  return word.size() == 6 && (word.starts_with("BRN") || word.starts_with("brn")) &&
         std::all_of(word.begin() + 3, word.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string limits_page() {
  std::string out =
      "The bounds of Brine's work\n\n"
      "Reaching one makes a file incomplete, never clean. Set them with\n"
      "--limits NAME=VALUE,NAME=VALUE; values may end in k, M or G.\n\n";
  const Limits defaults;
  std::size_t name = 0;
  std::size_t value = 0;
  for (const LimitName& row : limit_names()) {
    name = std::max(name, row.name.size());
    value = std::max(value, render::count_text(defaults.*row.member).size());
  }
  for (const LimitName& row : limit_names()) {
    const std::string number = render::count_text(defaults.*row.member);
    out.append("  ").append(row.name).append(name - row.name.size() + 2, ' ');
    out.append(value - number.size(), ' ').append(number).append("  ");
    out.append(row.meaning) += '\n';
  }
  return out;
}

std::string index_page(const render::Style& style) {
  std::string topics;
  std::string codes;
  for (const std::string_view name : render::page_names()) {
    std::string& list = is_code(name) ? codes : topics;
    list.append("  ").append(name).append(name.size() < 12 ? 12 - name.size() : 1, ' ');
    std::string_view title = render::page_title(render::page(name));
    if (is_code(name) && title.starts_with(name)) {
      title.remove_prefix(name.size());
      while (title.starts_with(':') || title.starts_with(' ')) title.remove_prefix(1);
    }
    list.append(render::cut_end(title, style.width == 0 ? 100 : style.width - 15)) += '\n';
  }
  topics += "  limits      the bounds of Brine's work, and how to set them\n";
  return style.ink(render::Ink::bold, "Topics") + "\n" + topics + "\n" +
         style.ink(render::Ink::bold, "Findings") + "\n" + codes;
}

// A code without a page still has its row.
std::string code_row_page(std::string_view word) {
  std::uint16_t number = 0;
  for (const char c : word.substr(3)) {
    number = static_cast<std::uint16_t>(number * 10 + (c - '0'));
  }
  const scan::CodeRow* row = scan::find_code(number);
  if (row == nullptr) return {};
  return render::code_text(number) + ": " + std::string(row->title) + "\n\n" + "severity  " +
         to_string(row->severity) + "\nverdict   " + to_string(row->verdict) + "\n";
}

}  // namespace

const CommandSpec kHelpSpec = {
    "help", "[CODE|TOPIC|COMMAND]", "what a finding, a topic or a command means", kExamples, {},
    {}};

Result<int> run_help(const Arguments& arguments, Console& console) {
  if (arguments.operands().empty()) {
    console.out(overview());
    console.out("\n" + index_page(console.style()));
    return kExitOk;
  }
  for (const std::string& word : arguments.operands()) {
    if (word == "limits") {
      console.out(limits_page());
      continue;
    }
    const std::span<const Command> commands = all_commands();
    const auto command = std::find_if(commands.begin(), commands.end(),
                                      [&](const Command& c) { return c.spec->name == word; });
    if (command != commands.end()) {
      console.out(help_text(*command->spec));
      const std::string_view page = render::page(word);
      if (!page.empty()) console.out("\n" + render::page_text(page, console.style()));
    } else if (const std::string_view page = render::page(word); !page.empty()) {
      console.out(render::page_text(page, console.style()));
    } else if (const std::string row = is_code(word) ? code_row_page(word) : ""; !row.empty()) {
      console.out(row);
    } else {
      std::vector<std::string_view> names = render::page_names();
      names.push_back("limits");
      for (const Command& c : commands) names.push_back(c.spec->name);
      return fail(usage_error(word + ": no such page" + suggestion(word, names)));
    }
  }
  return kExitOk;
}

}  // namespace brine::cli
