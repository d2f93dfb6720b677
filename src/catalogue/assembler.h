// Assembler: small pickles written by hand, for the tests of this folder.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace brine::catalogue {

// Appends opcodes to a stream; each function returns the assembler, so that a test reads like the
// stack that it describes.
class Assembler {
 public:
  Assembler& raw(std::string_view bytes) {
    out_ += bytes;
    return *this;
  }
  Assembler& proto(int version) { return op(0x80).byte(version); }
  Assembler& global(std::string_view module, std::string_view name) {
    return raw("c").raw(module).raw("\n").raw(name).raw("\n");
  }
  Assembler& stack_global(std::string_view module, std::string_view name) {
    return str(module).str(name).op(0x93);
  }
  Assembler& str(std::string_view text) { return raw("X").word(text.size()).raw(text); }
  Assembler& bytes(std::string_view text) { return raw("B").word(text.size()).raw(text); }
  Assembler& integer(int number) { return raw("J").word(static_cast<std::uint32_t>(number)); }
  Assembler& none() { return raw("N"); }
  Assembler& yes() { return op(0x88); }
  Assembler& no() { return op(0x89); }
  Assembler& mark() { return raw("("); }
  Assembler& tuple() { return raw("t"); }
  Assembler& tuple1() { return op(0x85); }
  Assembler& tuple2() { return op(0x86); }
  Assembler& tuple3() { return op(0x87); }
  Assembler& empty_tuple() { return raw(")"); }
  Assembler& empty_list() { return raw("]"); }
  Assembler& empty_dict() { return raw("}"); }
  Assembler& append() { return raw("a"); }
  Assembler& appends() { return raw("e"); }
  Assembler& setitem() { return raw("s"); }
  Assembler& reduce() { return raw("R"); }
  Assembler& newobj() { return op(0x81); }
  Assembler& build() { return raw("b"); }
  Assembler& persid() { return raw("Q"); }
  Assembler& pop() { return raw("0"); }
  Assembler& stop() { return raw("."); }
  const std::string& text() const { return out_; }
  std::vector<std::uint8_t> data() const { return {out_.begin(), out_.end()}; }

 private:
  Assembler& op(int code) {
    out_.push_back(static_cast<char>(code));
    return *this;
  }
  Assembler& byte(int value) { return op(value); }
  Assembler& word(std::size_t value) {
    for (unsigned shift = 0; shift < 32; shift += 8) op(static_cast<int>(value >> shift & 0xff));
    return *this;
  }
  std::string out_;
};

}  // namespace brine::catalogue
