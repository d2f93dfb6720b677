#include "spelling.h"

#include <bit>
#include <cmath>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

namespace brine::differential {
namespace {

using pickle::Kind;
using pickle::kNoNode;
using pickle::Made;
using pickle::Node;
using pickle::NodeId;

constexpr std::size_t kMaxDigits = 600;  // LARGE of oracle.py

std::string hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (char c : bytes) {
    out += kDigits[static_cast<unsigned char>(c) >> 4];
    out += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

std::string hex64(std::uint64_t value) {
  std::string bytes;
  for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 0xff);
  return hex(bytes);
}

class Speller {
 public:
  explicit Speller(pickle::Machine& machine) : machine_(machine) {}

  // Streams of the tests are a few hundred bytes long: recursion is bounded by that.
  void value(NodeId id) {
    if (id == kNoNode) return put("?");
    const Node& node = machine_.nodes()[id];
    switch (node.kind) {
      case Kind::none: return put("N");
      case Kind::boolean: return put(node.integer != 0 ? "T" : "F");
      case Kind::integer: return integer(node);
      case Kind::floating:
        return put(std::isnan(node.floating)
                       ? "nan"
                       : "f" + hex64(std::bit_cast<std::uint64_t>(node.floating)));
      case Kind::str: return put("s" + hex(node.text));
      case Kind::bytes: return put("b" + hex(node.text));
      case Kind::bytearray: return put("a" + hex(node.text));
      case Kind::frozenset: return put("frozenset");
      case Kind::buffer: return put("view");
      case Kind::ref:
        return put("r" + hex(std::string(node.module()) + '\0' + std::string(node.name())));
      case Kind::tuple:
        if (node.items.empty()) return put("()");
        if (known(id)) return;
        put("(");
        items(node.items);
        return put(")");
      case Kind::unknown: return put("?");
      default:
        if (!known(id)) container(node);
    }
  }

  void items(const std::vector<NodeId>& ids) {
    for (NodeId id : ids) {
      value(id);
      put(",");
    }
  }

  void put(std::string_view text) { out_ += text; }
  std::string take() { return std::move(out_); }

 private:
  bool known(NodeId id) {
    auto [it, fresh] = seen_.emplace(id, seen_.size());
    if (!fresh) put("@" + std::to_string(it->second));
    return !fresh;
  }

  void integer(const Node& node) {
    if (!node.big) return put("i" + std::to_string(node.integer));
    std::size_t digits = node.text.size() - (node.text.starts_with('-') ? 1 : 0);
    put(digits > kMaxDigits ? "I" : "i" + std::string(node.text));
  }

  void container(const Node& node) {
    switch (node.kind) {
      case Kind::list:
        put("[");
        items(node.items);
        return put("]");
      case Kind::dict: return dict(node);
      case Kind::set: return put("set");
      default: return object(node);
    }
  }

  // Equal keys have equal texts; none for those whose equality their text does not tell.
  std::optional<std::string> key_text(NodeId id) {
    if (id == kNoNode) return std::nullopt;
    const Node& node = machine_.nodes()[id];
    switch (node.kind) {
      case Kind::none: return "N";
      case Kind::boolean: return "n" + std::to_string(node.integer);
      case Kind::integer:
        if (!node.big) return "n" + std::to_string(node.integer);
        return node.text.empty() ? std::nullopt : std::optional("n" + std::string(node.text));
      case Kind::floating: {
        double number = node.floating;
        if (std::isnan(number)) return std::nullopt;
        if (number == std::floor(number) && std::fabs(number) < 9e15) {
          return "n" + std::to_string(static_cast<long long>(number));
        }
        return "f" + hex64(std::bit_cast<std::uint64_t>(number));
      }
      case Kind::str: return "s" + hex(node.text);
      case Kind::bytes: return "b" + hex(node.text);
      case Kind::tuple: {
        std::string all = "(";
        for (NodeId item : node.items) {
          auto part = key_text(item);
          if (!part) return std::nullopt;
          all += *part + ",";
        }
        return all + ")";
      }
      case Kind::ref:
        return "r" + hex(std::string(node.module()) + '\0' + std::string(node.name()));
      case Kind::frozenset:
      case Kind::buffer:
      case Kind::unknown: return std::nullopt;
      default: return "@" + std::to_string(id);
    }
  }

  // As Python's dict: the first of equal keys stays, with the last value.
  void dict(const Node& node) {
    std::vector<std::pair<NodeId, NodeId>> pairs;
    std::unordered_map<std::string, std::size_t> places;
    for (std::size_t i = 0; i + 1 < node.items.size(); i += 2) {
      auto text = key_text(node.items[i]);
      if (!text) return put("{?}");
      auto [place, fresh] = places.emplace(*text, pairs.size());
      if (fresh) {
        pairs.emplace_back(node.items[i], node.items[i + 1]);
      } else {
        pairs[place->second].second = node.items[i + 1];
      }
    }
    put("{");
    for (auto [key, item] : pairs) {
      value(key);
      put(":");
      value(item);
      put(",");
    }
    put("}");
  }

  void object(const Node& node) {
    switch (node.made) {
      case Made::persistent:
        put("P<");
        value(node.args);
        break;
      case Made::reduce:
      case Made::call:
      case Made::construct:
        put(node.made == Made::construct ? "N<" : "C<");
        value(node.callable);
        put("(");
        if (node.args == kNoNode || machine_.nodes()[node.args].kind != Kind::tuple) {
          put("?");
        } else {
          items(machine_.nodes()[node.args].items);
        }
        put(")");
        break;
      case Made::none: put("?<"); break;
    }
    list("b", node.states());
    list("a", node.appended());
    list("s", node.stored());
    put(">");
  }

  void list(std::string_view name, const std::vector<NodeId>& ids) {
    if (ids.empty()) return;
    put(name);
    put("[");
    items(ids);
    put("]");
  }

  pickle::Machine& machine_;
  std::unordered_map<NodeId, std::size_t> seen_;
  std::string out_;
};

}  // namespace

std::string spell(pickle::Machine& machine, const pickle::Value& value) {
  NodeId id = machine.rebuild(value);
  Speller speller(machine);
  speller.value(id);
  return " " + speller.take();
}

std::string spell_items(pickle::Machine& machine, const pickle::Value& arguments) {
  NodeId id = machine.rebuild(arguments);
  if (id == kNoNode) return " ?";
  const Kind kind = machine.nodes()[id].kind;
  Speller speller(machine);
  if (kind == Kind::tuple || kind == Kind::list) {
    std::vector<NodeId> items = machine.nodes()[id].items;
    speller.items(items);
  } else if (kind == Kind::bytes) {  // the Python unpickler spreads whatever can be iterated
    for (char c : machine.nodes()[id].text) {
      speller.put("i" + std::to_string(static_cast<unsigned char>(c)) + ",");
    }
  } else {
    return " ?";
  }
  return " (" + speller.take() + ")";
}

}  // namespace brine::differential
