// Options: the words of the command line, by tables.
//
// Each command states its options, examples and operands in one CommandSpec; parser, `--help` and
// the suggestion for a mistyped word all read it. Options may stand anywhere; `--` ends them; `-`
// alone is an operand.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace brine::cli {

struct OptionSpec {
  std::string_view name;         // "format", without dashes
  char letter = '\0';            // 'q', or none
  std::string_view value;        // what the help calls its value; empty: a switch
  std::string_view help;
};

struct Example {
  std::string_view command, meaning;
};

struct CommandSpec {
  std::string_view name;
  std::string_view operands;     // "PATH..."
  std::string_view purpose;      // one sentence
  std::span<const Example> examples;
  std::span<const OptionSpec> options;
  std::string_view notes;        // below the options; may be empty
};

class Arguments {
 public:
  bool has(std::string_view option) const;
  // The last value given, or `fallback`.
  std::string_view value(std::string_view option, std::string_view fallback = {}) const;
  std::vector<std::string_view> values(std::string_view option) const;
  const std::vector<std::string>& operands() const { return operands_; }

 private:
  friend Result<Arguments> parse_arguments(const CommandSpec&, std::span<char* const>);
  std::vector<std::pair<std::string_view, std::string>> options_;
  std::vector<std::string> operands_;
};

// `--help` and `-h` are known to every command.
Result<Arguments> parse_arguments(const CommandSpec& command, std::span<char* const> words);

std::string help_text(const CommandSpec& command);

// The candidate that is most like `word`, or empty when none is near.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);
// ": did you mean X?", or empty.
std::string suggestion(std::string_view word, std::span<const std::string_view> candidates,
                       std::string_view prefix = {});

// One of a closed list of words: its index, or a usage error that lists them.
Result<std::size_t> choose(std::string_view option, std::string_view word,
                           std::span<const std::string_view> words);

Error usage_error(std::string what);

}  // namespace brine::cli
