#include "generator.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "pickle/opcode.h"

namespace brine::differential {
namespace {

namespace op = pickle::op;
using pickle::Encoding;
using pickle::Unpickler;
using namespace std::string_view_literals;

constexpr std::uint16_t kMaxWeight = 400;  // hashing one value costs the oracle no more steps

// Names that any code might treat specially stand among names that none does.
constexpr std::array kModules = {
    "os"sv,
    "posix"sv,
    "builtins"sv,
    "__builtin__"sv,
    "copy_reg"sv,
    "copyreg"sv,
    "collections"sv,
    "a"sv,
    "a.b"sv,
    "_codecs"sv,
    "torch"sv,
    "torch._utils"sv,
    "numpy.core.multiarray"sv,
    "numpy"sv,
    "joblib.numpy_pickle"sv,
    "functools"sv,
    "\xc3\xa9"sv,
    "m\0n"sv,
    "x y"sv,
    "torch.storage"sv,
    "pandas.core.internals.managers"sv,
    "sys"sv,
    "importlib"sv,
};
constexpr std::array kNames = {
    "system"sv,
    "A"sv,
    "B"sv,
    "A.b"sv,
    "a.b.c"sv,
    "OrderedDict"sv,
    "getattr"sv,
    "eval"sv,
    "_reconstruct"sv,
    "_reconstructor"sv,
    "add_extension"sv,
    "encode"sv,
    "FloatStorage"sv,
    "_rebuild_tensor_v2"sv,
    "NumpyArrayWrapper"sv,
    "dtype"sv,
    "\xc3\xa9\xe2\x82\xac"sv,
    "n\0"sv,
    "set"sv,
    "dict"sv,
    "list"sv,
    "partial"sv,
    "BlockManager"sv,
    "modules"sv,
    "_inverted_registry"sv,
};
constexpr std::array kTexts = {
    ""sv,
    "a"sv,
    "key"sv,
    "weight"sv,
    "__setstate__"sv,
    "__class__"sv,
    "__dict__"sv,
    "x\0y"sv,
    "\xc3\xa9"sv,
    "\xe2\x82\xac"sv,
    "\xf0\x9f\x98\x80"sv,
    "storage"sv,
    "latin1"sv,
    "line\nbreak"sv,
};
constexpr std::array kIntLines = {
    "0"sv,
    "1"sv,
    "5"sv,
    "-3"sv,
    "+07"sv,
    "010"sv,
    "0x1f"sv,
    "0o17"sv,
    "0b11"sv,
    "1_0"sv,
    " 7 "sv,
    "00"sv,
    "01"sv,
    "2147483648"sv,
    "-9223372036854775808"sv,
    "9223372036854775808"sv,
    "123456789012345678901234567890"sv,
    "\t4"sv,
    "0"sv,
    "9"sv,
    "-0"sv,
    "000"sv,
    "7L"sv,
    ""sv,
    "abc"sv,
    "1__0"sv,
    "0x"sv,
    "08"sv,
    "5\0"sv,
    "1e3"sv,
    "- 5"sv,
    "0_7"sv,
    "0x_1f"sv,
    "02"sv,
};
constexpr std::array kLongLines = {
    "0L"sv,   "1L"sv,    "-5L"sv, "12345678901234567890L"sv,
    "5"sv,    "0x1fL"sv, " 3L"sv, "1_0L"sv,
    "L"sv,    ""sv,      "LL"sv,  "5LL"sv,
    "010L"sv, "00L"sv,   "-0L"sv, "7l"sv,
    "0b1L"sv, "5\0L"sv,  "5 L"sv,
};
constexpr std::array kFloatLines = {
    "1.5"sv,  "0"sv,     "-2.25e3"sv, "1e400"sv, ".5"sv,  "5."sv,       " 1.0"sv,
    "1.0 "sv, "inf"sv,   "nan"sv,     "-inf"sv,  "1_0"sv, "Infinity"sv, ""sv,
    "abc"sv,  "0x1p3"sv, "1e"sv,      "1.5\0"sv, "+3"sv,  "1e-400"sv,
};
constexpr std::array kStringLines = {
    "'a'"sv,   "\"b\""sv,  "''"sv,     "'a\\x41'"sv, "'\\n'"sv,   "'\\101'"sv, "'it\\'s'"sv,
    "'a'b'"sv, "'\\\\'"sv, "'\\q'"sv,  "'\xe9'"sv,   "'\\xe9'"sv, "a"sv,       "'"sv,
    "'a\""sv,  ""sv,       "'\\x4'"sv, "'\\'"sv,     "'a' "sv,    "'\0'"sv,    "\"\\777\""sv,
};
constexpr std::array kUnicodeLines = {
    "a"sv,           ""sv,          "\\u0041"sv, "\xe9"sv,  "\\ud800"sv,
    "\\U0001f600"sv, "\\\\u0041"sv, "a\\n"sv,    "\\u12"sv, "\\U00110000"sv,
    "\\"sv,          "system"sv,    "os"sv,      "\\x41"sv, "\0"sv,
};
constexpr std::array kIndexLines = {
    "0"sv,
    "1"sv,
    "2"sv,
    "+07"sv,
    "1_0"sv,
    " 3 "sv,
    "-0"sv,
    "-1"sv,
    "00"sv,
    "010"sv,
    ""sv,
    "x"sv,
    "99999999999999999999"sv,
    "3\0"sv,
    "65536"sv,
    "1L"sv,
};

template <class Array>
std::string_view pick(Random& random, const Array& items) {
  return items[random.below(static_cast<std::uint32_t>(items.size()))];
}

// The first `good` entries are the ones that work.
template <class Array>
std::string_view pick_mostly(Random& random, const Array& items, std::uint32_t good) {
  return random.one_in(60) ? pick(random, items) : items[random.below(good)];
}

bool is_acting(const Slot& slot) { return slot.shape == Shape::cls || slot.shape == Shape::object; }
bool is_listlike(const Slot& slot) { return slot.shape == Shape::list || is_acting(slot); }
bool is_dictlike(const Slot& slot) { return slot.shape == Shape::dict || is_acting(slot); }
bool is_setlike(const Slot& slot) { return slot.shape == Shape::set || is_acting(slot); }

std::uint16_t add_weight(std::uint32_t a, std::uint32_t b) {
  return static_cast<std::uint16_t>(std::min<std::uint32_t>(a + b, 0xffff));
}

}  // namespace

std::uint8_t Setup::packed() const {
  return static_cast<std::uint8_t>((unpickler == Unpickler::py ? 1 : 0) |
                                   static_cast<int>(encoding) << 1 | (persistent ? 8 : 0) |
                                   (twice ? 16 : 0));
}

Setup Setup::unpack(std::uint8_t byte) {
  Setup setup;
  setup.unpickler = (byte & 1) != 0 ? Unpickler::py : Unpickler::c;
  setup.encoding = static_cast<Encoding>(byte >> 1 & 3);
  setup.persistent = (byte & 8) != 0;
  setup.twice = (byte & 16) != 0;
  return setup;
}

// --- the model -------------------------------------------------------------------------------

Slot Generator::pop() {
  if (above() == 0) return {};
  Slot slot = stack_.back();
  stack_.pop_back();
  return slot;
}

void Generator::push(Shape shape, bool hashable, std::uint16_t weight, std::uint16_t items) {
  stack_.push_back({shape, hashable, true, weight, items});
}

std::vector<Slot> Generator::pop_mark() {
  std::size_t from = floor();
  std::vector<Slot> items(stack_.begin() + static_cast<std::ptrdiff_t>(from), stack_.end());
  stack_.resize(from);
  if (!marks_.empty()) marks_.pop_back();
  return items;
}

void Generator::push_tuple(const std::vector<Slot>& items) {
  Slot slot{Shape::tuple, true, true, 1, static_cast<std::uint16_t>(items.size())};
  for (const Slot& item : items) {
    slot.hashable = slot.hashable && item.hashable;
    slot.weight = add_weight(slot.weight, item.weight);
  }
  stack_.push_back(slot);
}

bool Generator::below_mark_is(bool (*accept)(const Slot&)) const {
  if (marks_.empty() || marks_.back() == 0) return false;
  std::size_t lower = marks_.size() > 1 ? marks_[marks_.size() - 2] : 0;
  return marks_.back() > lower && accept(stack_[marks_.back() - 1]);
}

bool Generator::pairs_above_mark() const {
  if (marks_.empty() || above() % 2 != 0) return false;
  for (std::size_t i = floor(); i < stack_.size(); i += 2) {
    if (!stack_[i].hashable || stack_[i].weight > kMaxWeight) return false;
  }
  return true;
}

bool Generator::all_hashable_above_mark() const {
  return !marks_.empty() &&
         std::all_of(stack_.begin() + static_cast<std::ptrdiff_t>(floor()), stack_.end(),
                     [](const Slot& s) { return s.hashable && s.weight <= kMaxWeight; });
}

// The Python unpickler spreads whatever can be iterated.
bool Generator::takes_arguments(const Slot& slot) const {
  if (slot.shape == Shape::tuple) return true;
  if (setup_.unpickler != Unpickler::py) return false;
  return slot.shape == Shape::list || slot.shape == Shape::str || slot.shape == Shape::dict ||
         slot.shape == Shape::bytes || slot.shape == Shape::bytearray ||
         slot.shape == Shape::frozenset;
}

// --- choosing --------------------------------------------------------------------------------

// How much an opcode is wanted now; 0 when it would fail.
std::uint32_t Generator::weight_of(std::uint8_t code) const {
  std::size_t n = above();
  bool mark = !marks_.empty();
  switch (code) {
    case op::MARK: return marks_.size() < 4 ? 9 : 0;
    case op::POP: return n > 0 || mark ? (stack_.size() > 6 ? 5 : 1) : 0;
    case op::POP_MARK: return mark ? 1 : 0;
    case op::DUP: return n > 0 && top().weight <= kMaxWeight ? 2 : 0;
    case op::FLOAT:
    case op::INT:
    case op::LONG:
    case op::STRING:
    case op::UNICODE:
    case op::BINFLOAT:
    case op::BININT:
    case op::BININT2:
    case op::LONG1:
    case op::LONG4:
    case op::BINBYTES:
    case op::BINUNICODE8:
    case op::BINBYTES8:
    case op::BYTEARRAY8:
    case op::BINSTRING:
    case op::SHORT_BINSTRING:
    case op::NEWTRUE:
    case op::NEWFALSE:
    case op::NONE:
    case op::EMPTY_SET: return 2;
    case op::BININT1:
    case op::BINUNICODE:
    case op::SHORT_BINUNICODE:
    case op::SHORT_BINBYTES:
    case op::EMPTY_LIST:
    case op::EMPTY_DICT: return 5;
    case op::EMPTY_TUPLE: return n > 0 && is_acting(top()) ? 14 : 3;
    case op::GLOBAL: return 7;
    case op::STACK_GLOBAL:
      return n > 1 && top().shape == Shape::str && top(1).shape == Shape::str ? 16 : 0;
    case op::PERSID: return setup_.persistent ? 4 : 0;
    case op::BINPERSID: return setup_.persistent && n > 0 ? 4 : 0;
    case op::REDUCE: return n > 1 && is_acting(top(1)) && takes_arguments(top()) ? 40 : 0;
    case op::NEWOBJ: return n > 1 && top(1).shape == Shape::cls && takes_arguments(top()) ? 25 : 0;
    case op::NEWOBJ_EX:
      return n > 2 && top(2).shape == Shape::cls && takes_arguments(top(1)) &&
                     top().shape == Shape::dict && top().text_keys
                 ? 60
                 : 0;
    case op::APPEND: return n > 1 && is_listlike(top(1)) ? 9 : 0;
    case op::APPENDS: return below_mark_is(is_listlike) ? 18 : 0;
    case op::SETITEM:
      if (n < 3 || !top(1).hashable || top(1).weight > kMaxWeight) return 0;
      if (is_dictlike(top(2))) return 14;
      return top(2).shape == Shape::list && top(2).items > 4 && top(1).shape == Shape::boolean ? 9
                                                                                               : 0;
    case op::SETITEMS: return below_mark_is(is_dictlike) && pairs_above_mark() ? 22 : 0;
    case op::ADDITEMS: return below_mark_is(is_setlike) && all_hashable_above_mark() ? 22 : 0;
    case op::BUILD:
      if (n < 2) return 0;
      return is_acting(top(1)) ? 8 : top().shape == Shape::none ? 1 : 0;
    case op::TUPLE: return mark ? 9 : 0;
    case op::LIST: return mark ? 4 : 0;
    case op::DICT: return pairs_above_mark() ? 7 : 0;
    case op::FROZENSET: return all_hashable_above_mark() ? 7 : 0;
    case op::INST: return mark ? 4 : 0;
    case op::OBJ: return mark && n > 0 && is_acting(stack_[floor()]) ? 20 : 0;
    case op::TUPLE1: return n > 0 ? 4 : 0;
    case op::TUPLE2: return n > 1 ? 3 : 0;
    case op::TUPLE3: return n > 2 ? 2 : 0;
    case op::GET:
    case op::BINGET:
    case op::LONG_BINGET: return memo_.empty() ? 0 : 3;
    case op::PUT:
    case op::BINPUT:
    case op::LONG_BINPUT: return n > 0 ? 2 : 0;
    case op::MEMOIZE: return n > 0 ? 5 : 0;
    case op::PROTO: return 1;
    case op::FRAME: return frame_at_ == 0 ? 1 : 0;
    case op::READONLY_BUFFER:
      return n > 0 && (top().shape == Shape::bytes || top().shape == Shape::bytearray ||
                       top().shape == Shape::view)
                 ? 8
                 : 0;
    default: return 0;  // STOP ends every stream; EXT and NEXT_BUFFER only ever fail
  }
}

std::uint8_t Generator::choose() const {
  std::array<std::uint32_t, 68> weights{};
  std::uint32_t total = 0;
  const auto& opcodes = pickle::all_opcodes();
  for (std::size_t i = 0; i < opcodes.size(); ++i) {
    weights[i] = weight_of(opcodes[i].code);
    total += weights[i];
  }
  std::uint32_t target = random_.below(total);
  for (std::size_t i = 0; i < opcodes.size(); ++i) {
    if (target < weights[i]) return opcodes[i].code;
    target -= weights[i];
  }
  return op::NONE;
}

// --- arguments -------------------------------------------------------------------------------

std::string_view Generator::pick_module() const { return pick(random_, kModules); }
std::string_view Generator::pick_name() const { return pick(random_, kNames); }

std::string Generator::some_text() const {
  std::uint32_t which = random_.below(16);
  if (which < 5) return std::string(pick_module());
  if (which < 9) return std::string(pick_name());
  if (which < 13) return std::string(pick(random_, kTexts));
  if (which == 13 && random_.one_in(8)) return "\xed\xa0\x80";  // a surrogate
  if (which == 14 && random_.one_in(12)) return "\xff\xfe";     // no UTF-8
  std::string made(random_.below(6), 'k');
  for (char& c : made) c = static_cast<char>('a' + random_.below(4));
  return made;
}

// A length and the bytes; rarely a length that lies.
void Generator::counted(int width, const std::string& value) {
  std::uint64_t size = value.size();
  if (random_.one_in(500)) {
    constexpr std::array<std::uint64_t, 7> kLies = {
        1u << 20, 0x7fffffff, 0x80000000, 0xffffff, 0xffffffffffffffff, 1ull << 63, 200};
    size = kLies[random_.below(static_cast<std::uint32_t>(kLies.size()))];
  }
  le(size, width);
  text(value);
}

std::uint32_t Generator::memo_index_to_write() const {
  if (random_.one_in(40)) return 256 + random_.below(1u << 12);
  if (random_.one_in(400)) return random_.below(1u << 20);
  return random_.below(12);
}

void Generator::remember(std::uint64_t index) {
  if (above() == 0) return;
  for (auto& [known, slot] : memo_) {
    if (known == index) {
      slot = top();
      return;
    }
  }
  memo_.emplace_back(index, top());
}

// --- writing ---------------------------------------------------------------------------------

void Generator::emit_constant(std::uint8_t code) {
  bool py2_bytes = setup_.encoding == Encoding::bytes;
  auto py2_text = [&] {
    std::string value = some_text();
    bool ascii = std::all_of(value.begin(), value.end(), [](char c) { return (c & 0x80) == 0; });
    if (setup_.encoding == Encoding::ascii && !ascii && !random_.one_in(40))
      return std::string("k");
    return value;
  };
  switch (code) {
    case op::FLOAT:
      line(pick_mostly(random_, kFloatLines, setup_.unpickler == Unpickler::py ? 13 : 8));
      return push(Shape::floating);
    case op::INT: line(pick_mostly(random_, kIntLines, 19)); return push(Shape::integer);
    case op::LONG: line(pick_mostly(random_, kLongLines, 8)); return push(Shape::integer);
    case op::STRING:
      line(pick_mostly(random_, kStringLines, 10));
      return push(py2_bytes ? Shape::bytes : Shape::str);
    case op::UNICODE: line(pick_mostly(random_, kUnicodeLines, 8)); return push(Shape::str);
    case op::BINFLOAT: le(random_.next(), 8); return push(Shape::floating);
    case op::BININT: le(random_.next(), 4); return push(Shape::integer);
    case op::BININT1: u8(random_.below(10)); return push(Shape::integer);
    case op::BININT2: le(random_.next(), 2); return push(Shape::integer);
    case op::LONG1:
    case op::LONG4: {
      std::string value(random_.below(12), '\0');
      for (char& c : value) c = static_cast<char>(random_.next() & 0xff);
      counted(code == op::LONG1 ? 1 : 4, value);
      return push(Shape::integer);
    }
    case op::NONE: return push(Shape::none);
    case op::NEWTRUE:
    case op::NEWFALSE: return push(Shape::boolean);
    case op::BINSTRING: counted(4, py2_text()); return push(py2_bytes ? Shape::bytes : Shape::str);
    case op::SHORT_BINSTRING:
      counted(1, py2_text());
      return push(py2_bytes ? Shape::bytes : Shape::str);
    case op::SHORT_BINUNICODE: counted(1, some_text()); return push(Shape::str);
    case op::BINUNICODE: counted(4, some_text()); return push(Shape::str);
    case op::BINUNICODE8: counted(8, some_text()); return push(Shape::str);
    case op::SHORT_BINBYTES: counted(1, some_text()); return push(Shape::bytes);
    case op::BINBYTES: counted(4, some_text()); return push(Shape::bytes);
    case op::BINBYTES8: counted(8, some_text()); return push(Shape::bytes);
    case op::BYTEARRAY8: counted(8, some_text()); return push(Shape::bytearray, false);
    case op::EMPTY_LIST: return push(Shape::list, false);
    case op::EMPTY_DICT: return push(Shape::dict, false);
    case op::EMPTY_SET: return push(Shape::set, false);
    case op::EMPTY_TUPLE: return push(Shape::tuple);
    default: return;
  }
}

void Generator::emit_memo(std::uint8_t code) {
  bool reads = code == op::GET || code == op::BINGET || code == op::LONG_BINGET;
  std::uint64_t index = memo_index_to_write();
  Slot found;
  if (reads && !memo_.empty() && !random_.one_in(300)) {
    const auto& entry = memo_[random_.below(static_cast<std::uint32_t>(memo_.size()))];
    index = entry.first;
    found = entry.second;
  }
  switch (code) {
    case op::GET:
    case op::PUT:
      line(random_.one_in(100) ? std::string(pick(random_, kIndexLines)) : std::to_string(index));
      break;
    case op::BINGET:
    case op::BINPUT:
      index &= 0xff;
      u8(index);
      break;
    case op::LONG_BINGET:
    case op::LONG_BINPUT:
      if (random_.one_in(4000)) index = random_.next() & 0xffffffff;
      le(index, 4);
      break;
    case op::MEMOIZE: index = memo_.size(); break;
    default: break;
  }
  if (!reads) return remember(index);
  stack_.push_back(found);
}

void Generator::emit_call(std::uint8_t code) {
  switch (code) {
    case op::GLOBAL:
      line(pick_module());
      line(random_.one_in(300) ? ""sv : pick_name());
      return push(Shape::cls);
    case op::STACK_GLOBAL:
      pop();
      pop();
      return push(Shape::cls);
    case op::INST: {
      // ASCII only, unlike GLOBAL.
      std::string_view module = pick_module();
      std::string_view name = pick_name();
      bool wild = random_.one_in(60);
      line(wild || module != "\xc3\xa9"sv ? module : "a"sv);
      line(wild || (name[0] & 0x80) == 0 ? name : "A"sv);
      pop_mark();
      return push(Shape::object);
    }
    case op::OBJ: pop_mark(); return push(Shape::object);
    case op::REDUCE:
    case op::NEWOBJ:
      pop();
      pop();
      return push(Shape::object);
    case op::NEWOBJ_EX:
      pop();
      pop();
      pop();
      return push(Shape::object);
    case op::PERSID: line(pick_name()); return push(Shape::object);
    case op::BINPERSID: pop(); return push(Shape::object);
    default: return;
  }
}

// Writes one opcode with arguments and moves the model, whether or not it fits.
void Generator::emit(std::uint8_t code) {
  u8(code);
  switch (code) {
    case op::MARK: marks_.push_back(stack_.size()); return;
    case op::POP:
      if (above() > 0) {
        pop();
      } else if (!marks_.empty()) {
        marks_.pop_back();
      }
      return;
    case op::POP_MARK: pop_mark(); return;
    case op::DUP:
      if (above() > 0) stack_.push_back(Slot(top()));
      return;
    case op::GET:
    case op::BINGET:
    case op::LONG_BINGET:
    case op::PUT:
    case op::BINPUT:
    case op::LONG_BINPUT:
    case op::MEMOIZE: return emit_memo(code);
    case op::GLOBAL:
    case op::STACK_GLOBAL:
    case op::INST:
    case op::OBJ:
    case op::REDUCE:
    case op::NEWOBJ:
    case op::NEWOBJ_EX:
    case op::PERSID:
    case op::BINPERSID: return emit_call(code);
    case op::APPEND:
      pop();
      if (above() > 0) ++stack_.back().items;
      return;
    case op::APPENDS: {
      auto items = pop_mark();
      if (above() > 0) {
        stack_.back().items = static_cast<std::uint16_t>(stack_.back().items + items.size());
      }
      return;
    }
    case op::SETITEM: {
      pop();
      Slot key = pop();
      if (above() > 0 && key.shape != Shape::str) stack_.back().text_keys = false;
      return;
    }
    case op::SETITEMS:
    case op::DICT: {
      auto items = pop_mark();
      if (code == op::DICT) push(Shape::dict, false);
      for (std::size_t i = 0; i < items.size(); i += 2) {
        if (above() > 0 && items[i].shape != Shape::str) stack_.back().text_keys = false;
      }
      return;
    }
    case op::ADDITEMS: pop_mark(); return;
    case op::BUILD: pop(); return;
    case op::TUPLE: push_tuple(pop_mark()); return;
    case op::LIST: {
      auto items = pop_mark();
      push(Shape::list, false, 1, static_cast<std::uint16_t>(items.size()));
      return;
    }
    case op::FROZENSET: pop_mark(); return push(Shape::frozenset);
    case op::TUPLE1:
    case op::TUPLE2:
    case op::TUPLE3: {
      std::vector<Slot> items;
      for (int i = 0; i <= code - op::TUPLE1; ++i) items.push_back(pop());
      return push_tuple(items);
    }
    case op::PROTO: u8(random_.one_in(60) ? random_.below(256) : random_.below(6)); return;
    case op::FRAME:
      frame_at_ = out_->size();
      frame_steps_ = 1 + random_.below(10);
      le(0, 8);
      return;
    case op::READONLY_BUFFER:
      if (above() > 0 && top().shape == Shape::bytearray) {
        pop();
        push(Shape::view, false);
      }
      return;
    case op::EXT1: u8(random_.below(4)); return push(Shape::cls);
    case op::EXT2: le(random_.below(300), 2); return push(Shape::cls);
    case op::EXT4: le(random_.next(), 4); return push(Shape::cls);
    default: return emit_constant(code);
  }
}

void Generator::finish() {
  if (frame_at_ == 0) return;
  std::uint64_t size = out_->size() - frame_at_ - 8;
  if (random_.one_in(120)) size += random_.below(9) - 4u;
  for (std::size_t i = 0; i < 8; ++i) {
    (*out_)[frame_at_ + i] = static_cast<char>(size >> (8 * i) & 0xff);
  }
  frame_at_ = 0;
}

void Generator::write_pickle(std::uint32_t steps) {
  stack_.clear();
  marks_.clear();
  memo_.clear();
  frame_at_ = 0;
  if (!random_.one_in(4)) {
    u8(op::PROTO);
    u8(random_.below(6));
  }
  // One stream in three gets an opcode that need not fit, somewhere.
  std::uint32_t wild_at = random_.one_in(3) ? random_.below(steps) : steps;
  for (std::uint32_t i = 0; i < steps; ++i) {
    if (frame_at_ != 0 && frame_steps_-- == 0) finish();
    if (i == wild_at && random_.one_in(8)) {  // a view is too rare on top to wait for
      emit(op::BYTEARRAY8);
      emit(op::READONLY_BUFFER);
    }
    emit(i == wild_at ? pickle::all_opcodes()[random_.below(68)].code : choose());
  }
  if (above() == 0) emit(op::NONE);
  u8(op::STOP);
  finish();
}

void Generator::mutate(std::string& out) {
  if (out.empty()) return;
  auto somewhere = [&] { return random_.below(static_cast<std::uint32_t>(out.size())); };
  switch (random_.below(5)) {
    case 0: out[somewhere()] = static_cast<char>(random_.next() & 0xff); break;
    case 1: out[somewhere()] ^= static_cast<char>(1u << random_.below(8)); break;
    case 2:
      out[somewhere()] = static_cast<char>(pickle::all_opcodes()[random_.below(68)].code);
      break;
    case 3: out.erase(somewhere(), 1 + random_.below(3)); break;
    case 4: out.insert(somewhere(), 1, static_cast<char>(random_.next() & 0xff)); break;
    default: break;
  }
}

Setup Generator::make(std::uint64_t seed, std::uint64_t index, Unpickler unpickler,
                      std::string& out) {
  random_ = Random(seed * 0x100000001b3u + index);
  out.clear();
  out_ = &out;
  setup_ = Setup{};
  setup_.unpickler = unpickler;
  if (random_.one_in(2)) setup_.encoding = static_cast<Encoding>(random_.below(4));
  setup_.persistent = random_.one_in(4);
  write_pickle(24 + random_.below(50));
  switch (random_.below(16)) {
    case 0:
    case 1: mutate(out); break;
    case 2: out.resize(random_.below(static_cast<std::uint32_t>(out.size()) + 1)); break;
    case 3:
      setup_.twice = true;
      write_pickle(4 + random_.below(30));
      break;
    case 4:
      for (std::uint32_t i = 0, n = 2 + random_.below(4); i < n; ++i) mutate(out);
      break;
    default: break;
  }
  return setup_;
}

}  // namespace brine::differential
