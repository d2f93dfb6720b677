// Generator: pickle streams that live.
//
// Random bytes die at the first opcode and test nothing. This generator keeps a typed model of the
// stack and the memo, so that most of what it writes is executed: at each step it picks among the
// opcodes that would succeed, weighted so that containers are filled and callables are called. Now
// and then it writes an opcode that does not fit, a wrong argument, or changes bytes of a finished
// stream; what happens then is for the unpicklers to say. The model need only be roughly right: no
// expectation comes from it. A seed and a number give the same stream everywhere.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pickle/profile.h"

namespace brine::differential {

// How a stream is to be loaded; one byte in the pipe to the oracle.
struct Setup {
  pickle::Unpickler unpickler = pickle::Unpickler::c;
  pickle::Encoding encoding = pickle::Encoding::ascii;
  bool persistent = false;  // the loader defines persistent_load
  bool twice = false;       // load() is called a second time behind the first STOP

  std::uint8_t packed() const;
  static Setup unpack(std::uint8_t byte);
};

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15u + 0x1234567u) {}
  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15u;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  std::uint32_t below(std::uint32_t bound) {
    return static_cast<std::uint32_t>((next() >> 32) * bound >> 32);
  }
  bool one_in(std::uint32_t bound) { return below(bound) == 0; }

 private:
  std::uint64_t state_;
};

// What the model knows of a value.
enum class Shape : std::uint8_t {
  none,
  boolean,
  integer,
  floating,
  str,
  bytes,
  bytearray,
  view,
  tuple,
  list,
  dict,
  set,
  frozenset,
  cls,
  object,
};

struct Slot {
  Shape shape = Shape::none;
  bool hashable = true;
  bool text_keys = true;     // a dict that could be keyword arguments
  std::uint16_t weight = 1;  // how much there is to hash
  std::uint16_t items = 0;   // of a list
};

class Generator {
 public:
  // Writes stream number `index` of `seed` and says how it wants to be loaded.
  Setup make(std::uint64_t seed, std::uint64_t index, pickle::Unpickler unpickler,
             std::string& out);

 private:
  void write_pickle(std::uint32_t steps);
  void finish();
  void mutate(std::string& out);
  std::uint32_t weight_of(std::uint8_t code) const;
  std::uint8_t choose() const;
  void emit(std::uint8_t code);

  // The model.
  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  std::size_t above() const { return stack_.size() - floor(); }
  const Slot& top(std::size_t depth = 0) const { return stack_[stack_.size() - 1 - depth]; }
  Slot pop();
  void push(Shape shape, bool hashable = true, std::uint16_t weight = 1, std::uint16_t items = 0);
  std::vector<Slot> pop_mark();
  void push_tuple(const std::vector<Slot>& items);
  bool below_mark_is(bool (*accept)(const Slot&)) const;
  bool pairs_above_mark() const;
  bool all_hashable_above_mark() const;
  bool takes_arguments(const Slot& slot) const;

  // Arguments.
  void u8(std::uint64_t value) { out_->push_back(static_cast<char>(value & 0xff)); }
  void le(std::uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) u8(value >> (8 * i));
  }
  void text(std::string_view value) { out_->append(value); }
  void line(std::string_view value) {
    text(value);
    u8('\n');
  }
  std::string_view pick_module() const;
  std::string_view pick_name() const;
  std::string some_text() const;
  void counted(int width, const std::string& value);
  std::uint32_t memo_index_to_write() const;
  void remember(std::uint64_t index);
  void emit_constant(std::uint8_t code);
  void emit_memo(std::uint8_t code);
  void emit_call(std::uint8_t code);

  mutable Random random_{0};
  Setup setup_;
  std::string* out_ = nullptr;
  std::vector<Slot> stack_;
  std::vector<std::size_t> marks_;
  std::vector<std::pair<std::uint64_t, Slot>> memo_;
  std::size_t frame_at_ = 0;       // where the open frame's length stands; 0: none open
  std::uint32_t frame_steps_ = 0;  // opcodes until it is closed
};

// All programs of at most three words over a reduced alphabet; false behind the last.
bool small_program(std::uint64_t index, std::string& out);
std::uint64_t small_program_count();

}  // namespace brine::differential
