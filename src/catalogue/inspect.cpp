#include "catalogue/inspect.h"

#include <cstring>

namespace brine::catalogue {
namespace {

using pickle::Kind;
using pickle::kNoNode;
using pickle::Node;

// Tells two references of one number apart, should a world be used for another machine.
std::uint64_t mix(std::uint64_t seed, std::string_view text) {
  constexpr std::uint64_t kFactor = 0x9e3779b97f4a7c15u;
  std::uint64_t hash = seed ^ text.size() * kFactor;
  while (text.size() >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data(), 8);
    hash = (hash ^ word) * kFactor;
    hash ^= hash >> 29;
    text.remove_prefix(8);
  }
  std::uint64_t rest = 0;
  std::memcpy(&rest, text.data(), text.size());
  hash = (hash ^ rest) * kFactor;
  return hash ^ hash >> 32;
}

}  // namespace

void Inspector::attach(pickle::Machine& machine) {
  if (machine_ != &machine) {
    slots_.clear();
    machine_ = &machine;
  }
}

void Inspector::release() {
  if (!spelled_out_) return;
  spelled_out_ = false;
  machine_->clear_nodes();
}

Inspector::Known Inspector::look_up(std::string_view module, std::string_view name) const {
  const Rank rank = blob_->find_name(module, name);
  if (rank == kNoRank) return blind_ ? Known{} : danger_behind(module, name);
  const Fact fact = blob_->fact(rank);
  if (blind_ && fact.danger) return {};
  return {rank, fact};
}

// A dotted name without a fact may walk through a known module to something dangerous (torch's
// "os.system", "hub.load") or on from it ("system.__call__"). What is found is evidence only:
// without it the name is merely unknown.
Inspector::Known Inspector::danger_behind(std::string_view module, std::string_view name) const {
  constexpr int kMostParts = 8;
  const auto dangerous = [this](std::string_view at, std::string_view wanted) {
    const Rank rank = blob_->find_name(at, wanted);
    if (rank == kNoRank) return Known{};
    const Fact fact = blob_->fact(rank);
    return fact.danger ? Known{rank, fact} : Known{};
  };
  Known on_the_way;
  std::size_t dot = name.find('.');
  for (int part = 0; part < kMostParts && dot != std::string_view::npos; ++part) {
    const std::string_view head = name.substr(0, dot);
    const std::string_view tail = name.substr(dot + 1);
    std::string below(module);
    below += '.';
    below += head;
    for (const Known& found : {dangerous(below, tail), dangerous(head, tail),
                               dangerous(head.substr(head.rfind('.') + 1), tail)}) {
      if (found.rank != kNoRank) return found;
    }
    if (const Known found = dangerous(module, head); found.rank != kNoRank) on_the_way = found;
    dot = name.find('.', dot + 1);
  }
  return on_the_way;
}

Rank Inspector::module_rank(std::string_view module) const {
  const Rank rank = blob_->find_module(module);
  if (rank != kNoRank && blind_ && blob_->fact(rank).danger) return kNoRank;
  return rank;
}

const Inspector::Known& Inspector::known(pickle::RefId ref) {
  const std::string_view module = machine_->module_of(ref);
  const std::string_view name = machine_->name_of(ref);
  const std::uint64_t fingerprint = mix(mix(1, module), name);
  if (ref >= slots_.size()) slots_.resize(std::size_t{ref} + 1);
  Slot& slot = slots_[ref];
  if (!slot.filled || slot.fingerprint != fingerprint) {
    slot = {fingerprint, true, look_up(module, name)};
  }
  return slot.known;
}

Kind Inspector::kind(const Thing& thing) const {
  return thing.node == kNoNode ? thing.value.kind() : machine_->nodes()[thing.node].kind;
}

pickle::TypeId Inspector::type(const Thing& thing) {
  if (thing.node == kNoNode) return thing.value.aux();
  const Node& spelled = machine_->nodes()[thing.node];
  if (spelled.type != 0 || spelled.kind != Kind::object) return spelled.type;
  return allocated_type(spelled);
}

// What copyreg.__newobj__ and its like give has the class that they were given; the callable alone
// does not tell.
pickle::TypeId Inspector::allocated_type(const Node& object) {
  if (object.callable == kNoNode || object.args == kNoNode) return 0;
  const auto& nodes = machine_->nodes();
  const Node& callable = nodes[object.callable];
  const Node& args = nodes[object.args];
  if (callable.kind == Kind::object) {
    const Known own = own_call(callable.type).known;
    return own.rank == kNoRank || own.fact.danger ? 0 : own.fact.result;
  }
  if (callable.kind != Kind::ref || args.kind != Kind::tuple || args.items.empty()) return 0;
  const Behaviour behaviour = known(callable.ref).fact.behaviour;
  if (behaviour != Behaviour::newobj && behaviour != Behaviour::reconstruct) return 0;
  const Node& cls = nodes[args.items.front()];
  if (cls.kind != Kind::ref) return 0;
  const Known& type = known(cls.ref);
  const bool usable = type.rank != kNoRank && !type.fact.danger &&
                      type.fact.kind == FactKind::type && type.fact.behaviour == Behaviour::none;
  return usable ? type.fact.type : 0;
}

Inspector::OwnCall Inspector::own_call(pickle::TypeId type) const {
  const ClassFact cls = blob_->type(type & object_type::kNumber);
  if (cls.instance != Behaviour::own_call) return {};
  const std::string key = blob_->name(cls.name);
  const std::size_t colon = key.find(':');
  OwnCall out{key.substr(0, colon), key.substr(colon + 1) + ".__call__", {}};
  out.known = look_up(out.module, out.name);
  return out;
}

std::optional<pickle::RefId> Inspector::ref(const Thing& thing) const {
  if (kind(thing) != Kind::ref) return std::nullopt;
  return thing.node == kNoNode ? thing.value.aux() : machine_->nodes()[thing.node].ref;
}

const Node* Inspector::node(Thing& thing) {
  if (thing.node == kNoNode) {
    spelled_out_ = true;
    thing.node = machine_->rebuild(thing.value);
  }
  if (thing.node == kNoNode) return nullptr;
  const Node& out = machine_->nodes()[thing.node];
  if (out.kind == Kind::list || out.kind == Kind::dict || out.kind == Kind::set) {
    machine_->note_seen(out.offset);
  }
  return &out;
}

bool Inspector::items(Thing& thing, std::vector<Thing>& out) {
  out.clear();
  const Kind what = kind(thing);
  if (what != Kind::tuple && what != Kind::list && what != Kind::set && what != Kind::frozenset) {
    return false;
  }
  const Node* spelled = node(thing);
  if (spelled == nullptr || spelled->kind != what) return false;
  out.reserve(spelled->items.size());
  for (const pickle::NodeId id : spelled->items) out.push_back(Thing::of(id));
  return true;
}

bool Inspector::text(const Thing& thing, std::string& out, std::size_t limit) const {
  if (thing.node == kNoNode) return machine_->text_of(thing.value, out, limit);
  const Node& spelled = machine_->nodes()[thing.node];
  const bool is_text =
      spelled.kind == Kind::str || spelled.kind == Kind::bytes || spelled.kind == Kind::bytearray;
  if (!is_text || spelled.length > limit) return false;
  if (spelled.text.size() != spelled.length) {  // spelled out in part
    return machine_->text_at(spelled.offset, out, limit) && out.size() == spelled.length;
  }
  out.assign(spelled.text);
  return true;
}

std::optional<std::pair<std::uint64_t, std::uint64_t>> Inspector::raw_bytes(const Thing& thing) {
  if (thing.node == kNoNode) return machine_->raw_bytes(thing.value);
  const Node& spelled = machine_->nodes()[thing.node];
  // A bytearray that was changed is spelled out as unknown.
  if (spelled.kind != Kind::bytes && spelled.kind != Kind::bytearray) return std::nullopt;
  const auto place = machine_->raw_bytes(spelled.offset);
  return place && place->second == spelled.length ? place : std::nullopt;
}

bool Inspector::integer(const Thing& thing, std::int64_t& out) const {
  if (thing.node == kNoNode) return machine_->integer_of(thing.value, out);
  const Node& spelled = machine_->nodes()[thing.node];
  if ((spelled.kind != Kind::integer && spelled.kind != Kind::boolean) || spelled.big) return false;
  out = spelled.integer;
  return true;
}

}  // namespace brine::catalogue
