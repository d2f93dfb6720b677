#include <array>
#include <string>
#include <string_view>

#include "generator.h"

namespace brine::differential {

using namespace std::string_view_literals;

namespace {

constexpr std::array kWords = {
    "("sv,
    "0"sv,
    "1"sv,
    "2"sv,
    "N"sv,
    "K\x01"sv,
    "I01\n"sv,
    "F1\n"sv,
    "U\x01x"sv,
    "X\x01\0\0\0k"sv,
    "C\x01z"sv,
    "]"sv,
    "}"sv,
    ")"sv,
    "\x8f"sv,
    "l"sv,
    "d"sv,
    "t"sv,
    "\x91"sv,
    "\x85"sv,
    "\x86"sv,
    "\x87"sv,
    "a"sv,
    "e"sv,
    "s"sv,
    "u"sv,
    "\x90"sv,
    "b"sv,
    "R"sv,
    "\x81"sv,
    "\x92"sv,
    "o"sv,
    "ia\nB\n"sv,
    "ca\nB\n"sv,
    "\x93"sv,
    "q\0"sv,
    "h\0"sv,
    "\x94"sv,
    "p1\n"sv,
    "g1\n"sv,
    "P1\n"sv,
    "Q"sv,
    "\x80\x04"sv,
    "\x95\x02\0\0\0\0\0\0\0"sv,
    "\x96\x01\0\0\0\0\0\0\0y"sv,
    "\x97"sv,
    "\x98"sv,
    "."sv,
};
// What stands before and behind, so that three words meet a stack worth working on.
constexpr std::array kPrefixes = {
    ""sv, "ca\nB\n"sv, "ca\nB\n)R"sv, "]"sv, "}X\x01\0\0\0k"sv, "\x8f("sv, "ca\nB\n(K\x02"sv};

}  // namespace

std::uint64_t small_program_count() {
  std::uint64_t n = kWords.size();
  return kPrefixes.size() * (1 + n + n * n) + n * n * n;
}

bool small_program(std::uint64_t index, std::string& out) {
  out.clear();
  std::uint64_t n = kWords.size();
  std::uint64_t cubes = n * n * n;
  if (index < cubes) {
    out.append(kWords[index / (n * n)]).append(kWords[index / n % n]).append(kWords[index % n]);
  } else {
    index -= cubes;
    std::uint64_t per_prefix = 1 + n + n * n;
    if (index / per_prefix >= kPrefixes.size()) return false;
    out.append(kPrefixes[index / per_prefix]);
    index %= per_prefix;
    if (index > n) {
      out.append(kWords[(index - 1 - n) / n]).append(kWords[(index - 1 - n) % n]);
    } else if (index > 0) {
      out.append(kWords[index - 1]);
    }
  }
  out.push_back('.');
  return true;
}

}  // namespace brine::differential
