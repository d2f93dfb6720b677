// Evidence: what a call's arguments say it would do, pulled out and named.
//
// The command of a process, the source of code, the path of a file, URLs and addresses (also inside
// command lines). The text is raw; renderers escape and cut it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catalogue/evaluate.h"
#include "pickle/trace.h"

namespace brine::catalogue {

// Adds evidence for a call with these arguments and capabilities.
void add_evidence(Evaluator& evaluator, pickle::Capabilities caps, std::span<const Thing> args,
                  std::vector<pickle::Evidence>& out);
// The arguments of types.CodeType, of any Python version: the code's name, the names that it uses,
// its constants, and the addresses among these.
void add_code_evidence(Evaluator& evaluator, std::span<const Thing> args,
                       std::vector<pickle::Evidence>& out);
// The arguments as Python would write them, cut at `limit` bytes.
std::string render_arguments(Evaluator& evaluator, std::span<const Thing> args, std::size_t limit);
// URLs, and addresses as they stand in shell commands (/dev/tcp/HOST/PORT, nc HOST PORT).
void find_addresses(std::string_view text, std::vector<pickle::Evidence>& out);

}  // namespace brine::catalogue
