// The machine's loop: stack, marks, memo, constants and built-in containers.
//
// Problem: gigabytes of plain data must cost a few nanoseconds an opcode and nothing but their memo
// entries, while every effect is found exactly where the real unpickler has it.
// Method: the loop keeps its cursor and stack pointer in registers and pushes handles; what is rare
// or has effects leaves the loop through SAVE/LOAD and works on the members (cold_opcode). C and
// Python semantics are two instances of one template, told apart by kPy.
// Invariant: an entry's range [start, end) run on an empty stack leaves the entry's value
// (value.h); every opcode that changes an entry in place moves its `end`.

#include <algorithm>

#include "pickle/machine_impl.h"

namespace brine::pickle {
namespace {

constexpr int kHighestProtocol = 5;
constexpr std::size_t kMaxProtocolChanges = 1u << 16;

// A key of which hashing.cpp has nothing to say.
bool hashable_constant(const Value& key) {
  const Kind kind = key.kind();
  if (kind == Kind::integer) return key.is_short();
  return kind <= Kind::bytes || kind == Kind::frozenset;
}

}  // namespace

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
#define MEMO_PUT(index)                       \
  do {                                        \
    if (sp <= floor) {                        \
      SAVE();                                 \
      underflow();                            \
      return;                                 \
    }                                         \
    if (!memoize(sp[-1], index, at, OFF())) { \
      SAVE();                                 \
      over_budget("memo_entries");            \
      return;                                 \
    }                                         \
  } while (0)
#define MEMO_GET(index_expr)                                              \
  do {                                                                    \
    std::uint64_t index_ = (index_expr);                                  \
    const Value* found_ = memo.find(index_);                              \
    if (found_ == nullptr) {                                              \
      SAVE();                                                             \
      fail_op("Memo value not found at index " + std::to_string(index_)); \
      return;                                                             \
    }                                                                     \
    PUSH(fetch_handle(*found_, index_, at));                              \
  } while (0)
// The topmost mark, which leaves the stack of marks.
#define TAKE_MARK(mark)             \
  if (marks.empty()) {              \
    SAVE();                         \
    fail_op("could not find MARK"); \
    return;                         \
  }                                 \
  const Mark mark = marks.back();   \
  marks.pop_back()
// `target` grew in its place by what this opcode put into it.
#define GREW(target)                   \
  do {                                 \
    (target).end = OFF() & kMaxOffset; \
    nodes_stale = true;                \
  } while (0)

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
        MEMO_GET(std::uint64_t{p[-1]});
        break;
      case op::LONG_BINGET:
        ARG(4);
        p += 4;
        MEMO_GET(std::uint64_t{load_le32(p - 4)});
        break;
      case op::BINPUT:
        ARG(1);
        p += 1;
        MEMO_PUT(std::uint64_t{p[-1]});
        break;
      case op::LONG_BINPUT:
        ARG(4);
        p += 4;
        MEMO_PUT(std::uint64_t{load_le32(p - 4)});
        break;
      case op::MEMOIZE: MEMO_PUT(memo.count()); break;

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
        TAKE_MARK(mark);
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
        TAKE_MARK(mark);
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
          GREW(target);
        } else {
          COLD(do_append(height - 1, true));
        }
        break;
      }
      case op::APPENDS: {
        TAKE_MARK(mark);
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
          GREW(target);
        } else {
          COLD(do_append(mark.height, false));
        }
        break;
      }
      case op::SETITEM: {
        NEED_ENTRIES(3);
        Value& target = sp[-3];
        if (target.kind() == Kind::dict && target.direct() && hashable_constant(sp[-2])) {
          sp -= 2;
          GREW(target);
        } else {
          COLD(do_setitems(height - 2));
        }
        break;
      }
      case op::SETITEMS: {
        TAKE_MARK(mark);
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
        for (Value* key = first; plain && key < sp; key += 2) plain = hashable_constant(*key);
        if (plain && target.direct()) {
          sp = first;
          GREW(target);
        } else if (plain) {
          sp = first;
          COLD(fill_dict(target));
        } else {
          COLD(do_setitems(mark.height));
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
    case op::GLOBAL: return load_global();
    case op::INST: return load_inst();
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
    case op::FROZENSET: return make_frozenset();
    case op::EXT1:
    case op::EXT2:
    case op::EXT4: return load_extension_code(code);
    default: break;
  }
  return fail_op("invalid load key, byte " + std::to_string(code));
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
  Mark mark{};
  if (!take_mark(mark)) return false;
  discarded = discarded || height != mark.height;
  height = mark.height;
  return true;
}

template void Machine::Impl::loop<false>();
template void Machine::Impl::loop<true>();

}  // namespace brine::pickle
