#include "render/pages.h"

#include <algorithm>

extern "C" {
extern const char brine_pages[];
extern const char brine_pages_end[];
}

namespace brine::render {
namespace {

constexpr char kMark = '\x01';
constexpr std::size_t kReadingWidth = 80;

struct Page {
  std::string_view name, text;
};

// Takes the next page off `joined`; false at the end.
bool next_page(std::string_view& joined, Page& out) {
  if (joined.empty()) return false;
  const std::size_t end = std::min(joined.find(kMark, 1), joined.size());
  const std::string_view whole = joined.substr(1, end - 1);
  joined.remove_prefix(end);
  const std::size_t line = std::min(whole.find('\n'), whole.size());
  out.name = whole.substr(0, line);
  out.text = whole.substr(std::min(line + 1, whole.size()));
  return true;
}

std::string_view all_pages() {
  return {brine_pages, static_cast<std::size_t>(brine_pages_end - brine_pages)};
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

// Emphasis and code marks are for other renderers.
std::string without_marks(std::string_view line) {
  std::string out;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '`' || line.substr(i, 2) == "**") {
      i += line[i] == '`' ? 0 : 1;
      continue;
    }
    out += line[i];
  }
  return out;
}

// Where a list item's text begins, so that its next lines stand below it.
std::size_t hanging_indent(std::string_view line) {
  std::size_t at = line.find_first_not_of(' ');
  if (at == std::string_view::npos) return 0;
  if (line.substr(at, 2) == "- " || line.substr(at, 2) == "* ") return at + 2;
  const std::size_t digits = line.find_first_not_of("0123456789", at);
  if (digits != at && digits != std::string_view::npos && line.substr(digits, 2) == ". ") {
    return digits + 2;
  }
  return at;
}

}  // namespace

std::string_view page(std::string_view name) {
  std::string_view joined = all_pages();
  for (Page one; next_page(joined, one);) {
    if (same_word(one.name, name)) return one.text;
  }
  return {};
}

std::vector<std::string_view> page_names() {
  std::vector<std::string_view> names;
  std::string_view joined = all_pages();
  for (Page one; next_page(joined, one);) names.push_back(one.name);
  return names;
}

std::string_view page_title(std::string_view markdown) {
  std::string_view line = markdown.substr(0, markdown.find('\n'));
  while (line.starts_with('#') || line.starts_with(' ')) line.remove_prefix(1);
  return line;
}

std::string page_text(std::string_view markdown, const Style& style) {
  const std::size_t width =
      style.width == 0 ? kReadingWidth : std::min<std::size_t>(style.width, 100);
  std::string out;
  std::string paragraph;
  std::size_t indent = 0;
  const auto flush = [&] {
    if (paragraph.empty()) return;
    const std::vector<std::string> lines = wrap(paragraph, width - indent);
    out += lines[0] + "\n";
    for (std::size_t i = 1; i < lines.size(); ++i) out.append(indent, ' ').append(lines[i]) += '\n';
    paragraph.clear();
  };
  bool fenced = false;
  while (!markdown.empty()) {
    const std::size_t end = std::min(markdown.find('\n'), markdown.size());
    const std::string_view line = markdown.substr(0, end);
    markdown.remove_prefix(std::min(end + 1, markdown.size()));
    if (line.starts_with("```")) {
      flush();
      fenced = !fenced;
    } else if (fenced) {
      out.append("    ").append(line) += '\n';
    } else if (line.starts_with('#')) {
      flush();
      out += style.ink(Ink::bold, without_marks(page_title(line))) + "\n";
    } else if (line.find_first_not_of(' ') == std::string_view::npos) {
      flush();
      out += '\n';
    } else if (line.starts_with('|')) {
      flush();
      out += without_marks(line) + "\n";
    } else {
      const std::size_t text = line.find_first_not_of(' ');
      const std::size_t hang = hanging_indent(line);
      if (hang != text || paragraph.empty()) {
        flush();
        indent = hang;
        paragraph = without_marks(line);
      } else {
        paragraph += " " + without_marks(line.substr(text));
      }
    }
  }
  flush();
  return out;
}

}  // namespace brine::render
