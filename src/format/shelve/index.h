// The index of a shelf that dbm.dumb keeps: a line of Python literals for each record.
//
// Problem: dbm.dumb hands each line of its .dir file to ast.literal_eval and goes by what comes
// out: a key, and where its record lies in the .dat file. Method: a strict grammar of what dbm.dumb
// writes, 'key', (position, size). Facts: Lib/dbm/dumb.py of CPython 3.8 to 3.13. Invariant: what
// the grammar does not know is said to be unknown, never guessed; literal_eval knows more
// spellings.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace brine::format::shelve {

struct Record {
  std::string key;  // Latin-1
  std::uint64_t position = 0, size = 0;
};

// Nothing when a line is not of the grammar, or there are more than `most`.
std::optional<std::vector<Record>> parse_index(std::string_view text, std::uint64_t most);

}  // namespace brine::format::shelve
