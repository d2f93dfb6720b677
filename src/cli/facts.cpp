// brine facts: what the catalogue knows of a callable, class or module, and why.

#include <string>

#include "catalogue/blob.h"
#include "cli/commands.h"
#include "cli/settings.h"
#include "render/facts.h"

namespace brine::cli {
namespace {

constexpr Example kExamples[] = {
    {"brine facts os.system", "a callable"},
    {"brine facts collections.OrderedDict", "a class: which arguments keep it inert"},
    {"brine facts torch.storage", "a module: what importing it does"},
};

constexpr OptionSpec kOptions[] = {
    {"color", '\0', "WHEN", "auto, always or never"},
};

constexpr std::string_view kNotes = "Exit status: 0 when it could print, else 2.";

}  // namespace

const CommandSpec kFactsSpec = {"facts",   "NAME...", "what is known of a name, and why",
                                kExamples, kOptions,  kNotes};

Result<int> run_facts(const Arguments& arguments, Console& console) {
  BRINE_CHECK_STATUS(colour_of(arguments, console));
  if (arguments.operands().empty()) {
    return fail(usage_error("no name: give one with dots, such as os.system"));
  }
  bool first = true;
  for (const std::string& name : arguments.operands()) {
    if (!first) console.out("\n");
    first = false;
    console.out(render::facts_text(catalogue::Blob::embedded(), name, console.style()));
  }
  return kExitOk;
}

}  // namespace brine::cli
