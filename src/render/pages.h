// Pages: the documents inside the program, for `brine help`.
//
// cmake/Pages.cmake joins docs/findings/*.md and docs/help/*.md into one text; a page is found by
// its file's name ("BRN201", "verdicts"). Nothing is parsed until somebody asks.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "render/style.h"

namespace brine::render {

// The page's Markdown; empty when there is none of this name (case does not matter).
std::string_view page(std::string_view name);
std::vector<std::string_view> page_names();
// The first line without its "# ".
std::string_view page_title(std::string_view markdown);

// Markdown as a terminal shows it: headings bold, code marks taken off, lines wrapped.
std::string page_text(std::string_view markdown, const Style& style);

}  // namespace brine::render
