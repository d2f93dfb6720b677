// The machine's insides, shared by its parts.
//
// One struct has the state of a run, and each part is a file that works on it: below, the functions
// stand by file. The loop (loop.cpp) is the only part that is hot; it keeps its cursor and stack
// pointer in registers and brings the members up to date before it calls anything else.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/flat_index.h"
#include "base/text_pool.h"
#include "pickle/growable.h"
#include "pickle/machine.h"
#include "pickle/memo.h"
#include "pickle/opcode.h"
#include "pickle/text_args.h"
#include "pickle/window.h"

namespace brine::pickle {

// A constant read again from the offset of its opcode.
struct Constant {
  Kind kind = Kind::unknown;
  std::uint64_t payload = 0;  // offset of the text or bytes
  std::uint64_t length = 0;  // of the payload in the stream
  std::uint8_t opcode = 0;
  bool computed = false;
};

// A constant or name that a pure function or a resolver gave.
struct Computed {
  std::uint64_t offset = 0;  // of the opcode whose result it is
  Kind kind = Kind::unknown;
  std::string text;
  std::int64_t integer = 0;
  double floating = 0;
  RefId ref = 0;
};

// A depth that tells nothing: too many calls begin at one place, or nobody can count them.
inline constexpr std::uint8_t kNoDepth = 255;

// What identifies a value whose contents may change or be shared.
inline std::uint64_t mutable_identity(const Value& value) {
  return static_cast<std::uint64_t>(value.start) | static_cast<std::uint64_t>(value.depth) << 40;
}

inline bool is_constant(Kind kind) { return kind <= Kind::bytearray; }

// Nothing can change it, so GET and DUP may copy its handle.
inline bool tells_itself(Kind kind) {
  switch (kind) {
    case Kind::none:
    case Kind::boolean:
    case Kind::integer:
    case Kind::floating:
    case Kind::str:
    case Kind::bytes:
    case Kind::ref: return true;
    default: return false;
  }
}

inline bool changes_in_place(Kind kind) {
  switch (kind) {
    case Kind::list:
    case Kind::dict:
    case Kind::set:
    case Kind::object:
    case Kind::persistent:
    case Kind::bytearray: return true;
    default: return false;
  }
}

// What may run code of its own when it is called or worked on; a buffer is inert.
inline bool acts(Kind kind) {
  switch (kind) {
    case Kind::ref:
    case Kind::object:
    case Kind::persistent:
    case Kind::unknown: return true;
    default: return false;
  }
}

// All that lies between two offsets, seen as one tuple: arguments that no TUPLE opcode gathered.
inline Value open_tuple(std::uint64_t start, std::uint64_t end) {
  Value value = Value::make(Kind::tuple, start, end);
  value.flags = Value::kComputed;
  return value;
}

struct Machine::Impl final : NodeOpener {
  Impl(Machine& self_, ByteSource& source_, const Profile& profile_, World& world_,
       TraceSink& sink_, const Limits& limits_, MachineOptions options_);

  // --- a run from its beginning to its end (machine.cpp) ---
  RunResult run();
  RunResult go_on();
  void judge_result();
  void reset();
  // Of a long constant that is looked at, every so many bytes count as one.
  static constexpr std::uint64_t kLookedAt = 16;
  // Counts bytes that are run again, or looked at again; false when they are more than the stream
  // is worth.
  bool afford(std::uint64_t bytes) {
    rebuilt_bytes += bytes;
    return rebuilt_bytes <= limits.rebuild_factor * window.size() || take_spare(bytes);
  }
  bool take_spare(std::uint64_t bytes);

  // --- the loop (loop.cpp) ---
  template <bool kPy>
  void loop();
  // Each of these runs one opcode off the hot path. `pos` stands behind the opcode byte.
  template <bool kPy>
  bool cold_opcode(std::uint8_t code);
  bool do_pop();
  bool do_pop_mark();

  // --- arguments off the hot path (arguments.cpp) ---
  bool read_arg(std::uint64_t count);  // [pos, pos + count) visible, frame rules obeyed
  bool read_number(std::uint64_t width, std::uint64_t& number);
  bool read_line(std::string_view& line, bool& ended);
  std::string short_by(std::uint64_t count) const;
  bool load_text_number(std::uint8_t code);
  bool load_counted(std::uint8_t code);
  bool check_text(std::uint8_t code, std::uint64_t size);
  bool load_frame();
  bool begin_frame(std::uint64_t size);

  // --- arguments over a frame's end (torn.cpp) ---
  bool crosses(std::uint64_t count) const;
  void drop_piece();
  void join_pieces(std::uint64_t count);
  bool torn_ahead(std::uint8_t code);
  bool take(std::uint64_t count, std::string& out);
  bool take_line(std::string& out);
  bool load_torn(std::uint8_t code);
  bool give_torn(std::uint8_t code, const std::string& text, const std::string& second,
                 std::uint64_t& index);
  bool name_torn(bool inst, const std::string& module, const std::string& name);

  // --- values with two entries (aliases.cpp) ---
  const Value& truth(const Value& handle);
  Value* truth_slot(const Value& handle);
  bool extend_target(Value& entry, std::uint64_t op_end);
  bool load_memo_text(std::uint8_t code);
  std::optional<std::uint64_t> index_of_line(std::string_view line);
  bool memo_get(std::uint64_t index);
  bool memo_put(std::uint64_t index);
  bool do_dup();

  // --- what judgements rested on (second_looks.cpp) ---
  void fetched(const Value& value);
  void changes(const Value& container);
  bool first_state(const Value& inst, const Value& state);

  // --- effects, told and pushed (effects.cpp) ---
  bool wants_current_event() const;
  void emit(Event& event);
  void after_outcome();
  void hold_against(std::string_view what);
  bool push_outcome(std::uint64_t start, std::uint8_t depth);
  bool push_made(const Value& callable, std::uint64_t start, std::uint8_t depth);
  bool push_given(const Value& given, std::uint64_t start);
  bool push_computed(Computed made, std::uint64_t start);
  bool keep_computed(Computed made);
  bool tells_nothing_else(const Value& value) const;

  // --- imports (imports.cpp) ---
  RefId intern(std::string_view module, std::string_view name);
  bool rename(std::string_view& module, std::string_view& name, int at_proto) const;
  bool do_import(std::string_view module, std::string_view name, std::uint64_t start, Value* out);
  bool import_unnamed(std::string_view what, std::uint64_t start);
  bool read_names(std::string& module, std::string& name, bool ascii);
  bool load_global();
  bool load_inst();
  bool load_stack_global();
  bool load_extension_code(std::uint8_t opcode);
  bool load_extension(std::int64_t code);
  bool keep_extension(const Value& ref);

  // --- calls (calls.cpp) ---
  bool load_persid(bool binary);
  bool call_persistent(const Value& id, bool binary);
  bool do_reduce();
  bool do_newobj(bool ex);
  bool do_obj();
  struct Mark {
    std::uint64_t height;
    std::uint64_t offset;
  };
  bool instantiate(const Value& cls, const Mark& mark, std::uint64_t first, CallHow how);
  void count_handed(Args& args, bool again);
  bool gather_args(const Value& callable, const Value& value, std::uint64_t at,
                   std::string_view refusal, Args& args);
  void unpack_tuple(const Value& tuple, std::uint64_t at, Args& args);
  bool iterate(const Value& value, std::vector<Value>& items, bool& known);
  bool keywords_fit(const Value& kwargs);
  void emit_call(EventKind kind, const Value& callable, const Args& args, const Value& argument);
  std::uint8_t call_depth(const Value& callable);
  std::uint8_t depth_above(Kind kind, unsigned depth, std::uint64_t end_of_value);

  // --- state (state.cpp) ---
  bool do_build();
  bool builtin_build(const Value& state);

  // --- containers and stores (stores.cpp) ---
  bool do_append(std::uint64_t first, bool single);
  bool do_setitems(std::uint64_t first);
  bool do_additems();
  bool fill_dict(Value& target);
  bool make_dict();
  bool make_frozenset();
  bool readonly_buffer();
  bool assignable_index(const Value& target, const Value& key);
  bool is_byte(const Value& value);
  bool store_foreign(Value& target, StoreHow how, const Value* key, const Value& value);
  void emit_store(const Value& target, StoreHow how, const Value* key, const Value& value);
  void ask_index(const Value& target, StoreHow how, const Value* key, const Value& value);

  // --- hashing (hashing.cpp) ---
  bool hash_key(const Value& key);
  void note_number(const Value& key);
  enum class TupleHash : std::uint8_t { all, unhashable, budget };
  TupleHash hashed_items(const Value& key, std::vector<Value>& foreign);
  bool hash_foreign(const Value& value);

  // --- joblib's arrays in the stream (joblib_array.cpp) ---
  struct ArrayPlan;
  void note_maker(const Value& callable, std::uint64_t start);
  bool may_be_wrapper(const Value& inst);
  bool is_joblib_wrapper(const Value& inst);
  bool read_array(const Value& inst);
  bool read_companion(const ArrayPlan& plan);
  bool skip_array(const ArrayPlan& plan);
  std::uint64_t file_position() const;
  void move_file(std::uint64_t target);
  bool leave_frame();
  bool cannot_follow();
  void put_array(const Value& array);
  RunResult resume(std::uint64_t next, const Machine::Resumed& what);

  // --- restricted unpicklers (restricted.cpp) ---
  bool admitted(std::uint8_t code);
  bool opcode_admitted(std::uint8_t code);
  bool name_admitted(std::string_view module, std::string_view name, std::string_view written);
  bool entry_admitted(std::uint8_t code);
  bool refuse(std::string error, Releases by = kAllReleases);
  bool nothing_to_set();
  std::string class_name(const Value& value);

  // --- constants read again (constants.cpp) ---
  Constant constant_at(std::uint64_t offset);
  bool constant_text(const Value& value, std::string& out, std::size_t limit,
                     std::uint64_t* length);
  bool text_of(const Constant& constant, std::string& out, std::size_t limit,
               std::uint64_t* length);
  bool constant_integer(const Value& value, std::int64_t& out);
  bool integer_of(const Constant& constant, std::int64_t& out);
  bool long_fits(const Constant& constant, std::int64_t& out);
  bool was_changed(const Value& value, const Constant& constant);
  std::uint64_t line_length(const Constant& constant);
  bool is_boolean_line(const Constant& constant);
  bool find_newline(std::uint64_t& at);
  std::uint64_t line_end(std::uint64_t at, int lines);
  std::uint8_t byte_at(std::uint64_t offset);

  // --- looking inside (rebuild.cpp, folding.cpp) ---
  NodeId rebuild(const Value& value);
  void open(NodeId id) override;
  void fold_back(std::size_t nodes, std::size_t first) override;
  void cut_nodes(std::size_t count);

  // --- in words, and as Python compares (describe.cpp) ---
  bool falsy(const Value& value);
  std::vector<NodeId> distinct(const std::vector<NodeId>& members);
  std::string target_name(const Value& value);
  std::string render(const Value& value, std::size_t limit);

  // --- small helpers ---
  bool fail_op(std::string error) {
    end.kind = EndKind::broken;
    end.error = std::move(error);
    return false;
  }
  bool over_budget(std::string_view limit) {
    end.kind = EndKind::budget;
    end.error = std::string(limit);
    return false;
  }
  bool underflow() {
    return fail_op(marks.empty() ? "unpickling stack underflow" : "unexpected MARK found");
  }
  std::uint64_t fence() const { return marks.empty() ? 0 : marks.back().height; }
  bool push(const Value& value) {
    if (height == stack.capacity() && !stack.reserve(height + 1, limits.stack_entries)) {
      return over_budget("stack_entries");
    }
    stack[height++] = value;
    return true;
  }
  bool python() const { return profile.unpickler != Unpickler::c; }
  // TorchScript's unpickler reaches nothing of Python: its own table gives all results.
  bool asks_world() const { return profile.unpickler != Unpickler::libtorch; }
  bool restricted() const {
    return profile.unpickler == Unpickler::torch_weights_only ||
           profile.unpickler == Unpickler::libtorch;
  }
  bool take_mark(Mark& mark) {
    if (marks.empty()) return fail_op("could not find MARK");
    mark = marks.back();
    marks.pop_back();
    return true;
  }
  // A second entry, pushed at `at`, of a value that tells itself.
  static Value copy_handle(Value value, std::uint64_t at) {
    if (!value.shifted()) value.end = value.start;
    value.flags |= Value::kShifted;
    value.start = at & kMaxOffset;
    return value;
  }
  // What a GET at `at` pushes of the memo's entry. The loop has this and `memoize` in line.
  [[gnu::always_inline]] Value fetch_handle(const Value& entry, std::uint64_t index,
                                            std::uint64_t at) {
    if (tells_itself(entry.kind()) && entry.direct()) return copy_handle(entry, at);
    Value value = entry;
    value.flags = Value::kViaMemo;
    value.end = index & kMaxOffset;
    value.start = at & kMaxOffset;  // by which the memo knows the version that was fetched
    fetched(value);
    return value;
  }
  // A PUT of the top entry by the opcode [at, behind). The truth about what can change moves to the
  // memo, so that later changes are seen from every handle. False when the memo is full.
  [[gnu::always_inline]] bool memoize(Value& top, std::uint64_t index, std::uint64_t at,
                                      std::uint64_t behind) {
    Value kept = top;
    if (kept.via_memo()) {
      const Value* known = memo.version(kept);
      if (known != nullptr && !known->direct()) kept = *known;
    }
    if (!memo.put(index, kept, at)) return false;
    if (top.direct() && !top.shifted() && changes_in_place(top.kind())) {
      top.flags = Value::kViaMemo | Value::kInPlace;
      top.end = index & kMaxOffset;
    }
    if (tuple_fresh_until == at) tuple_fresh_until = behind;
    return true;
  }

  using Ref = Imported;
  struct Box {
    std::uint64_t offset;  // of the DUP
    Value value;
  };
  struct Patch {
    std::uint64_t start, end;
  };

  Machine& self;
  Window window;
  Profile profile;
  World& world;
  TraceSink& sink;
  Limits limits;
  MachineOptions options;

  // Of the current pickle.
  static constexpr std::uint64_t kBigIndexBase = std::uint64_t{1} << 39;
  std::unordered_map<std::string, std::uint64_t> big_indices;  // Python: memo indices of any size
  Growable<Value> stack;
  std::uint64_t height = 0;
  GrowableStack<Mark> marks;
  Memo memo;
  std::vector<Box> boxes;
  std::unordered_map<std::uint64_t, std::vector<Patch>> patches;  // by identity of a mutable value
  std::uint64_t patch_count = 0;
  std::vector<Computed> computed;
  std::uint64_t computed_bytes = 0;
  std::uint64_t pos = 0;  // behind what was read
  std::uint64_t op_offset = 0;  // of the running opcode
  std::uint8_t op_code = 0;
  std::uint64_t stream_start = 0;
  bool in_frame = false;  // Python's unframer
  std::uint64_t frame_end = 0;  // also the end of the piece of the file that C holds
  static constexpr std::uint64_t kNoFrame = ~std::uint64_t{0};
  struct Tear {
    std::uint64_t next;  // offset of the following opcode
    std::uint64_t index;  // of the memo, for GETs
  };
  std::unordered_map<std::uint64_t, Tear> tears;  // by offset of an opcode whose argument is parted
  int proto = 0;
  std::vector<std::pair<std::uint64_t, int>> proto_log;  // offsets at which it changed
  End end;
  bool stopped = false;
  Releases following = kAllReleases;  // of Profile::releases, those that have not refused
  RunResult result;

  // The items of the tuple that was made last, still lying on the stack above it.
  std::uint64_t tuple_fresh_until = 0;  // the opcode at this offset may use them
  std::uint64_t tuple_base = 0;
  std::uint64_t tuple_count = 0;
  Value tuple_first{};

  // Over all pickles of the view.
  std::deque<Ref> refs;
  std::unordered_map<std::string, RefId> ref_ids;
  std::uint64_t ref_bytes = 0;  // of all names kept
  std::unordered_map<std::int64_t, Value> extensions;
  std::unordered_map<std::int64_t, std::pair<std::string, std::string>> extension_names;
  bool poisoned = false;

  // joblib's arrays. The Python unpickler holds a whole frame, so an array that is read in the
  // middle of one lies behind the frame: opcodes go on in it, and from its end behind the array.
  bool joblib_wrapper_named = false;
  std::unordered_set<std::uint64_t> wrappers;  // where objects begin that may be wrappers
  std::unordered_set<std::uint64_t> built;  // objects that have their state: start and depth
  std::array<std::uint64_t, 61> built_lately{};  // some of them that were fetched
  // Dicts, and objects without a state, that were fetched or copied: start and depth.
  std::unordered_set<std::uint64_t> held_values;
  bool many_held = false;  // more than are remembered
  std::unordered_set<std::uint64_t> looked_into;  // where containers begin that contracts saw
  bool many_looks = false;  // more than are remembered
  std::unordered_set<std::uint64_t> states_given;  // where dicts begin that are an object's state
  bool discarded = false;  // a value was popped
  bool built_late = false;  // a state was given through the memo
  std::uint64_t hash_visits = 0;  // items of tuples that were hashed
  // Long integers that are keys, by a few bits of their hash (hashing.cpp).
  std::vector<std::uint32_t> number_keys;
  std::uint64_t number_keys_seen = 0;
  bool hashes_alike = false;  // so many have one hash that loading hardly ends
  bool hashes_deep = false;  // one of tuples in tuples beyond what every stack has room for
  bool unsure_array = false;  // one may hold objects or numbers
  bool many_wrappers = false;  // any object may be one
  std::uint64_t file_next = 0;  // where the file stands while a frame is held
  bool moved = false;  // file_next is not frame_end
  std::map<std::uint64_t, std::uint64_t> jumps;  // reading goes on at the second offset
  std::unordered_map<std::uint64_t, Value> array_values;  // by offset of the BUILD
  std::unordered_map<std::uint64_t, RawArray> raw_arrays;  // by offset of the BUILD
  std::vector<std::pair<std::uint64_t, std::uint64_t>> arrays;
  std::optional<std::uint64_t> first_array;
  std::vector<Companion> companions;
  Outcome outcome;
  std::vector<Value> scratch_items;
  std::string key_buffer;

  // Rebuilding.
  bool nodes_stale = false;  // something changed that the graph shows
  NodeGraph graph;
  struct Identity {
    std::uint64_t start, end;
    std::uint8_t kind, depth;
    friend bool operator==(const Identity&, const Identity&) = default;
  };
  struct IdentityHash {
    std::size_t operator()(const Identity& id) const {
      std::uint64_t x = id.start * 0x9e3779b97f4a7c15u ^
                        (id.end + id.kind * 131u + id.depth) * 0xc2b2ae3d27d4eb4fu;
      return static_cast<std::size_t>(x ^ x >> 29);
    }
  };
  static Identity identity(const Value& value);
  // The node of a value that others may hold too, or kNoNode.
  NodeId known_node(const Identity& key) const {
    static_assert(FlatIndex::kNone == kNoNode);
    return node_ids.find(IdentityHash()(key),
                         [&](NodeId id) { return identity(node_values[id]) == key; });
  }
  FlatIndex node_ids;  // by the identity of node_values
  std::vector<Value> node_values;  // by NodeId: the handle it was made from
  // What nodes look at when the stream is not held, in the order of the nodes.
  TextPool letters;
  struct NodeText {
    NodeId node;
    TextPool::Mark before;
  };
  std::vector<NodeText> texts;
  std::string text_scratch;
  // A long text that other nodes may show too.
  struct SharedText {
    NodeId node;
    std::uint64_t offset;  // of the constant
    std::uint64_t length;  // of the whole text
    std::string text;
  };
  std::deque<SharedText> shared_texts;
  // Their places by offset. An entry means something only while `shared_texts` has that offset
  // there: what was cut off since is made again.
  std::unordered_map<std::uint64_t, std::size_t> text_at;
  // Folding (node.h). A node below `link_barrier` may refer to any other below it: nothing from
  // there on may be cut off above a lower place.
  bool (*folds)(std::string_view module, std::string_view name) = nullptr;
  std::size_t link_barrier = 0;
  std::size_t open_barrier = 0;  // likewise: what is open below it stays so
  struct Opened {
    NodeId id;
    Value value;  // its range, which grows while it is open
  };
  std::vector<Opened> opened;  // folded nodes that are spelled out, in order
  std::uint64_t rebuilt_bytes = 0;
  std::uint64_t own_spare = 0;  // when no other runs share it
  std::uint64_t looked = 0;  // behind the farthest byte that was searched for a line's end
  // A range that alone has too many nodes: nothing that holds it is spelled out again.
  std::optional<std::pair<std::uint64_t, std::uint64_t>> too_large;
  std::vector<std::uint8_t> node_states;  // by NodeId: 0 asked for, 1 complete, 2 being built
  std::vector<std::uint8_t> fetch_scratch;
  std::vector<std::uint8_t> line_scratch;
};

}  // namespace brine::pickle
