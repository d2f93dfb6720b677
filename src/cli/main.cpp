// brine: the table of contents. Each command lives in its own file; nothing is done here.

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string_view>
#include <vector>

#include "cli/commands.h"
#include "cli/memory.h"
#include "cli/signals.h"

namespace brine::cli {
namespace {

constexpr Command kCommands[] = {
    {&kScanSpec, run_scan},        // verdicts
    {&kConvertSpec, run_convert},  // the weights as safetensors
    {&kDisarmSpec, run_disarm},  // a torch file without code
    {&kExplainSpec, run_explain},  // the Python that a file stands for
    {&kInspectSpec, run_inspect},  // members, readings, opcodes, the trace for machines
    {&kFactsSpec, run_facts},      // what is known of a name
    {&kHelpSpec, run_help},        // pages of findings and topics
};

int usage(Console& console, std::string_view place, const Error& error) {
  console.error(place, error.what);
  console.hint("try: brine " + (place.empty() ? "" : std::string(place) + " ") + "--help");
  return kExitError;
}

int run(std::span<char* const> words, Console& console) {
  if (words.empty()) {
    console.out(overview());
    return kExitOk;
  }
  const std::string_view word = words[0];
  if (word == "--version" || word == "-V") {
    console.out("brine " BRINE_VERSION "\n");
    return kExitOk;
  }
  if (word == "--help" || word == "-h") {
    console.out(overview());
    return kExitOk;
  }
  const auto command = std::find_if(std::begin(kCommands), std::end(kCommands),
                                    [word](const Command& c) { return c.spec->name == word; });
  if (command == std::end(kCommands)) {
    std::vector<std::string_view> names;
    for (const Command& c : kCommands) names.push_back(c.spec->name);
    const std::string kind = word.starts_with('-') ? "unknown option" : "unknown command";
    return usage(console, {},
                 usage_error(std::string(word) + ": " + kind + suggestion(word, names)));
  }
  const Result<Arguments> arguments = parse_arguments(*command->spec, words.subspan(1));
  if (!arguments) return usage(console, command->spec->name, arguments.error());
  if (arguments->has("help")) {
    console.out(help_text(*command->spec));
    return kExitOk;
  }
  const Result<int> status = command->run(*arguments, console);
  return status ? *status : usage(console, command->spec->name, status.error());
}

}  // namespace

std::span<const Command> all_commands() { return kCommands; }

std::string overview() {
  std::string out =
      "brine tells what a model file would do, before anything loads it\n\n"
      "  brine scan downloads/          a verdict for every file\n"
      "  brine convert model.pt         the weights as safetensors; nothing is run\n"
      "  brine disarm model.pt          the same kind of file, without its code\n"
      "  brine explain model.pt         the file as the Python that it stands for\n"
      "  brine inspect model.pt         members, who would read what, opcodes\n"
      "  brine facts os.system          what is known of a name, and why\n"
      "  brine help BRN201              what a finding means; brine help lists the topics\n\n"
      "usage: brine COMMAND [options] ...; brine COMMAND --help; brine --version\n";
  return out;
}

}  // namespace brine::cli

int main(int argc, char** argv) {
  using namespace brine::cli;
  ignore_closed_pipes();
  return_memory_early();
  Console console;
  try {
    return console.finish(run(std::span<char* const>(argv + 1, argv + std::max(argc, 1)), console));
  } catch (const std::exception& error) {
    // Memory ran out, or a defect of ours; what was printed so far stays.
    console.error({}, std::string("cannot go on: ") + error.what());
    return console.finish(kExitError);
  }
}
