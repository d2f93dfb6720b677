// What a file's name promises, as a table of endings.
//
// Names decide two things only: whether a loader exists that goes by the name, and whether a file
// that nothing opens is a model that could not be read (incomplete) or none at all (unrecognized).
// They never make anything clean.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace brine::format {

enum class Promise : std::uint8_t {
  nothing,  // no model is promised
  model,    // a model: not to open it is a finding
  data,     // a model in a format that executes nothing: what executes under this name is a lie
  pickle,   // a model that somebody unpickles: `N.` and junk are read as pickles too
};

struct NameRow {
  std::string_view ending;  // lower case, compared with the end of the lower-cased name
  Promise promise;
  std::string_view expected;  // who opens such files, in words
};

std::string ascii_lower(std::string_view text);
std::span<const NameRow> name_rows();
// The longest row that matches, or nullptr.
const NameRow* find_name(std::string_view lower_name);
Promise promise_of(std::string_view lower_name);

}  // namespace brine::format
