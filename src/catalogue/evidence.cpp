#include "catalogue/evidence.h"

#include <algorithm>
#include <array>

#include "base/escape.h"
#include "catalogue/findings.h"

namespace brine::catalogue {
namespace {

using pickle::Evidence;
using pickle::Kind;
using pickle::Node;

constexpr std::size_t kMostArguments = 32;
constexpr std::size_t kMostItems = 64;
constexpr std::size_t kMostFound = 16;
constexpr int kDeepest = 4;

bool ends_word(char c) {
  return static_cast<unsigned char>(c) <= ' ' ||
         std::string_view("'\"`<>|;&(){}").find(c) != std::string_view::npos;
}

std::string_view word_at(std::string_view text, std::size_t at) {
  std::size_t end = at;
  while (end < text.size() && !ends_word(text[end])) ++end;
  return text.substr(at, end - at);
}

void add(std::vector<Evidence>& out, std::string_view kind, std::string text) {
  if (text.empty()) return;
  const bool known = std::any_of(out.begin(), out.end(), [&](const Evidence& row) {
    return row.kind == kind && row.text == text;
  });
  if (!known && out.size() < kMostFound) out.push_back({std::string(kind), std::move(text)});
}

bool is_port(std::string_view text) {
  return !text.empty() && text.size() <= 5 &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

// bash's own sockets: /dev/tcp/HOST/PORT.
void find_device(std::string_view text, std::string_view device, std::vector<Evidence>& out) {
  for (std::size_t at = text.find(device); at != std::string_view::npos;
       at = text.find(device, at + 1)) {
    const std::string_view rest = word_at(text, at + device.size());
    const std::size_t slash = rest.find('/');
    if (slash == std::string_view::npos || slash == 0) continue;
    add(out, "address",
        std::string(rest.substr(0, slash)) + ":" + std::string(rest.substr(slash + 1)));
  }
}

// nc [options] HOST PORT and its kin.
void find_netcat(std::string_view text, std::vector<Evidence>& out) {
  std::vector<std::string_view> words;
  for (std::size_t at = 0; at < text.size() && words.size() < 4096;) {
    const std::string_view word = word_at(text, at);
    if (!word.empty()) words.push_back(word);
    at += word.size() + 1;
  }
  constexpr std::array<std::string_view, 5> kPrograms = {"nc", "ncat", "netcat", "nc.exe",
                                                         "telnet"};
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view base = words[i].substr(words[i].rfind('/') + 1);
    if (std::find(kPrograms.begin(), kPrograms.end(), base) == kPrograms.end()) continue;
    const std::size_t last = std::min(words.size(), i + 12);
    for (std::size_t j = i + 1; j + 1 < last; ++j) {
      if (words[j].starts_with('-') || !is_port(words[j + 1])) continue;
      add(out, "address", std::string(words[j]) + ":" + std::string(words[j + 1]));
      break;
    }
  }
}

std::string render_scalar(const Node& node, std::size_t limit) {
  switch (node.kind) {
    case Kind::none: return "None";
    case Kind::boolean: return node.integer != 0 ? "True" : "False";
    case Kind::integer: return node.big ? std::string(node.text) : std::to_string(node.integer);
    case Kind::floating: return std::to_string(node.floating);
    case Kind::str: return python_str(node.text, limit);
    case Kind::bytes:
    case Kind::bytearray: return python_bytes(node.text, limit);
    case Kind::ref: {
      std::string out(node.module());
      if (!node.name().empty()) out += "." + std::string(node.name());
      return escape_text(out);
    }
    case Kind::tuple:
    case Kind::list:
    case Kind::dict:
    case Kind::set:
    case Kind::frozenset:
    case Kind::object:
    case Kind::persistent:
    case Kind::buffer:
    case Kind::unknown: return "?";
  }
  return "?";
}

struct Brackets {
  std::string_view open, close;
};
Brackets brackets(Kind kind) {
  if (kind == Kind::tuple) return {"(", ")"};
  if (kind == Kind::list) return {"[", "]"};
  if (kind == Kind::frozenset) return {"frozenset({", "})"};
  return {"{", "}"};
}

// Recursion is bounded by kDeepest, breadth by the limit of the text.
void render_node(const pickle::NodeGraph& nodes, pickle::NodeId id, std::size_t limit, int depth,
                 std::string& out) {
  const Node& node = nodes[id];
  if (out.size() >= limit) return;
  const bool holds = node.kind == Kind::tuple || node.kind == Kind::list ||
                     node.kind == Kind::dict || node.kind == Kind::set ||
                     node.kind == Kind::frozenset;
  if (node.kind == Kind::object && node.callable != pickle::kNoNode && depth < kDeepest) {
    render_node(nodes, node.callable, limit, depth + 1, out);
    if (node.args != pickle::kNoNode && nodes[node.args].kind == Kind::tuple &&
        !nodes[node.args].items.empty()) {
      render_node(nodes, node.args, limit, depth + 1, out);
    } else {
      out += "()";
    }
    return;
  }
  if (!holds || depth >= kDeepest) {
    out += render_scalar(node, limit - out.size());
    return;
  }
  const Brackets around = brackets(node.kind);
  out += around.open;
  for (std::size_t i = 0; i < node.items.size() && out.size() < limit; ++i) {
    if (i != 0) out += node.kind == Kind::dict && i % 2 == 1 ? ": " : ", ";
    render_node(nodes, node.items[i], limit, depth + 1, out);
  }
  if (node.kind == Kind::tuple && node.items.size() == 1) out += ",";
  out += around.close;
}

// A list of words as the command line that it is: ["sh", "-c", "id"].
std::string command_line(Evaluator& evaluator, std::span<const Thing> items) {
  std::string out;
  for (const Thing& item : items.first(std::min(items.size(), kMostItems))) {
    const auto text = evaluator.constant(item);
    if (!text || text->text.empty()) continue;
    if (!out.empty()) out += " ";
    out += text->text;
  }
  return out;
}

// ("host", 4444), as socket.connect takes it.
bool host_and_port(Evaluator& evaluator, std::span<const Thing> items, std::string& out) {
  if (items.size() != 2) return false;
  const auto host = evaluator.constant(items[0]);
  const auto port = evaluator.constant(items[1]);
  if (!host || !port || host->kind != Kind::str || port->kind != Kind::integer) return false;
  out = host->text + ":" + std::to_string(port->integer);
  return true;
}

}  // namespace

void find_addresses(std::string_view text, std::vector<Evidence>& out) {
  for (std::size_t at = text.find("://"); at != std::string_view::npos;
       at = text.find("://", at + 3)) {
    std::size_t start = at;
    while (start > 0 && ((text[start - 1] | 32) >= 'a' && (text[start - 1] | 32) <= 'z')) --start;
    if (start != at) add(out, "url", std::string(word_at(text, start)));
  }
  find_device(text, "/dev/tcp/", out);
  find_device(text, "/dev/udp/", out);
  find_netcat(text, out);
}

void add_code_evidence(Evaluator& evaluator, std::span<const Thing> args,
                       std::vector<Evidence>& out) {
  const auto limit =
      static_cast<std::size_t>(evaluator.inspector().machine().limits().evidence_bytes);
  // (numbers ..., bytecode, constants, names, variables, file, name, ...)
  const auto first = std::find_if(args.begin(), args.end(), [&](const Thing& thing) {
    return evaluator.inspector().kind(thing) == Kind::tuple;
  });
  if (args.end() - first < 5) return;
  const auto constants = static_cast<std::size_t>(first - args.begin());
  if (const auto name = evaluator.constant(args[constants + 4])) add(out, "function", name->text);
  std::vector<Thing> items;
  Thing names = args[constants + 1];
  std::string listed;
  if (evaluator.inspector().items(names, items)) {
    for (const Thing& item : items) {
      const auto text = evaluator.constant(item);
      if (!text || listed.size() >= limit) break;
      listed += (listed.empty() ? "" : ", ") + text->text;
    }
  }
  add(out, "names", listed.substr(0, limit));
  const std::string shown = render_arguments(evaluator, args.subspan(constants, 1), limit);
  add(out, "constants", shown.substr(1, shown.size() - 2));
  Thing values = args[constants];
  if (!evaluator.inspector().items(values, items)) return;
  for (const Thing& item : std::span(items).first(std::min(items.size(), kMostItems))) {
    const auto text = evaluator.constant(item);
    if (text && text->kind == Kind::str) find_addresses(text->text, out);
  }
}

std::string render_arguments(Evaluator& evaluator, std::span<const Thing> args, std::size_t limit) {
  std::string out = "(";
  for (std::size_t i = 0; i < args.size() && out.size() < limit; ++i) {
    if (i != 0) out += ", ";
    Thing thing = args[i];
    if (evaluator.inspector().node(thing) == nullptr) {
      out += "?";
      continue;
    }
    render_node(evaluator.inspector().machine().nodes(), thing.node, limit, 0, out);
  }
  out += ")";
  return out;
}

void add_evidence(Evaluator& evaluator, pickle::Capabilities caps, std::span<const Thing> args,
                  std::vector<Evidence>& out) {
  const auto limit =
      static_cast<std::size_t>(evaluator.inspector().machine().limits().evidence_bytes);
  const CapabilityWords& words = gravest(caps);
  std::vector<Thing> items;
  bool first = true;
  for (const Thing& arg : args.first(std::min(args.size(), kMostArguments))) {
    Thing thing = arg;
    std::string text;
    std::string address;
    if (evaluator.inspector().items(thing, items)) {
      if (host_and_port(evaluator, items, address)) {
        add(out, "address", address);
        continue;
      }
      text = command_line(evaluator, items);
    } else if (auto constant = evaluator.constant(thing)) {
      text = std::move(constant->text);
    }
    if (text.empty()) continue;
    if (first && words.evidence != "address") add(out, words.evidence, text.substr(0, limit));
    first = false;
    find_addresses(text, out);
  }
  if (!args.empty()) add(out, "arguments", render_arguments(evaluator, args, limit));
}

}  // namespace brine::catalogue
