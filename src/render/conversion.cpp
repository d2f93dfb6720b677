#include "render/conversion.h"

#include <algorithm>

#include "base/escape.h"
#include "base/json_writer.h"

namespace brine::render {
namespace {

using convert::Outcome;

constexpr std::size_t kShown = 4;  // names of a list on a screen
constexpr std::string_view kArrow = "\xe2\x86\x92";
constexpr std::string_view kIndent = "          ";

Ink ink_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::exact: return Ink::green;
    case Outcome::disarmed:
    case Outcome::partial: return Ink::yellow;
    case Outcome::refused: return Ink::red;
  }
  return Ink::red;
}

// "a, b, c and 12 more".
std::string names_text(std::span<const std::string> names) {
  std::string out;
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i) {
    if (i != 0) out += ", ";
    out += cut_middle(escape_text(names[i]), 60);
  }
  if (names.size() > kShown) out += " and " + count_text(names.size() - kShown) + " more";
  return out;
}

// "3 tensors", of a disarmed file also "plain values".
std::string count_of(const Converted& done) {
  const std::size_t tensors = done.conversion.entries.size();
  if (done.disarmed && tensors == 0) return "plain values";
  return plural(tensors, "tensor", "tensors") + (done.disarmed ? " and plain values" : "");
}

std::string kind_of(const convert::Disarmed& disarmed) {
  using convert::Container;
  switch (disarmed.container) {
    case Container::torch: return "a torch file";
    case Container::pickle:
      return disarmed.codec ? "a pickle in " + std::string(codec::to_string(*disarmed.codec))
                            : "a plain pickle";
    case Container::npy: return "a .npy file";
    case Container::npz: return "a .npz archive";
    case Container::zip: return "a pickle in zip";
  }
  return {};
}

// "argparse.Namespace, slice (3) and 2 more".
std::string replaced_text(const std::map<std::string, std::uint64_t>& replaced) {
  std::vector<std::string> names;
  for (const auto& [what, count] : replaced) {
    names.push_back(what + (count == 1 ? "" : " (" + count_text(count) + ")"));
  }
  return names_text(names);
}

std::string promise_of(const Converted& done) {
  const convert::Conversion& conversion = done.conversion;
  std::string count = count_of(done);
  switch (conversion.outcome) {
    case Outcome::exact: return count + ", bit for bit what " + conversion.loader + " gives";
    case Outcome::disarmed: return count + ", as they are stored; nothing in the file was run";
    case Outcome::partial: return count + " could be saved";
    case Outcome::refused: return escape_text(conversion.reason);
  }
  return count;
}

}  // namespace

std::string conversion_text(const Converted& done, const Style& style, bool extras_offered) {
  const convert::Conversion& conversion = done.conversion;
  std::string out = escape_text(done.path);
  if (!done.output.empty()) {
    out += " " + std::string(kArrow) + " " + escape_text(done.output) + "   " +
           size_text(done.bytes) + " in " + time_text(done.seconds);
  }
  out += '\n';
  const std::string word(to_string(conversion.outcome));
  out += style.ink(ink_of(conversion.outcome), word) +
         std::string(kIndent.size() - word.size(), ' ') + promise_of(done);
  if (done.verified) out += "; read back and compared";
  out += '\n';
  const auto line = [&](const std::string& text) { out += std::string(kIndent) + text + "\n"; };
  if (conversion.outcome == Outcome::disarmed || conversion.outcome == Outcome::partial) {
    if (conversion.cut.empty()) line("because  " + escape_text(conversion.reason));
    if (conversion.outcome == Outcome::partial && !conversion.cut.empty()) {
      line("because  " + escape_text(conversion.reason));
    }
  }
  for (std::size_t i = 0; i < std::min(conversion.cut.size(), kShown); ++i) {
    const Finding& finding = conversion.cut[i];
    line("cut      " + code_text(finding.code) + " " + escape_text(cut_end(finding.title, 160)));
    line("         at " + place_text(base_name(done.path), finding.member,
                                     finding.offset ? &*finding.offset : nullptr, finding.opcode));
  }
  if (conversion.cut.size() > kShown) {
    line("         and " + count_text(conversion.cut.size() - kShown) +
         " more: brine scan lists them");
  }
  if (!conversion.missing.empty()) line("missing  " + names_text(conversion.missing));
  if (!conversion.aliases.empty()) {
    const auto& [removed, kept] = conversion.aliases.front();
    line("shared   " + plural(conversion.aliases.size(), "name", "names") + " (" +
         escape_text(removed) + " = " + escape_text(kept) +
         (conversion.aliases.size() > 1 ? ", ...)" : ")"));
  }
  if (!conversion.left_out.empty()) {
    line("left out " + names_text(conversion.left_out) + ": in no state_dict");
  }
  if (extras_offered && !conversion.other.empty() && !done.output.empty()) {
    line("not tensors: " + names_text(conversion.other) + "  " + std::string(kArrow) +
         "  --extras writes them");
  }
  if (!conversion.replaced.empty() && !done.output.empty()) {
    line("as data  " + replaced_text(conversion.replaced));
  }
  if (done.disarmed && !done.output.empty()) line("written  " + kind_of(conversion.disarmed));
  if (!done.extras.empty()) line("extras   " + escape_text(done.extras));
  return out;
}

std::string conversions_json(std::span<const Converted> files) {
  std::string out;
  JsonWriter json(out, true);
  json.begin_object();
  json.field("schema", "brine.convert/1");
  json.key("files");
  json.begin_array();
  for (const Converted& done : files) {
    const convert::Conversion& conversion = done.conversion;
    json.begin_object();
    json.field("path", path_text(done.path));
    json.field("verdict", to_string(conversion.outcome));
    json.field_or_null("output", path_text(done.output));
    json.field("tensors", std::uint64_t{done.output.empty() ? 0 : conversion.entries.size()});
    json.key("aliases");
    json.begin_object();
    for (const auto& [removed, kept] : conversion.aliases) {
      std::string quoted;
      append_json_string(quoted, removed);
      json.field(std::string_view(quoted).substr(1, quoted.size() - 2), kept);
    }
    json.end_object();
    json.key("cut");
    json.begin_array();
    for (const Finding& finding : conversion.cut) {
      json.begin_object();
      json.field("code", code_text(finding.code));
      json.field("title", finding.title);
      json.field("member", std::span(finding.member));
      json.field("offset", finding.offset);
      json.field_or_null("callable", finding.callable);
      json.end_object();
    }
    json.end_array();
    json.field("missing", std::span(conversion.missing));
    json.field("left_out", std::span(conversion.left_out));
    const bool written = done.disarmed && !done.output.empty();
    json.field_or_null("container",
                       written ? to_string(conversion.disarmed.container) : std::string_view());
    json.field_or_null("compression", written && conversion.disarmed.codec
                                          ? codec::to_string(*conversion.disarmed.codec)
                                          : std::string_view());
    json.key("replaced");
    json.begin_object();
    for (const auto& [what, count] : conversion.replaced) {
      std::string quoted;
      append_json_string(quoted, what);
      json.field(std::string_view(quoted).substr(1, quoted.size() - 2), count);
    }
    json.end_object();
    json.field_or_null("reason", conversion.reason);
    json.field_or_null("loader", conversion.loader);
    json.field_or_null("extras", path_text(done.extras));
    json.key("verified");
    json.boolean(done.verified);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return out + "\n";
}

}  // namespace brine::render
