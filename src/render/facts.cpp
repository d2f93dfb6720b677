#include "render/facts.h"

#include <algorithm>
#include <vector>

#include "base/escape.h"
#include "catalogue/contract.h"
#include "pickle/trace.h"

namespace brine::render {
namespace {

using catalogue::Blob;
using catalogue::ClassFact;
using catalogue::ContractOp;
using catalogue::Fact;
using catalogue::FactKind;
using catalogue::Rank;

constexpr int kDeepestPattern = 32;  // the compiler's patterns are flatter
constexpr std::size_t kLabel = 14;
constexpr std::size_t kReadingWidth = 96;
constexpr std::uint32_t kOptional = 1;
constexpr std::uint32_t kRepeat = 2;
constexpr std::string_view kContainers[] = {"tuple", "list", "set", "frozenset"};

// Walks the words of one contract. catalogue/contract.h matches what this spells.
class Speller {
 public:
  explicit Speller(const Blob& blob) : blob_(blob) {}

  std::string spell(std::uint32_t word, int depth = 0) const {
    if (depth > kDeepestPattern) return "...";
    const std::uint32_t head = blob_.word(word);
    const std::uint32_t parts = head >> 8;
    const std::uint32_t body = word + 2;
    switch (static_cast<ContractOp>(head & 0xff)) {
      case ContractOp::any: return "anything";
      case ContractOp::none: return "None";
      case ContractOp::boolean: return "bool";
      case ContractOp::integer: return "int";
      case ContractOp::floating: return "float";
      case ContractOp::str: return "str";
      case ContractOp::bytes: return "bytes";
      case ContractOp::bytearray: return "bytearray";
      case ContractOp::plain: return "plain data";
      case ContractOp::hashable: return "a plain key";
      case ContractOp::range:
        return "int from " + std::to_string(wide(body)) + " to " + std::to_string(wide(body + 2));
      case ContractOp::text: return python_str(text(body));
      case ContractOp::octets: return python_bytes(text(body));
      case ContractOp::chars: return "str of " + python_str(text(body));
      case ContractOp::attrs: return attributes(body, parts);
      case ContractOp::alternatives: return alternatives(body, parts, depth);
      case ContractOp::sequence: return sequence(body, parts, depth);
      case ContractOp::collection:
        return containers(blob_.word(body)) + " of " + spell(body + 1, depth + 1);
      case ContractOp::mapping:
        return "dict of " + spell(body, depth + 1) + " to " +
               spell(body + blob_.word(body + 1), depth + 1);
      case ContractOp::ref: return "the name " + names(body, parts, false);
      case ContractOp::class_ref: return "a class with inert facts";
      case ContractOp::inert_ref: return "a name with inert facts";
      case ContractOp::object: return "object of " + names(body, parts, true);
      case ContractOp::empty: return "empty object of " + names(body, parts, true);
      case ContractOp::storage: return "torch storage";
      case ContractOp::fields: return fields(body, parts, depth);
      case ContractOp::both: return pair(body, " that is also ", depth);
      case ContractOp::made:
        return "object of " + names(body, 1, true) + " made with " + spell(body + 1, depth + 1);
      case ContractOp::built:
        return "object of " + names(body, 1, true) + " with the state " +
               spell(body + 1, depth + 1);
      case ContractOp::filled:
        return names(body, 1, true) + " holding " + pair(body + 1, " to ", depth);
      case ContractOp::when: return "(for " + pair(body, ") ", depth);
      case ContractOp::cells: return "a list of as many items as its shape says";
      case ContractOp::first: return "the first that it is given";
      case ContractOp::stated: return "one that was given a state";
      case ContractOp::record: return "a type whose parts lie within it";
      case ContractOp::attribute: return "an attribute name";
      case ContractOp::kdtree: return "nodes that are one tree";
      case ContractOp::codes: return "codes that have their categories";
      case ContractOp::placed: return "blocks that have the places of the axis";
      case ContractOp::elements: return "array of " + elements(body, parts);
      case ContractOp::small: return "a type whose items are small";
      case ContractOp::weighed: return "an array whose items have bytes";
      case ContractOp::backed: return "a tensor no larger than its storage";
      case ContractOp::at_most: return at_most(body, parts);
      case ContractOp::regex: return "a regular expression of short work";
    }
    return "?";
  }

 private:
  std::string_view text(std::uint32_t word) const { return blob_.text(blob_.word(word)); }

  std::int64_t wide(std::uint32_t word) const {
    return static_cast<std::int64_t>(blob_.word(word) |
                                     static_cast<std::uint64_t>(blob_.word(word + 1)) << 32);
  }

  std::string elements(std::uint32_t body, std::uint32_t parts) const {
    std::string out;
    for (std::uint32_t i = 0; i < parts; ++i) {
      out += (i == 0 ? "" : " or ") + std::string(text(body + i));
    }
    return out;
  }

  std::string at_most(std::uint32_t body, std::uint32_t parts) const {
    constexpr std::string_view kOf[] = {"bytes of at most ", "str of at most ", "int of at most "};
    return std::string(kOf[std::min<std::uint32_t>(parts, 2)]) + std::to_string(blob_.word(body)) +
           (parts == 2 ? " bits" : "");
  }

  std::string attributes(std::uint32_t body, std::uint32_t parts) const {
    std::string out = "dict of plain attribute names";
    for (std::uint32_t i = 0; i < parts; ++i) {
      out += (i == 0 ? ", not " : ", ") + python_str(text(body + i));
    }
    return out;
  }

  std::string fields(std::uint32_t body, std::uint32_t parts, int depth) const {
    std::string forbidden;
    std::string typed;
    for (std::uint32_t i = 0; i < parts; ++i) {
      const std::uint32_t child = body + 1;
      const bool never =
          static_cast<ContractOp>(blob_.word(child) & 0xff) == ContractOp::alternatives &&
          blob_.word(child) >> 8 == 0;
      std::string& out = never ? forbidden : typed;
      if (!out.empty()) out += ", ";
      out += python_str(text(body));
      if (!never) out += ": " + spell(child, depth + 1);
      body = child + blob_.word(child + 1);
    }
    return "dict of plain attribute names" + (forbidden.empty() ? "" : ", not " + forbidden) +
           ", with {" + typed + "}";
  }

  std::string pair(std::uint32_t body, std::string_view between, int depth) const {
    return spell(body, depth + 1) + std::string(between) +
           spell(body + blob_.word(body + 1), depth + 1);
  }

  std::string alternatives(std::uint32_t body, std::uint32_t parts, int depth) const {
    std::string out;
    for (std::uint32_t i = 0; i < parts; ++i) {
      if (i != 0) out += " or ";
      out += spell(body, depth + 1);
      body += blob_.word(body + 1);
    }
    return out;
  }

  std::string sequence(std::uint32_t body, std::uint32_t parts, int depth) const {
    const std::uint32_t mask = blob_.word(body++);
    std::string out = mask == 2 ? "[" : "(";
    for (std::uint32_t i = 0; i < parts; ++i) {
      const std::uint32_t modifier = blob_.word(body++);
      if (i != 0) out += ", ";
      out += spell(body, depth + 1);
      if (modifier == kOptional) out += "?";
      if (modifier == kRepeat) out += " ...";
      body += blob_.word(body + 1);
    }
    return out + (mask == 2 ? "]" : ")");
  }

  static std::string containers(std::uint32_t mask) {
    std::string out;
    for (std::uint32_t i = 0; i < 4; ++i) {
      if ((mask >> i & 1u) == 0) continue;
      if (!out.empty()) out += " or ";
      out += kContainers[i];
    }
    return out;
  }

  std::string names(std::uint32_t body, std::uint32_t parts, bool classes) const {
    std::string out;
    for (std::uint32_t i = 0; i < parts; ++i) {
      const std::uint32_t word = blob_.word(body + i);
      if (i != 0) out += i + 1 == parts ? " or " : ", ";
      out += blob_.dotted(classes ? blob_.type(word).name : word);
    }
    return out;
  }

  const Blob& blob_;
};

// The fact's name among the splits of a dotted name into module and qualified name, the longest
// module first; a module itself comes before a name in its parent.
Rank find(const Blob& blob, std::string_view dotted) {
  if (const std::size_t colon = dotted.find(':'); colon != std::string_view::npos) {
    return blob.find_name(dotted.substr(0, colon), dotted.substr(colon + 1));
  }
  for (std::size_t dot = dotted.rfind('.'); dot != std::string_view::npos && dot != 0;
       dot = dotted.rfind('.', dot - 1)) {
    const Rank rank = blob.find_name(dotted.substr(0, dot), dotted.substr(dot + 1));
    if (rank != catalogue::kNoRank) return rank;
  }
  if (const Rank rank = blob.find_module(dotted); rank != catalogue::kNoRank) return rank;
  return blob.find_name("builtins", dotted);
}

std::string capability_text(pickle::Capabilities caps) {
  std::string out;
  for (const std::string_view name : pickle::capability_names(caps)) {
    if (!out.empty()) out += ", ";
    out += name;
  }
  return out;
}

std::string_view kind_word(FactKind kind) {
  switch (kind) {
    case FactKind::module: return "module";
    case FactKind::callable: return "callable";
    case FactKind::type: return "class";
    case FactKind::constant: return "constant";
  }
  return "?";
}

class Sheet {
 public:
  Sheet(const Blob& blob, const Style& style) : blob_(blob), style_(style) {}

  void title(std::string_view name, std::string_view words, Ink ink) {
    out_ += style_.ink(Ink::bold, name) + ": " + style_.ink(ink, words) + "\n";
  }
  void row(std::string_view label, std::string_view text) {
    const std::size_t width = style_.width == 0 ? kReadingWidth : style_.width;
    bool first = true;
    for (const std::string& line : wrap(text, width - kLabel)) {
      const std::string left = "  " + std::string(first ? label : "");
      out_ += left + std::string(kLabel - left.size(), ' ') + line + "\n";
      first = false;
    }
  }
  void contract(std::string_view label, std::uint32_t word, std::string_view otherwise) {
    if (word == 0) {
      row(label, otherwise);
    } else {
      row(label, "inert with " + contract_text(blob_, word));
    }
  }
  std::string take() { return std::move(out_); }

 private:
  const Blob& blob_;
  const Style& style_;
  std::string out_;
};

void class_rows(Sheet& sheet, const ClassFact& type) {
  sheet.contract("constructed", type.construct, "not known to be inert (NEWOBJ)");
  sheet.contract("state", type.state, "not known to be inert (BUILD)");
  if (type.append != 0) sheet.contract("append", type.append, {});
  if (type.extend != 0) sheet.contract("extend", type.extend, {});
  if (type.setitem != 0) sheet.contract("set item", type.setitem, {});
  if (type.add != 0) sheet.contract("add", type.add, {});
  sheet.row("hash", type.unhashable   ? "has none"
                    : type.hash_inert ? "inert"
                                      : "not known to be inert");
}

}  // namespace

std::string contract_text(const Blob& blob, std::uint32_t word) {
  return word == 0 ? "nothing" : Speller(blob).spell(word);
}

std::string facts_text(const Blob& blob, std::string_view name, const Style& style) {
  Sheet sheet(blob, style);
  const std::string shown = escape_text(name);
  const Rank rank = find(blob, name);
  if (rank == catalogue::kNoRank) {
    sheet.title(shown, "nothing is known", Ink::yellow);
    sheet.row("so", "a file that uses it is suspicious: its code runs when the file loads");
    const std::size_t dot = shown.rfind('.');
    if (dot != std::string::npos) {
      sheet.row("if yours", "brine scan --trust '" + shown.substr(0, dot) + ".*' FILE");
    }
    return sheet.take();
  }

  const Fact fact = blob.fact(rank);
  const std::string kind(kind_word(fact.kind));
  if (fact.danger || fact.caps != 0) {
    sheet.title(shown, kind + ", dangerous", Ink::red);
  } else {
    sheet.title(shown, kind + ", reviewed", Ink::green);
  }
  if (fact.canonical != catalogue::kNoRank && fact.canonical != rank) {
    sheet.row("is", escape_text(blob.dotted(fact.canonical)));
  }
  const std::string_view does = fact.kind == FactKind::module ? "importing" : "calling";
  if (fact.caps != 0) sheet.row(does, "exercises: " + capability_text(fact.caps));
  switch (fact.kind) {
    case FactKind::module:
      if (fact.caps == 0) sheet.row(does, "inert");
      break;
    case FactKind::callable:
      if (fact.caps == 0 || fact.contract != 0) {
        sheet.contract("called", fact.contract, "no call is known to be inert");
      }
      break;
    case FactKind::type:
      sheet.contract("called", fact.contract, "no call is known to be inert");
      class_rows(sheet, blob.type(fact.type));
      break;
    case FactKind::constant:
      if (fact.typed) {
        sheet.row("an object of", escape_text(blob.dotted(blob.type(fact.type).name)));
      }
      break;
  }
  if (fact.result != 0) {
    sheet.row("gives", "an object of " + escape_text(blob.dotted(blob.type(fact.result).name)));
  }
  if (fact.gives_none) sheet.row("gives", "None");
  if (fact.shared) sheet.row("belongs to", "the process: storing into it is suspicious");
  if (const std::string_view why = blob.text(fact.why); !why.empty()) {
    sheet.row("why", escape_text(why));
  }
  return sheet.take();
}

}  // namespace brine::render
