// joblib's arrays: raw bytes, or another pickle, in the middle of a pickle.
//
// joblib writes an array as a small wrapper object and puts the array's bytes behind the BUILD that
// completes it; for an array of objects another whole pickle stands there. Its reader is a Python
// unpickler that reads those bytes from the file itself (joblib 1.6, numpy_pickle.py). The Python
// unpickler holds a whole frame in memory, so while a frame runs the file stands at the frame's
// end: the array lies there, the frame's other opcodes run first, and reading goes on behind the
// array. Method: raw bytes are stepped over by a table of jumps, which rebuilding uses as well; for
// a pickle the machine pauses and is resumed behind it. Invariant: how many bytes an array takes is
// computed from values that are surely known, or the run ends as not read to its end.

#include <algorithm>
#include <array>

#include "base/typestr.h"
#include "pickle/machine_impl.h"
#include "pickle/numpy_type.h"

namespace brine::pickle {

namespace {

constexpr std::array<std::string_view, 5> kWrappers = {
    "joblib.numpy_pickle.NumpyArrayWrapper",  // the only one whose bytes are in the stream
    "joblib.numpy_pickle.NDArrayWrapper", "joblib.numpy_pickle.ZNDArrayWrapper",
    "joblib.numpy_pickle_compat.NDArrayWrapper", "joblib.numpy_pickle_compat.ZNDArrayWrapper"};
constexpr std::string_view kInFile = "NDArrayWrapper", kInZFile = "ZNDArrayWrapper";
constexpr std::uint64_t kMostCompanions = 10'000;
constexpr std::size_t kMostParts = 10'000;  // attributes and dimensions that are looked at

constexpr std::string_view kAllocates = "copyreg._reconstructor";
constexpr std::size_t kMostWrappers = 65'536;  // remembered one by one

std::string dotted(const Node& ref) {
  return std::string(ref.module()) + "." + std::string(ref.name());
}

bool allocates_by_copyreg(const NodeGraph& graph, const Node& object) {
  return object.made != Made::construct && object.args != kNoNode &&
         dotted(graph[object.callable]) == kAllocates && graph[object.args].kind == Kind::tuple &&
         !graph[object.args].items.empty();
}

// The reference that an object was made from; protocols 0 and 1 allocate through copyreg.
NodeId class_of(const NodeGraph& graph, const Node& object) {
  const NodeId callable = object.callable;
  if (callable == kNoNode || graph[callable].kind != Kind::ref) return kNoNode;
  if (!allocates_by_copyreg(graph, object)) return callable;
  const NodeId cls = graph[object.args].items[0];
  return graph[cls].kind == Kind::ref ? cls : kNoNode;
}

bool allocated(const NodeGraph& graph, const Node& object) {
  return object.made == Made::construct || allocates_by_copyreg(graph, object);
}

}  // namespace

// What is to be read for one wrapper.
struct Machine::Impl::ArrayPlan {
  bool known = false;  // else nobody can say how far the array reaches
  bool raises = false;  // the loader fails before it reads
  bool numbers = false;  // surely no objects, however many
  bool companion = false;  // the array is in another file
  bool raw = false;  // and that holds nothing but its bytes
  std::optional<std::string> file;
  bool objects = false;  // a pickle follows
  bool aligned = false;  // a byte tells how much padding comes first
  std::uint64_t bytes = 0;
  RawArray array;
};

namespace {

// The attributes of an object: what its constructor's arguments and its states set, the last first.
class Attributes {
 public:
  Attributes(const NodeGraph& graph, const Node& object) : graph_(graph), object_(object) {}

  // kNoNode: surely not set, unless unsure() says that nobody knows.
  NodeId find(std::string_view name) {
    for (auto state = object_.states().rbegin(); state != object_.states().rend(); ++state) {
      if (const NodeId found = in_state(*state, name); found != kNoNode) return found;
    }
    return allocated(graph_, object_) ? kNoNode : argument(name);
  }
  bool unsure() const { return unsure_; }

 private:
  // NumpyArrayWrapper.__init__(subclass, shape, order, dtype, allow_mmap, alignment).
  NodeId argument(std::string_view name) {
    static constexpr std::array<std::string_view, 6> kNames = {
        "subclass", "shape", "order", "dtype", "allow_mmap", "numpy_array_alignment_bytes"};
    if (object_.args == kNoNode || graph_[object_.args].kind != Kind::tuple) {
      unsure_ = true;
      return kNoNode;
    }
    const std::vector<NodeId>& given = graph_[object_.args].items;
    const auto at = static_cast<std::size_t>(std::ranges::find(kNames, name) - kNames.begin());
    return at < given.size() ? given[at] : kNoNode;
  }
  NodeId in_state(NodeId id, std::string_view name) {
    if (id == kNoNode) return kNoNode;
    const Node& state = graph_[id];
    if (state.kind == Kind::none) return kNoNode;
    if (state.kind == Kind::tuple && state.items.size() == 2) {
      if (const NodeId slot = in_dict(state.items[1], name); slot != kNoNode) return slot;
      return in_dict(state.items[0], name);
    }
    return in_dict(id, name);
  }
  NodeId in_dict(NodeId id, std::string_view name) {
    const Node& dict = graph_[id];
    if (dict.kind == Kind::none) return kNoNode;
    if (dict.kind != Kind::dict || dict.items.size() > kMostParts) {
      unsure_ = true;
      return kNoNode;
    }
    NodeId found = kNoNode;
    for (std::size_t i = 0; i + 1 < dict.items.size(); i += 2) {
      const Node& key = graph_[dict.items[i]];
      if (key.kind != Kind::str) unsure_ = true;
      if (key.kind == Kind::str && key.text == name) found = dict.items[i + 1];
    }
    return found;
  }

  const NodeGraph& graph_;
  const Node& object_;
  bool unsure_ = false;
};

struct Element {
  std::uint64_t size = 0;
  bool objects = false;
  std::string type;  // as RawArray has it
};

// "<f8" of a type's text and the byte order that its state gave it, if any.
std::string ordered_type(std::string_view text, std::string_view order) {
  std::string_view own = order;
  if (text.starts_with('<') || text.starts_with('>') || text.starts_with('|') ||
      text.starts_with('=')) {
    if (order.empty()) own = text.substr(0, 1);
    text.remove_prefix(1);
  }
  return (own == ">" ? ">" : "<") + std::string(text);
}

std::optional<std::int64_t> integer(const NodeGraph& graph, NodeId id) {
  const Node& node = graph[id];
  if ((node.kind != Kind::integer && node.kind != Kind::boolean) || node.big) return std::nullopt;
  return node.integer;
}

// numpy.dtype(text, align, copy) and the state that BUILD gave it: (version, byte order, subarray,
// names, fields, size, alignment, flags, metadata). Once there is a state, its flags alone say
// whether elements are objects, and its size counts for text and records (measured, NumPy 2.4;
// arraydescr_setstate and _descr_find_object for the versions).
std::optional<Element> element_of(const NodeGraph& graph, NodeId id) {
  constexpr std::int64_t kHasObjects = 1;
  constexpr std::size_t kSize = 5, kFlags = 7;
  const Node& dtype = graph[id];
  if (dtype.kind != Kind::object || dtype.callable == kNoNode || dtype.args == kNoNode ||
      dtype.states().size() > 1 || graph[dtype.callable].kind != Kind::ref ||
      dotted(graph[dtype.callable]) != "numpy.dtype") {
    return std::nullopt;
  }
  const Node& args = graph[dtype.args];
  if (args.kind != Kind::tuple || args.items.empty()) return std::nullopt;
  const Node& text = graph[args.items[0]];
  if (text.kind != Kind::str) return std::nullopt;
  const std::optional<ElementType> type = parse_typestr(text.text);
  if (!type) return std::nullopt;
  Element out{type->size, type->object(), ordered_type(text.text, {})};
  if (dtype.states().empty()) return out;
  const Node& state = graph[dtype.states()[0]];
  if (state.kind != Kind::tuple || state.items.size() <= kFlags) return std::nullopt;
  const auto version = integer(graph, state.items[0]);
  const auto size = integer(graph, state.items[kSize]);
  const auto flags = integer(graph, state.items[kFlags]);
  if (!version || *version < 1 || *version > 4 || !size || !flags) return std::nullopt;
  const Node& order = graph[state.items[1]];
  const bool parted = std::ranges::any_of(std::span(state.items).subspan(2, 3), [&](NodeId item) {
    return graph[item].kind != Kind::none;
  });
  // Before version 3 NumPy takes any flag for the mark of objects, and asks the parts too.
  const bool marked = *version < 3;
  if (marked && parted) return std::nullopt;
  out.objects = marked ? *flags != 0 || type->object() : (*flags & kHasObjects) != 0;
  out.type = parted || order.kind != Kind::str ? "" : ordered_type(text.text, order.text);
  if (type->flexible()) {
    if (*size < 0) return std::nullopt;
    out.size = static_cast<std::uint64_t>(*size);
  }
  // Without the copy that pickles ask for, a shared type would be changed.
  const bool copied = args.items.size() == 3 && graph[args.items[2]].kind == Kind::boolean &&
                      graph[args.items[2]].integer != 0;
  if (!copied && out.objects != type->object()) return std::nullopt;
  return out;
}

}  // namespace

// An object made by a reference that names no wrapper is none: it need not be spelled out when a
// state is given to it.
void Machine::Impl::note_maker(const Value& callable, std::uint64_t start) {
  const Value& made_by = truth(callable);
  if (made_by.kind() == Kind::ref) {
    const Ref& ref = refs[made_by.aux()];
    if (!ref.name.ends_with("ArrayWrapper") && ref.module + "." + ref.name != kAllocates) return;
  }
  if (wrappers.size() < kMostWrappers) {
    wrappers.insert(start);
  } else {
    many_wrappers = true;
  }
}

bool Machine::Impl::may_be_wrapper(const Value& inst) {
  return many_wrappers || wrappers.contains(truth(inst).start);
}

bool Machine::Impl::is_joblib_wrapper(const Value& inst) {
  const NodeId id = rebuild(inst);
  if (id == kNoNode) return true;
  const NodeId cls = class_of(graph, graph[id]);
  if (cls == kNoNode) return false;
  const std::string name = dotted(graph[cls]);
  const auto row = std::ranges::find(kWrappers, name);
  return row != kWrappers.end() &&
         (profile.joblib == JoblibReads::arrays || row != kWrappers.begin());
}

// The file's own position: the end of the frame that is held, or behind the arrays read since.
std::uint64_t Machine::Impl::file_position() const {
  if (!in_frame) return pos;
  return moved ? file_next : frame_end;
}

void Machine::Impl::move_file(std::uint64_t target) {
  if (target == file_position()) return;
  window.jump();
  const bool held = in_frame && pos < frame_end;
  jumps[in_frame ? frame_end : pos] = target;
  if (held) {
    file_next = target;
    moved = true;
    return;
  }
  in_frame = false;
  moved = false;
  pos = target;
}

// Behind the frame that was held reading goes on where the file stands.
bool Machine::Impl::leave_frame() {
  in_frame = false;
  if (!moved) return true;
  moved = false;
  // An opcode whose argument is parted from it by an array: nothing writes such a stream.
  if (pos != op_offset) return cannot_follow();
  window.jump();
  pos = file_next;
  return true;
}

bool Machine::Impl::cannot_follow() {
  end.kind = EndKind::refused;
  end.error = "joblib array";
  return false;
}

// The wrapper on top of the stack becomes the array.
void Machine::Impl::put_array(const Value& array) {
  array_values.emplace(op_offset, array);
  stack[height - 1] = array;
  nodes_stale = graph.size() != 0;
}

bool Machine::Impl::read_array(const Value& inst) {
  const NodeId id = rebuild(inst);
  ArrayPlan plan;
  if (id != kNoNode) {
    const Node& object = graph[id];
    const NodeId cls = class_of(graph, object);
    const std::string_view wrapper = cls == kNoNode ? std::string_view() : graph[cls].name();
    plan.companion = wrapper == kInFile || wrapper == kInZFile;
    Attributes attributes(graph, object);
    if (plan.companion) {
      plan.raw = wrapper == kInZFile;
      const NodeId file = attributes.find("filename");
      if (file != kNoNode && !attributes.unsure() && graph[file].kind == Kind::str &&
          graph[file].text.size() == graph[file].length) {
        plan.file = std::string(graph[file].text);
      }
    }
    const NodeId shape = attributes.find("shape"), dtype = attributes.find("dtype");
    const NodeId alignment = attributes.find("numpy_array_alignment_bytes");
    const bool plain = !attributes.unsure();
    if (plan.companion) {
      plan.known = true;
    } else if (plain && (shape == kNoNode || dtype == kNoNode)) {
      plan.known = plan.raises = true;
    } else if (plain) {
      const std::optional<Element> element = element_of(graph, dtype);
      const Node& dimensions = graph[shape];
      const bool sequence = dimensions.kind == Kind::tuple || dimensions.kind == Kind::list;
      plan.numbers = element && !element->objects;
      plan.known = element.has_value() && sequence && dimensions.items.size() <= kMostParts;
      std::uint64_t count = 1;  // wraps as numpy.int64 does
      for (std::size_t i = 0; plan.known && i < dimensions.items.size(); ++i) {
        const auto extent = integer(graph, dimensions.items[i]);
        plan.known = extent.has_value();
        if (extent) count *= static_cast<std::uint64_t>(*extent);
        if (extent && *extent >= 0) plan.array.shape.push_back(static_cast<std::uint64_t>(*extent));
      }
      if (plan.known) {
        plan.objects = plan.array.objects = element->objects;
        plan.array.type = element->type;
        if (auto type = numpy_type(graph, dtype)) {
          plan.array.element = std::make_shared<const NumpyType>(std::move(*type));
        }
        const NodeId order = attributes.find("order");
        plan.array.fortran =
            order != kNoNode && graph[order].kind == Kind::str && graph[order].text == "F";
        // A wrapper that was called, not allocated, has an alignment unless it is given none.
        plan.aligned =
            alignment == kNoNode ? !allocated(graph, object) : graph[alignment].kind != Kind::none;
        const auto signed_count = static_cast<std::int64_t>(count);
        // numpy.empty refuses a negative number, and zero bytes cannot be divided by.
        plan.raises = !plan.objects && (signed_count < 0 || element->size == 0);
        if (!plan.raises && !plan.objects) {
          plan.bytes = element->size > kMaxOffset / std::max<std::uint64_t>(count, 1)
                           ? kMaxOffset
                           : count * element->size;
        }
      }
    }
  }
  // Behind an old wrapper every loader goes on in the same stream.
  if (!first_array && !plan.companion) first_array = pos;
  if (plan.companion) return read_companion(plan);
  if (!plan.known && plan.numbers) return cannot_follow();
  // What may be objects is read as objects: those may act, and numbers do not.
  if (!plan.known) unsure_array = plan.objects = plan.array.objects = true;
  if (plan.raises) return fail_op("joblib cannot make this array");
  if (plan.objects) {
    plan.array.begin = file_position();
    raw_arrays[op_offset] = std::move(plan.array);
    end.kind = EndKind::paused;
    return false;
  }
  return skip_array(plan);
}

// joblib gives the array in its place. That the other file holds one is for the reader of that file
// to say: whoever runs the machine looks at every companion.
bool Machine::Impl::read_companion(const ArrayPlan& plan) {
  if (companions.size() >= kMostCompanions) return over_budget("members");
  companions.push_back({plan.file, plan.raw, pos});
  put_array(Value::make(Kind::object, op_offset, pos,
                        world.result_type(self, intern("numpy", "ndarray"))));
  return true;
}

bool Machine::Impl::skip_array(const ArrayPlan& plan) {
  const std::uint64_t begin = file_position();
  std::uint64_t at = begin;
  if (plan.aligned && at < window.size()) {
    const std::uint64_t padding = byte_at(at);
    at = std::min(at + 1 + padding, window.size());
  }
  if (plan.bytes > window.size() - at) {
    return fail_op("the array wants " + std::to_string(plan.bytes) + " bytes, " +
                   std::to_string(window.size() - at) + " are left");
  }
  RawArray array = plan.array;
  array.begin = at;
  array.end = at += plan.bytes;
  raw_arrays[op_offset] = std::move(array);
  if (at > begin) arrays.emplace_back(begin, at);
  put_array(Value::make(Kind::object, op_offset, pos,
                        world.result_type(self, intern("numpy", "ndarray"))));
  move_file(at);
  return true;
}

RunResult Machine::Impl::resume(std::uint64_t next, const Machine::Resumed& what) {
  end = End{};
  next = std::clamp(next, file_position(), window.size());
  if (const auto read = raw_arrays.find(op_offset); read != raw_arrays.end()) {
    read->second.end = next;
  }
  if (!what.name.empty()) {
    put_array(Value::make(Kind::ref, op_offset, pos, intern(what.module, what.name)));
  } else if (what.array) {
    put_array(Value::make(Kind::object, op_offset, pos,
                          world.result_type(self, intern("numpy", "ndarray"))));
  } else {
    put_array(Value::make(Kind::unknown, op_offset, pos));
  }
  move_file(next);
  return go_on();
}

}  // namespace brine::pickle
