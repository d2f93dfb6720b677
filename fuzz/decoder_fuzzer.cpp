// Decoder and disassembler over any bytes: every byte is in one instruction or behind the break, a
// source that holds nothing in memory decodes the same, and the text is bounded and printable.

#include <algorithm>
#include <string>

#include "io/source.h"
#include "pickle/decoder.h"
#include "pickle/disassembler.h"
#include "target.h"

namespace {

using namespace brine;
using namespace brine::pickle;

// The same bytes, not in memory: the decoder's window has to fetch them.
class FetchedSource final : public ByteSource {
 public:
  explicit FetchedSource(ByteSpan bytes) : bytes_(bytes) {}
  std::uint64_t size() const override { return bytes_.size(); }
  Status read(std::uint64_t offset, std::span<std::uint8_t> out) override {
    if (offset > bytes_.size() || out.size() > bytes_.size() - offset) {
      return fail(Error::truncated(offset, out.size(), bytes_.size()));
    }
    std::copy_n(bytes_.data() + offset, out.size(), out.data());
    return {};
  }

 private:
  ByteSpan bytes_;
};

void decode_both(ByteSpan bytes) {
  constexpr std::size_t kKeep = 32;
  MemorySource held(bytes);
  FetchedSource fetched(bytes);
  Decoder a(held, 0, kKeep), b(fetched, 0, kKeep);
  while (true) {
    const std::uint64_t at = a.position();
    const Result<Instruction> x = a.next();
    const Result<Instruction> y = b.next();
    fuzz::check(x.has_value() == y.has_value(), "sources differ");
    if (!x) {
      fuzz::check(x.error().code != ErrorCode::internal, "internal error");
      fuzz::check(x.error().what == y.error().what && a.position() == at, "a failure moves");
      return;
    }
    fuzz::check(x->offset == at && x->end > at && x->end <= bytes.size(), "instructions overlap");
    fuzz::check(x->end == y->end && x->text == y->text && x->second == y->second &&
                    x->integer == y->integer && x->length == y->length,
                "sources decode differently");
    fuzz::check(x->text.size() <= kKeep && x->second.size() <= kKeep, "keeps too much");
    fuzz::check_printable(render_argument(*x));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteSpan bytes(data, size);
  decode_both(bytes);
  MemorySource source(bytes);
  DisassemblyOptions options;
  options.max_lines = 200;
  options.docs = size % 2 == 0;
  std::size_t lines = 0;
  const DisassemblyEnd end = disassemble(source, options, [&lines](std::string_view line) {
    fuzz::check_printable(line);
    fuzz::check(line.size() < 2000, "a line is too long");
    ++lines;
  });
  fuzz::check(lines <= options.max_lines + 2, "too many lines");
  fuzz::check(end.offset + end.remaining == size, "bytes are lost");
  return 0;
}
