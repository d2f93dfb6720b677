// The machine's loop: stack, marks, memo, constants and built-in containers.
//
// Problem: gigabytes of plain data must cost a few nanoseconds an opcode and nothing but their memo
// entries, while every effect is found exactly where the real unpickler has it.
// Method: the loop keeps its cursor and stack pointer in registers and pushes handles; what is rare
// or has effects leaves the loop through SAVE/LOAD and works on the members (cold_opcode here,
// effects.cpp). C and Python semantics are two instances of one template, told apart by kPy.
// Invariant: an entry's range [start, end) run on an empty stack leaves the entry's value
// (value.h); every opcode that changes an entry in place moves its `end`.

#include "pickle/machine.h"

#include <algorithm>

#include "pickle/machine_impl.h"

namespace brine::pickle {
namespace {

constexpr std::uint64_t kMaxLine = 32u << 20;
constexpr int kHighestProtocol = 5;
constexpr std::size_t kMaxProtocolChanges = 1u << 16;

bool tells_itself(Kind kind) {  // GET and DUP may copy the handle: nothing can change it
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

bool changes_in_place(Kind kind) {
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

bool hashable_constant(Kind kind) { return kind <= Kind::bytes || kind == Kind::frozenset; }

}  // namespace

bool is_constant(Kind kind) { return kind <= Kind::bytearray; }

std::uint64_t mutable_identity(const Value& value) {
  return static_cast<std::uint64_t>(value.start) | static_cast<std::uint64_t>(value.depth) << 40;
}

Machine::Impl::Impl(Machine& self_, ByteSource& source_, const Profile& profile_, World& world_,
                    TraceSink& sink_, const Limits& limits_, MachineOptions options_)
    : self(self_),
      window(source_, options_.start),
      profile(profile_),
      world(world_),
      sink(sink_),
      limits(limits_),
      options(options_),
      memo(limits_.memo_entries),
      pos(options_.start),
      poisoned(options_.poisoned),
      own_spare(limits_.rebuild_spare) {}

// Whether that many bytes may be run again beyond what the stream's length allows.
bool Machine::Impl::take_spare(std::uint64_t bytes) {
  std::uint64_t& left = options.spare == nullptr ? own_spare : *options.spare;
  const bool enough = bytes <= left;
  left -= std::min(bytes, left);
  return enough;
}

void Machine::Impl::reset() {
  height = 0;
  marks.clear();
  memo.clear();
  big_indices.clear();
  boxes.clear();
  patches.clear();
  patch_count = 0;
  computed.clear();
  self.clear_nodes();
  stream_start = pos;
  in_frame = false;
  frame_end = kNoFrame;
  proto = 0;
  proto_log.clear();
  tears.clear();
  moved = false;
  jumps.clear();
  wrappers.clear();
  built.clear();
  states_given.clear();
  built_lately.fill(~std::uint64_t{0});
  held_values.clear();
  many_held = false;
  looked_into.clear();
  many_looks = false;
  discarded = false;
  built_late = false;
  hash_visits = 0;
  hashes_deep = false;
  many_wrappers = false;
  array_values.clear();
  raw_arrays.clear();
  arrays.clear();
  first_array.reset();
  too_large.reset();
  looked = 0;
  companions.clear();
  end = End{};
  stopped = false;
  following = profile.releases;
  result = RunResult{};
  tuple_fresh_until = 0;
}

RunResult Machine::Impl::run() {
  reset();
  return go_on();
}

RunResult Machine::Impl::go_on() {
  if (pos > kMaxOffset || window.size() > kMaxOffset) {
    end = {EndKind::budget, pos, 0, "offset"};
  } else if (python()) {
    loop<true>();
  } else {
    loop<false>();
  }
  if (!stopped) {
    if (window.error() && end.kind == EndKind::broken) {
      end.kind = EndKind::budget;
      end.error = window.error()->what;
    }
    end.offset = op_offset;
    end.opcode = op_code;
    result.divergence |= kDivergesByUnpickler;
  } else {
    end.offset = pos;
    end.opcode = op::STOP;
    // What a frame still holds was taken from the file and is forgotten.
    if (pos < frame_end && frame_end != kNoFrame && (python() ? in_frame : true)) {
      result.divergence |= kDivergesByFraming;
      if (!profile.whole) pos = frame_end;
    }
    judge_result();
  }
  if (memo.far()) {
    result.strain = "loading takes memory for every index of the memo below one that lies far out";
  } else if (hashes_deep) {
    result.strain = "loading may end the process: a key of tuples in thousands of tuples";
  }
  result.end = end;
  return result;
}

// What the stream leaves behind for whoever gets its result.
void Machine::Impl::judge_result() {
  if (!asks_world()) return;
  outcome.clear();
  world.finish(self, result.result, outcome);
  if (outcome.judgement.level != Level::inert) sink.on_result(outcome.judgement, op_offset, self);
}

std::string Machine::Impl::short_by(std::uint64_t count) const {
  std::uint64_t left = pos > window.size() ? 0 : window.size() - pos;
  const Opcode* row = find_opcode(op_code);
  return std::string(row != nullptr ? row->name : "?") + " wants " + std::to_string(count) +
         (count == 1 ? " byte, " : " bytes, ") + std::to_string(left) +
         (left == 1 ? " is left" : " are left");
}

// Reads of `count` bytes at `pos`: Python's unframer lets none reach over its frame's end.
bool Machine::Impl::read_arg(std::uint64_t count) {
  if (python() && in_frame && count != 0) {
    if (pos >= frame_end) {
      if (!leave_frame()) return false;
    } else if (count > frame_end - pos) {
      return fail_op("pickle exhausted before end of frame");
    }
  }
  if (pos > window.size() || count > window.size() - pos) return fail_op(short_by(count));
  return true;
}

bool Machine::Impl::read_line(std::string_view& line, bool& ended) {
  ended = false;
  if (python() && in_frame && pos >= frame_end && !leave_frame()) return false;
  std::uint64_t searched = 0;
  for (;;) {
    std::uint64_t left = window.size() - pos;
    std::uint64_t look = std::min(std::max<std::uint64_t>(searched * 2, 256), left);
    if (look > kMaxLine) return over_budget("text_bytes");
    if (look > searched && !window.ensure(pos, look)) return fail_op("cannot be read");
    const std::uint8_t* first = look == 0 ? nullptr : window.at(pos);
    std::uint64_t seen = look == 0 ? 0 : window.held_end() - pos;
    const void* hit = seen > searched ? std::memchr(first + searched, '\n',
                                                    static_cast<std::size_t>(seen - searched))
                                      : nullptr;
    if (hit != nullptr) {
      auto count = static_cast<std::uint64_t>(static_cast<const std::uint8_t*>(hit) - first);
      if (in_frame && python() && pos + count >= frame_end) {
        return fail_op("pickle exhausted before end of frame");
      }
      line = {reinterpret_cast<const char*>(first), static_cast<std::size_t>(count)};
      pos += count + 1;
      return true;
    }
    looked = std::max(looked, pos + seen);
    if (seen >= left) {
      if (!python() || in_frame) return fail_op("a line without its newline");
      line = {reinterpret_cast<const char*>(first), static_cast<std::size_t>(left)};
      ended = true;  // Python's readline gives the rest, and what follows cuts its last byte off
      result.divergence |= kDivergesByUnpickler;
      pos += left;
      return true;
    }
    searched = seen;
  }
}

// Stores the top of the stack in the memo. The truth about what can change moves there, so that
// later changes are seen from every handle.
#define BRINE_PUT(index_expr)                                                                    \
  do {                                                                                           \
    if (sp <= floor) {                                                                           \
      SAVE();                                                                                    \
      underflow();                                                                               \
      return;                                                                                    \
    }                                                                                            \
    Value& top_ = sp[-1];                                                                        \
    std::uint64_t index_ = (index_expr);                                                         \
    Value kept_ = top_;                                                                          \
    if (kept_.via_memo()) {                                                                      \
      const Value* known_ = memo.version(kept_);                                                 \
      if (known_ != nullptr && !known_->direct()) kept_ = *known_;                               \
    }                                                                                            \
    if (!memo.put(index_, kept_, at)) {                                                          \
      SAVE();                                                                                    \
      over_budget("memo_entries");                                                               \
      return;                                                                                    \
    }                                                                                            \
    if (top_.direct() && !top_.shifted() && changes_in_place(top_.kind())) {                     \
      top_.flags = Value::kViaMemo | Value::kInPlace;                                            \
      top_.end = index_ & kMaxOffset;                                                            \
    }                                                                                            \
    if (tuple_fresh_until == at) tuple_fresh_until = base + static_cast<std::uint64_t>(p - buf); \
  } while (0)

#define BRINE_GET(index_expr)                                             \
  do {                                                                    \
    std::uint64_t index_ = (index_expr);                                  \
    const Value* found_ = memo.find(index_);                              \
    if (found_ == nullptr) {                                              \
      SAVE();                                                             \
      fail_op("Memo value not found at index " + std::to_string(index_)); \
      return;                                                             \
    }                                                                     \
    Value value_ = *found_;                                               \
    if (tells_itself(value_.kind()) && value_.direct()) {                 \
      if (!value_.shifted()) value_.end = value_.start;                   \
      value_.flags |= Value::kShifted;                                    \
    } else {                                                              \
      value_.flags = Value::kViaMemo;                                     \
      value_.end = index_ & kMaxOffset;                                   \
      fetched(value_);                                                    \
    }                                                                     \
    value_.start = at & kMaxOffset;                                       \
    PUSH(value_);                                                         \
  } while (0)

#define OFF() (base + static_cast<std::uint64_t>(p - buf))
#define SAVE() (pos = OFF(), height = static_cast<std::uint64_t>(sp - stack.data()))
#define LOAD()                                       \
  do {                                               \
    visible = window.visible(pos);                   \
    if (!kPy && frame_end > pos && !profile.whole) { \
      visible = std::min(visible, frame_end - pos);  \
    }                                                \
    buf = window.data();                             \
    base = window.base();                            \
    p = visible != 0 ? window.at(pos) : buf;         \
    if (visible == 0) base = pos;                    \
    e = p + visible;                                 \
    sp = stack.data() + height;                      \
    stack_limit = stack.data() + stack.capacity();   \
    floor = stack.data() + fence();                  \
  } while (0)
#define COLD(call)       \
  do {                   \
    SAVE();              \
    if (!(call)) return; \
    LOAD();              \
  } while (0)
#define PUSH(value)                                           \
  do {                                                        \
    if (sp == stack_limit) {                                  \
      SAVE();                                                 \
      if (!stack.reserve(height + 1, limits.stack_entries)) { \
        over_budget("stack_entries");                         \
        return;                                               \
      }                                                       \
      LOAD();                                                 \
    }                                                         \
    *sp++ = (value);                                          \
  } while (0)
#define PUSH_CONST(kind) PUSH(Value::make(kind, at, OFF()))
// `count` argument bytes at p: visible, and (Python) inside the frame.
#define ARG(count)                                                                                \
  do {                                                                                            \
    if (static_cast<std::size_t>(e - p) < static_cast<std::size_t>(count) || (kPy && in_frame)) { \
      SAVE();                                                                                     \
      if (!kPy && crosses(count)) {                                                               \
        if (!load_torn(code)) return;                                                             \
        LOAD();                                                                                   \
        goto next_opcode;                                                                         \
      }                                                                                           \
      if (!read_arg(count) || !window.ensure(pos, count)) {                                       \
        if (end.kind == EndKind::stop) fail_op("cannot be read");                                 \
        return;                                                                                   \
      }                                                                                           \
      LOAD();                                                                                     \
    }                                                                                             \
  } while (0)
#define NEED_ENTRIES(count)   \
  if (sp - floor < (count)) { \
    SAVE();                   \
    underflow();              \
    return;                   \
  }

template <bool kPy>
void Machine::Impl::loop() {
  const std::uint8_t* buf;
  const std::uint8_t* p;
  const std::uint8_t* e;
  std::uint64_t base, visible;
  Value* sp;
  Value* stack_limit;
  Value* floor;
  const bool watched = sink.wants_steps() || restricted();
  std::uint64_t executed = 0;
  struct Count {
    std::uint64_t& from;
    std::uint64_t& to;
    ~Count() { to = from; }
  } count{executed, result.opcodes};

  if (!stack.reserve(64, limits.stack_entries)) {
    over_budget("stack_entries");
    return;
  }
  LOAD();
  for (;;) {
    std::uint64_t at = OFF();
    op_offset = at;
    if (p == e || (kPy && in_frame)) {
      op_code = 0;
      SAVE();
      if (pos >= window.size() && !moved) {
        fail_op("the stream ends without STOP");
        return;
      }
      if (!read_arg(1) || !window.ensure(pos, 1)) {
        if (end.kind == EndKind::stop) fail_op("cannot be read");
        return;
      }
      if (kPy) op_offset = at = pos;  // behind a frame the file may stand further on
      LOAD();
    }
    if (!kPy && at >= frame_end) {
      if (at != frame_end) result.divergence |= kDivergesByUnpickler;
      frame_end = kNoFrame;
    }
    std::uint8_t code = *p++;
    op_code = code;
    ++executed;
    if (watched) {
      SAVE();
      const Opcode* row = find_opcode(code);
      if (row != nullptr && sink.wants_steps()) sink.on_step(at, *row, self);
      if (restricted() && !admitted(code)) return;
      LOAD();
    }
    switch (code) {
      case op::NONE: PUSH_CONST(Kind::none); break;
      case op::NEWTRUE:
      case op::NEWFALSE: PUSH_CONST(Kind::boolean); break;
      case op::BININT1:
        ARG(1);
        p += 1;
        PUSH_CONST(Kind::integer);
        break;
      case op::BININT2:
        ARG(2);
        p += 2;
        PUSH_CONST(Kind::integer);
        break;
      case op::BININT:
        ARG(4);
        p += 4;
        PUSH_CONST(Kind::integer);
        break;
      case op::BINFLOAT:
        ARG(8);
        p += 8;
        PUSH_CONST(Kind::floating);
        break;

      case op::SHORT_BINUNICODE: {
        ARG(1);
        std::size_t size = *p++;
        ARG(size);
        if (!valid_utf8(p, size, true)) {
          SAVE();
          fail_op("SHORT_BINUNICODE is not UTF-8");
          return;
        }
        p += size;
        PUSH_CONST(Kind::str);
        break;
      }
      case op::SHORT_BINBYTES: {
        ARG(1);
        std::size_t size = *p++;
        if (!kPy && static_cast<std::size_t>(e - p) < size) {
          SAVE();
          join_pieces(size);
          LOAD();
        }
        ARG(size);
        p += size;
        PUSH_CONST(Kind::bytes);
        break;
      }
      case op::BINUNICODE: {
        ARG(4);
        std::size_t size = load_le32(p);
        if ((kPy && in_frame) || static_cast<std::size_t>(e - p) - 4 < size) {
          COLD(cold_opcode<kPy>(code));
          break;
        }
        p += 4;
        if (!valid_utf8(p, size, true)) {
          SAVE();
          fail_op("BINUNICODE is not UTF-8");
          return;
        }
        p += size;
        PUSH_CONST(Kind::str);
        break;
      }

      case op::BINGET:
        ARG(1);
        p += 1;
        BRINE_GET(std::uint64_t{p[-1]});
        break;
      case op::LONG_BINGET:
        ARG(4);
        p += 4;
        BRINE_GET(std::uint64_t{load_le32(p - 4)});
        break;
      case op::BINPUT:
        ARG(1);
        p += 1;
        BRINE_PUT(std::uint64_t{p[-1]});
        break;
      case op::LONG_BINPUT:
        ARG(4);
        p += 4;
        BRINE_PUT(std::uint64_t{load_le32(p - 4)});
        break;
      case op::MEMOIZE: BRINE_PUT(memo.count()); break;

      case op::EMPTY_LIST: PUSH_CONST(Kind::list); break;
      case op::EMPTY_DICT: PUSH_CONST(Kind::dict); break;
      case op::EMPTY_SET: PUSH_CONST(Kind::set); break;
      case op::EMPTY_TUPLE:
        PUSH_CONST(Kind::tuple);
        tuple_base = static_cast<std::uint64_t>(sp - stack.data()) - 1;
        tuple_count = 0;
        tuple_fresh_until = OFF();
        break;

      case op::MARK:
        if (!marks.push_back({static_cast<std::uint64_t>(sp - stack.data()), at},
                             limits.stack_entries)) {
          SAVE();
          over_budget("stack_entries");
          return;
        }
        floor = sp;
        break;

      case op::TUPLE1:
      case op::TUPLE2:
      case op::TUPLE3: {
        const int n = code - op::TUPLE1 + 1;
        NEED_ENTRIES(n);
        sp -= n;
        tuple_base = static_cast<std::uint64_t>(sp - stack.data());
        tuple_count = static_cast<std::uint64_t>(n);
        tuple_first = *sp;
        *sp = Value::make(Kind::tuple, sp->start, OFF());
        ++sp;
        tuple_fresh_until = OFF();
        break;
      }
      case op::TUPLE: {
        if (marks.empty()) {
          SAVE();
          fail_op("could not find MARK");
          return;
        }
        Mark mark = marks.back();
        marks.pop_back();
        Value* first = stack.data() + mark.height;
        tuple_base = mark.height;
        tuple_count = static_cast<std::uint64_t>(sp - first);
        sp = first;
        floor = stack.data() + fence();
        if (tuple_count != 0) {
          tuple_first = *sp;
          *sp++ = Value::make(Kind::tuple, mark.offset, OFF());
        } else {
          PUSH(Value::make(Kind::tuple, mark.offset, OFF()));
        }
        tuple_fresh_until = OFF();
        break;
      }
      case op::LIST: {
        if (marks.empty()) {
          SAVE();
          fail_op("could not find MARK");
          return;
        }
        Mark mark = marks.back();
        marks.pop_back();
        sp = stack.data() + mark.height;
        floor = stack.data() + fence();
        PUSH(Value::make(Kind::list, mark.offset, OFF()));
        break;
      }

      case op::APPEND: {
        NEED_ENTRIES(2);
        Value& target = sp[-2];
        if (target.kind() == Kind::list && target.direct()) {
          --sp;
          target.end = OFF() & kMaxOffset;
          nodes_stale = true;
        } else {
          COLD(do_append(height - 1, true));
        }
        break;
      }
      case op::APPENDS: {
        if (marks.empty()) {
          SAVE();
          fail_op("could not find MARK");
          return;
        }
        Mark mark = marks.back();
        marks.pop_back();
        Value* first = stack.data() + mark.height;
        floor = stack.data() + fence();
        if (first <= floor) {
          SAVE();
          underflow();
          return;
        }
        Value& target = first[-1];
        if (target.kind() == Kind::list && target.direct()) {
          sp = first;
          target.end = OFF() & kMaxOffset;
          nodes_stale = true;
        } else {
          COLD(do_append(mark.height, false));
        }
        break;
      }
      case op::SETITEM: {
        NEED_ENTRIES(3);
        Value& target = sp[-3];
        if (target.kind() == Kind::dict && target.direct() && hashable_constant(sp[-2].kind())) {
          sp -= 2;
          target.end = OFF() & kMaxOffset;
          nodes_stale = true;
        } else {
          COLD(do_setitems(height - 2, true));
        }
        break;
      }
      case op::SETITEMS: {
        if (marks.empty()) {
          SAVE();
          fail_op("could not find MARK");
          return;
        }
        Mark mark = marks.back();
        marks.pop_back();
        Value* first = stack.data() + mark.height;
        floor = stack.data() + fence();
        if (first <= floor) {
          SAVE();
          if (sp == first && nothing_to_set()) break;
          underflow();
          return;
        }
        Value& target = first[-1];
        bool plain = target.kind() == Kind::dict && ((sp - first) & 1) == 0;
        for (Value* key = first; plain && key < sp; key += 2)
          plain = hashable_constant(key->kind());
        if (plain && target.direct()) {
          sp = first;
          target.end = OFF() & kMaxOffset;
          nodes_stale = true;
        } else if (plain) {
          sp = first;
          COLD(fill_dict(target));
        } else {
          COLD(do_setitems(mark.height, false));
        }
        break;
      }

      case op::REDUCE: COLD(do_reduce()); break;

      case op::PROTO:
        ARG(1);
        if (*p > kHighestProtocol && !restricted()) {
          SAVE();
          fail_op("unsupported pickle protocol: " + std::to_string(*p));
          return;
        }
        if (*p != proto) {
          if (proto_log.size() >= kMaxProtocolChanges) {
            SAVE();
            over_budget("references");
            return;
          }
          proto_log.emplace_back(at, *p);
        }
        proto = *p++;
        result.protocol = std::max(result.protocol, static_cast<std::uint8_t>(proto));
        break;

      case op::STOP:
        NEED_ENTRIES(1);
        SAVE();
        result.result = sp[-1];
        stopped = true;
        return;

      default: COLD(cold_opcode<kPy>(code)); break;
    }
  next_opcode:;
  }
}

template <bool kPy>
bool Machine::Impl::cold_opcode(std::uint8_t code) {
  if (!kPy && torn_ahead(code)) return load_torn(code);
  switch (code) {
    case op::INT:
    case op::LONG:
    case op::FLOAT:
    case op::STRING:
    case op::UNICODE: return load_text_number(code);
    case op::BINSTRING:
    case op::SHORT_BINSTRING:
    case op::BINBYTES:
    case op::BINBYTES8:
    case op::BINUNICODE:
    case op::BINUNICODE8:
    case op::BYTEARRAY8:
    case op::LONG1:
    case op::LONG4: return load_counted(code);
    case op::GET:
    case op::PUT: return load_memo_text(code);
    case op::DICT: return make_dict();
    case op::ADDITEMS: return do_additems();
    case op::POP: return do_pop();
    case op::POP_MARK: return do_pop_mark();
    case op::DUP: return do_dup();
    case op::FRAME: return load_frame();
    case op::GLOBAL: return load_global(false);
    case op::INST: return kPy ? load_inst_py() : load_global(true);
    case op::STACK_GLOBAL: return load_stack_global();
    case op::OBJ: return do_obj();
    case op::NEWOBJ: return do_newobj(false);
    case op::NEWOBJ_EX: return do_newobj(true);
    case op::BUILD: return do_build();
    case op::PERSID: return load_persid(false);
    case op::BINPERSID: return load_persid(true);
    case op::READONLY_BUFFER: return readonly_buffer();
    case op::NEXT_BUFFER:
      return fail_op("the stream refers to out-of-band data that the loader does not have");
    case op::FROZENSET: {
      if (marks.empty()) return fail_op("could not find MARK");
      Mark mark = marks.back();
      marks.pop_back();
      for (std::uint64_t i = mark.height; i < height; ++i) {
        if (!hash_key(stack[i])) return false;
      }
      height = mark.height;
      return push(Value::make(Kind::frozenset, mark.offset, pos));
    }
    case op::EXT1:
    case op::EXT2:
    case op::EXT4: {
      std::uint64_t size = code == op::EXT1 ? 1 : code == op::EXT2 ? 2 : 4;
      if (!read_arg(size) || !window.ensure(pos, size)) return false;
      const std::uint8_t* p = window.at(pos);
      std::int64_t number = code == op::EXT1   ? *p
                            : code == op::EXT2 ? load_le16(p)
                                               : static_cast<std::int32_t>(load_le32(p));
      pos += size;
      return load_extension(number);
    }
    default: break;
  }
  return fail_op("invalid load key, byte " + std::to_string(code));
}

bool Machine::Impl::load_text_number(std::uint8_t code) {
  std::string_view line;
  bool ended = false;
  if (!read_line(line, ended)) return false;
  const bool py = python();
  std::string_view whole = line;
  if (ended && code != op::INT && !line.empty()) line.remove_suffix(1);
  if (!py && line.empty() && code != op::UNICODE) return fail_op("an empty line");
  bool ok = false, other = false;
  Kind kind = Kind::integer;
  switch (code) {
    case op::INT: {
      auto value = parse_int_line(whole, py);
      ok = value.has_value();
      other = parse_int_line(whole, !py).has_value();
      if (ok && value->boolean) kind = Kind::boolean;
      break;
    }
    case op::LONG:
      ok = parse_long_line(line, py).has_value();
      other = parse_long_line(line, !py).has_value();
      break;
    case op::FLOAT:
      kind = Kind::floating;
      ok = parse_float_line(line, py).has_value();
      other = parse_float_line(line, !py).has_value();
      break;
    case op::STRING: {
      kind = profile.encoding == Encoding::bytes ? Kind::bytes : Kind::str;
      auto bytes = parse_string_line(line);
      if (bytes && !decodes(*bytes, Encoding::ascii)) result.divergence |= kDivergesByEncoding;
      ok = bytes && decodes(*bytes, profile.encoding);
      other = ok;
      break;
    }
    default:
      kind = Kind::str;
      ok = parse_unicode_line(line).has_value();
      other = ok;
      break;
  }
  if (ok != other) result.divergence |= kDivergesByUnpickler;
  if (!ok) return fail_op("the text of " + std::string(find_opcode(code)->name) + " is refused");
  return push(Value::make(kind, op_offset, pos));
}

bool Machine::Impl::load_counted(std::uint8_t code) {
  std::uint64_t prefix = 1;
  ArgKind arg = find_opcode(code)->arg;
  if (arg == ArgKind::counted32) prefix = 4;
  if (arg == ArgKind::counted64) prefix = 8;
  if (!read_arg(prefix) || !window.ensure(pos, prefix)) return false;
  const std::uint8_t* p = window.at(pos);
  std::uint64_t size = prefix == 1 ? *p : prefix == 4 ? load_le32(p) : load_le64(p);
  pos += prefix;
  bool is_signed = code == op::LONG4 || (code == op::BINSTRING && python());
  if (is_signed && size > 0x7fffffff) return fail_op("a negative byte count");
  if (code == op::BINSTRING && size > 0x7fffffff) result.divergence |= kDivergesByUnpickler;
  if (size >> 63 != 0) return fail_op("a length beyond the system's maximum");
  if (!read_arg(size)) return false;

  Kind kind = Kind::bytes;
  bool text = false;
  Encoding encoding = profile.encoding;
  switch (code) {
    case op::BINUNICODE:
    case op::BINUNICODE8:
      kind = Kind::str;
      text = true;
      break;
    case op::BINSTRING:
    case op::SHORT_BINSTRING: kind = encoding == Encoding::bytes ? Kind::bytes : Kind::str; break;
    case op::LONG1:
    case op::LONG4: kind = Kind::integer; break;
    case op::BYTEARRAY8: kind = Kind::bytearray; break;
    default: break;
  }
  const bool string = code == op::BINSTRING || code == op::SHORT_BINSTRING;
  if (text || string) {
    // Checked piece by piece; a piece ends before a UTF-8 sequence that it would cut.
    std::uint64_t done = 0;
    bool ascii = true;
    while (done < size) {
      std::uint64_t piece = std::min<std::uint64_t>(size - done, 1u << 16);
      const bool more = piece < size - done;
      if (!window.ensure(pos + done, piece + (more ? 1 : 0))) return fail_op("cannot be read");
      const std::uint8_t* q = window.at(pos + done);
      if (more) {
        for (int back = 0; back < 3 && piece > 1 && (q[piece] & 0xc0) == 0x80; ++back) --piece;
      }
      std::string_view view{reinterpret_cast<const char*>(q), static_cast<std::size_t>(piece)};
      ascii = ascii && decodes(view, Encoding::ascii);
      bool good =
          text ? valid_utf8(q, static_cast<std::size_t>(piece), true) : decodes(view, encoding);
      if (!good) {
        if (string) result.divergence |= kDivergesByEncoding;
        return fail_op(std::string(find_opcode(code)->name) + " does not decode");
      }
      done += piece;
    }
    if (string && !ascii) result.divergence |= kDivergesByEncoding;
  }
  pos += size;
  return push(Value::make(kind, op_offset, pos));
}

bool Machine::Impl::load_memo_text(std::uint8_t code) {
  std::string_view line;
  bool ended = false;
  if (!read_line(line, ended)) return false;
  if (ended && !line.empty()) line.remove_suffix(1);
  const bool py = python();
  if (!py && line.empty()) return fail_op("an empty line");
  if (code == op::PUT && height <= fence()) return underflow();
  if (parse_index_line(line, true) != parse_index_line(line, false)) {
    result.divergence |= kDivergesByUnpickler;
  }
  std::optional<std::uint64_t> index = index_of_line(line);
  if (!index) {
    result.divergence |= kDivergesByUnpickler;
    return fail_op("the memo index is refused");
  }
  return code == op::GET ? memo_get(*index) : memo_put(*index);
}

bool Machine::Impl::memo_get(std::uint64_t index) {
  const Value* found = memo.find(index);
  if (found == nullptr) return fail_op("Memo value not found at index " + std::to_string(index));
  Value value = *found;
  if (tells_itself(value.kind()) && value.direct()) {
    if (!value.shifted()) value.end = value.start;
    value.flags |= Value::kShifted;
  } else {
    value.flags = Value::kViaMemo;
    value.end = index & kMaxOffset;
    fetched(value);
  }
  value.start = op_offset & kMaxOffset;
  return push(value);
}

// A dict is held twice from here on; a class that was given it as its state may have changed it.
// So is an object that waits for its state.
void Machine::Impl::fetched(const Value& value) {
  if (value.kind() != Kind::dict && value.kind() != Kind::object) return;
  const Value& told = truth(value);
  const std::uint64_t key = mutable_identity(told);
  if (value.kind() == Kind::dict) {
    poisoned = poisoned || states_given.contains(told.start);
  } else {
    // Many values refer to few objects, element types above all; who has a state keeps it.
    std::uint64_t& seen_built = built_lately[key % built_lately.size()];
    if (seen_built == key) return;
    if (built.contains(key)) {
      seen_built = key;
      return;
    }
  }
  if (held_values.size() < limits.nodes) {
    held_values.insert(key);
  } else {
    many_held = true;
  }
}

// Contracts speak of what they saw: a container that is filled further is another one.
void Machine::Impl::changes(const Value& container) {
  if (looked_into.empty() && !many_looks) return;
  poisoned = poisoned || many_looks || looked_into.contains(truth(container).start);
}

bool Machine::Impl::memo_put(std::uint64_t index) {
  Value& top = stack[height - 1];
  Value kept = top;
  if (kept.via_memo()) {
    const Value* known = memo.version(kept);
    if (known != nullptr && !known->direct()) kept = *known;
  }
  if (!memo.put(index, kept, op_offset)) return over_budget("memo_entries");
  if (top.direct() && !top.shifted() && changes_in_place(top.kind())) {
    top.flags = Value::kViaMemo | Value::kInPlace;
    top.end = index & kMaxOffset;
  }
  if (tuple_fresh_until == op_offset) tuple_fresh_until = pos;
  return true;
}

// The memo index that a line names. Python's memo is a dict, so an index may have any size there;
// those beyond the handles' width get numbers of their own.
std::optional<std::uint64_t> Machine::Impl::index_of_line(std::string_view line) {
  auto small = parse_index_line(line, python());
  if (small && *small < 0) return std::nullopt;
  if (small && static_cast<std::uint64_t>(*small) < kBigIndexBase) {
    return static_cast<std::uint64_t>(*small);
  }
  if (!python()) return std::nullopt;  // C fails to allocate or to convert
  std::string digits;
  for (char c : line) {
    if (c == '-') return std::nullopt;
    if (c >= '0' && c <= '9' && !(c == '0' && digits.empty())) digits += c;
  }
  if (!small && !parse_big_index(line)) return std::nullopt;
  auto [it, fresh] = big_indices.emplace(digits, kBigIndexBase + big_indices.size());
  return it->second;
}

bool Machine::Impl::load_frame() {
  if (!read_arg(8) || !window.ensure(pos, 8)) return false;
  std::uint64_t size = load_le64(window.at(pos));
  pos += 8;
  return begin_frame(size);
}

bool Machine::Impl::begin_frame(std::uint64_t size) {
  std::uint64_t left = window.size() - pos;
  if (size >> 63 != 0) return fail_op("FRAME is larger than the system's maximum");
  if (size > left) result.divergence |= kDivergesByUnpickler;
  if (python()) {
    if (in_frame && pos < frame_end)
      return fail_op("beginning of a new frame before end of current frame");
    in_frame = true;
    frame_end = pos + std::min(size, left);
    return true;
  }
  if (frame_end != kNoFrame && pos < frame_end) {  // a frame in a frame
    result.divergence |= kDivergesByUnpickler;
    if (size <= frame_end - pos) return true;
    if (crosses(size)) drop_piece();
    left = window.size() - pos;
  }
  if (size > left) return fail_op(short_by(size));
  frame_end = pos + size;
  return true;
}

bool Machine::Impl::make_dict() {
  if (marks.empty()) return fail_op("could not find MARK");
  Mark mark = marks.back();
  marks.pop_back();
  bool odd = ((height - mark.height) & 1) != 0;
  if (odd && !python()) return fail_op("odd number of items for DICT");
  for (std::uint64_t i = mark.height; i + 1 < height; i += 2) {
    if (!hash_key(stack[i])) return false;
  }
  if (odd) return fail_op("odd number of items for DICT");
  height = mark.height;
  return push(Value::make(Kind::dict, mark.offset, pos));
}

bool Machine::Impl::do_pop() {
  if (!marks.empty() && marks.back().height == height) {
    marks.pop_back();
    return true;
  }
  if (height <= fence()) return underflow();
  --height;
  discarded = true;
  return true;
}

bool Machine::Impl::do_pop_mark() {
  if (marks.empty()) return fail_op("could not find MARK");
  discarded = discarded || height != marks.back().height;
  height = marks.back().height;
  marks.pop_back();
  return true;
}

bool Machine::Impl::do_dup() {
  if (height <= fence()) return underflow();
  Value copy = stack[height - 1];
  if (boxes.size() >= limits.stack_entries) return over_budget("stack_entries");
  if (tells_itself(copy.kind()) && copy.direct()) {
    boxes.push_back({op_offset, copy});  // for ranges that begin at this DUP
    if (!copy.shifted()) copy.end = copy.start;
    copy.flags |= Value::kShifted;
    copy.start = op_offset & kMaxOffset;
    return push(copy);
  }
  if (boxes.size() >= limits.aliases) return over_budget("aliases");
  Value kept = copy;
  if (!kept.direct()) {
    const Value* known = kept.boxed() ? &boxes[kept.index()].value : memo.version(kept);
    if (known != nullptr && !known->direct()) kept = *known;
  }
  boxes.push_back({op_offset, kept});
  Value& top = stack[height - 1];
  if (top.direct()) {
    top.flags = Value::kBoxed | Value::kInPlace;
    top.end = (boxes.size() - 1) & kMaxOffset;
  }
  copy.flags = Value::kBoxed;
  copy.start = op_offset & kMaxOffset;
  copy.end = (boxes.size() - 1) & kMaxOffset;
  fetched(copy);
  return push(copy);
}

bool Machine::Impl::readonly_buffer() {
  if (height <= fence()) return underflow();
  Value& top = stack[height - 1];
  switch (top.kind()) {
    case Kind::bytes:
    case Kind::buffer: return true;
    case Kind::bytearray: {
      const NodeId id = rebuild(top);
      if (id != kNoNode && graph[id].kind == Kind::unknown) {
        top = Value::make(Kind::unknown, top.start, pos);
        return true;
      }
      const bool filled =
          id != kNoNode && graph[id].kind == Kind::bytearray && graph[id].length != 0;
      top = Value::make(Kind::buffer, top.start, pos, filled ? 1 : 0);
      return true;
    }
    case Kind::unknown: return true;
    case Kind::object:
    case Kind::persistent:
    case Kind::ref:
      if (world.may_iterate(self, top)) {  // what is not known may offer a buffer
        top = Value::make(Kind::unknown, top.start, pos);
        return true;
      }
      break;
    default: break;
  }
  return fail_op("a bytes-like object is required");
}

// --- the public face ---

Machine::Machine(ByteSource& source, const Profile& profile, World& world, TraceSink& sink,
                 const Limits& limits, MachineOptions options)
    : impl_(std::make_unique<Impl>(*this, source, profile, world, sink, limits, options)) {}
Machine::~Machine() = default;

RunResult Machine::run() { return impl_->run(); }
RunResult Machine::resume(std::uint64_t next, const Resumed& what) {
  return impl_->resume(next, what);
}
std::uint64_t Machine::paused_at() const { return impl_->file_position(); }
const std::vector<std::pair<std::uint64_t, std::uint64_t>>& Machine::arrays() const {
  return impl_->arrays;
}
const RawArray* Machine::raw_array(std::uint64_t build) const {
  const auto found = impl_->raw_arrays.find(build);
  return found == impl_->raw_arrays.end() ? nullptr : &found->second;
}
bool Machine::read(std::uint64_t offset, std::uint64_t count, std::vector<std::uint8_t>& out) {
  std::vector<std::uint8_t> scratch;
  const ByteSpan seen = impl_->window.fetch(offset, count, scratch);
  out.assign(seen.begin(), seen.end());
  return out.size() == count;
}
void Machine::note_seen(std::uint64_t container) {
  if (impl_->looked_into.size() < impl_->limits.nodes) {
    impl_->looked_into.insert(container);
  } else {
    impl_->many_looks = true;
  }
}
bool Machine::held_twice(const Value& value) const {
  return impl_->many_held || impl_->held_values.contains(mutable_identity(impl_->truth(value)));
}
bool Machine::discarded() const { return impl_->discarded; }
bool Machine::irregular() const { return impl_->discarded || impl_->built_late; }
const std::map<std::uint64_t, std::uint64_t>& Machine::jumps() const { return impl_->jumps; }
std::optional<std::uint64_t> Machine::first_array() const { return impl_->first_array; }
const std::vector<Companion>& Machine::companions() const { return impl_->companions; }
std::uint64_t Machine::position() const { return impl_->pos; }
std::uint64_t Machine::looked() const { return std::max(impl_->pos, impl_->looked); }
const Profile& Machine::profile() const { return impl_->profile; }
const Limits& Machine::limits() const { return impl_->limits; }
bool Machine::poisoned() const { return impl_->poisoned; }
void Machine::poison(bool poisoned) { impl_->poisoned = impl_->poisoned || poisoned; }
std::size_t Machine::stack_height() const { return static_cast<std::size_t>(impl_->height); }
std::size_t Machine::mark_count() const { return impl_->marks.size(); }
std::size_t Machine::mark_height(std::size_t mark) const { return impl_->marks[mark].height; }
const Value& Machine::stack_at(std::size_t from_top) const {
  return impl_->stack[impl_->height - 1 - from_top];
}
std::string_view Machine::module_of(RefId ref) const { return impl_->refs[ref].module; }
std::string_view Machine::name_of(RefId ref) const { return impl_->refs[ref].name; }
std::size_t Machine::reference_count() const { return impl_->refs.size(); }

}  // namespace brine::pickle
