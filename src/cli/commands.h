// Commands: one row of the program's table of contents for each subcommand.
#pragma once

#include <span>

#include "cli/console.h"
#include "cli/options.h"

namespace brine::cli {

struct Command {
  const CommandSpec* spec;
  // The exit status, or why the words make no sense.
  Result<int> (*run)(const Arguments& arguments, Console& console);
};

extern const CommandSpec kScanSpec, kConvertSpec, kDisarmSpec, kExplainSpec, kInspectSpec,
    kFactsSpec, kHelpSpec;

Result<int> run_scan(const Arguments& arguments, Console& console);
Result<int> run_convert(const Arguments& arguments, Console& console);
Result<int> run_disarm(const Arguments& arguments, Console& console);
Result<int> run_explain(const Arguments& arguments, Console& console);
Result<int> run_inspect(const Arguments& arguments, Console& console);
Result<int> run_facts(const Arguments& arguments, Console& console);
Result<int> run_help(const Arguments& arguments, Console& console);

// In the order of the help.
std::span<const Command> all_commands();
// What `brine` alone prints.
std::string overview();

}  // namespace brine::cli
