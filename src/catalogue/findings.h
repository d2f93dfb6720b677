// Findings: the codes that the catalogue gives, and the words for each capability.
//
// docs/findings/ has a page for each code. Codes are stable: they are never given a new meaning.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pickle/trace.h"

namespace brine::catalogue {

enum class Code : std::uint16_t {
  unknown_used = 120,       // a class or callable without facts is called or constructed
  unknown_module = 121,     // a module without facts is imported
  unknown_name = 122,       // a module with facts has no fact for this name
  danger_referenced = 123,  // something dangerous is imported, not called
  contract_broken = 124,    // known and inert, but not with these arguments
  foreign_changed = 125,    // something that the stream did not build is changed
  danger_left = 126,        // something dangerous is part of the result
  put_together = 128,       // text or bytes are computed by the stream
  unknown_state = 127,      // state or items go into an object of unknown code
  shadowed = 130,           // the module's place is taken by a file beside the model
  carries_code = 132,       // a code object or a function is rebuilt from the stream
  parsed_natively = 133,    // a library's native code parses a part of the state; inert
  process = 201,
  run_code = 202,
  network = 203,
  write = 204,
  remove = 205,
  native = 206,
  import = 207,
  unpickle = 208,
  reach = 209,
  read = 210,
  environment = 211,
  global_state = 212,
  exit = 213,
};

// Capabilities whose exercise makes a file malicious.
inline constexpr pickle::Capabilities kHarm = pickle::kRunCode | pickle::kProcess |
                                              pickle::kNetwork | pickle::kWrite | pickle::kDelete |
                                              pickle::kNative;

struct CapabilityWords {
  pickle::Capability capability;
  Code code;
  std::string_view phrase;    // "starts a process"
  std::string_view evidence;  // what a text among the arguments is called
};
// The row of the gravest capability among `caps`; a neutral one for none.
const CapabilityWords& gravest(pickle::Capabilities caps);

pickle::Judgement suspicious(Code code, std::string what, std::string callable = {},
                             pickle::Capabilities caps = 0);

}  // namespace brine::catalogue
