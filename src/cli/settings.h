// Settings: what the options that several commands share come to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/limits.h"
#include "base/result.h"
#include "cli/options.h"
#include "scan/policy.h"

namespace brine::cli {

// "NAME=VALUE,NAME=VALUE"; values may end in k, M or G (powers of 1024).
Status set_limits(std::string_view text, Limits& limits);

Result<Limits> limits_of(const Arguments& arguments);

// --policy, else the policy of the person's configuration folder if there is one; then --trust.
// Never from the current directory or the scanned tree.
Result<scan::Policy> policy_of(const Arguments& arguments);

// --jobs, else the cores; at least 1.
Result<std::size_t> jobs_of(const Arguments& arguments);

// Sets the console's colours from --color.
Status colour_of(const Arguments& arguments, class Console& console);

}  // namespace brine::cli
