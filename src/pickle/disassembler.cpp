#include "pickle/disassembler.h"

#include <algorithm>

#include "base/escape.h"

namespace brine::pickle {
namespace {

constexpr std::size_t kOffsetWidth = 8;
constexpr std::size_t kNameWidth = 16;
constexpr std::size_t kArgumentColumn = 40;
constexpr char kHexDigits[] = "0123456789abcdef";

void pad_to(std::string& out, std::size_t column) {
  const std::size_t width = display_width(out);
  out.append(width < column ? column - width : 1, ' ');
}

std::string code_text(std::uint8_t code) {
  if (code > 0x20 && code < 0x7f) return {' ', static_cast<char>(code)};
  return {kHexDigits[code >> 4], kHexDigits[code & 15]};
}

std::string memo_text(std::uint8_t code, std::optional<std::uint64_t> memo) {
  if (!memo) return "";
  return (writes_memo(code) ? "  -> memo " : "  <- memo ") + std::to_string(*memo);
}

std::string instruction_line(const Instruction& in, const StackTracker::Before& before,
                             const DisassemblyOptions& options) {
  std::string offset = std::to_string(in.offset);
  std::string out(offset.size() < kOffsetWidth ? kOffsetWidth - offset.size() : 0, ' ');
  out += offset + "  " + code_text(in.opcode->code) + "  " + std::string(in.opcode->name);
  const std::size_t argument_column = kOffsetWidth + 6 + kNameWidth + 1;
  pad_to(out, argument_column);
  out += render_argument(in, options.argument_bytes);
  pad_to(out, argument_column + kArgumentColumn);
  out += "stack " + std::to_string(before.height);
  if (before.marks != 0) {
    out += ", " + std::to_string(before.marks) + (before.marks == 1 ? " mark" : " marks");
  }
  out += memo_text(in.opcode->code, before.memo);
  if (!before.problem.empty()) out += "  ! " + before.problem;
  if (options.docs) out += "  # " + std::string(in.opcode->doc);
  return out;
}

std::string counted(std::uint64_t count, std::string_view one) {
  return std::to_string(count) + " " + std::string(one) + (count == 1 ? "" : "s");
}

void write_instruction(const Instruction& in, const StackTracker::Before& before,
                       const DisassemblyOptions& options, const LineWriter& write,
                       DisassemblyEnd& end) {
  ++end.instructions;
  if (end.printed >= options.max_lines) return;
  ++end.printed;
  write(instruction_line(in, before, options));
}

void write_end(const DisassemblyEnd& end, const LineWriter& write) {
  if (end.printed < end.instructions) {
    write("# ... " + counted(end.instructions - end.printed, "more instruction"));
  }
  if (!end.stopped) {
    write("# byte " + std::to_string(end.offset) + ": " + escape_text(end.error) + "; " +
          counted(end.remaining, "byte") + " from here to the end");
  } else if (end.remaining != 0) {
    write("# " + counted(end.remaining, "byte") + " behind STOP");
  }
}

std::uint64_t bytes_from(const ByteSource& source, std::uint64_t offset) {
  return offset < source.size() ? source.size() - offset : 0;
}

}  // namespace

StackTracker::Before StackTracker::step(const Instruction& in) {
  Before before;
  before.height = height_;
  before.marks = marks_.size();
  const std::uint8_t code = in.opcode->code;
  if (code == op::MEMOIZE) {
    before.memo = dense_ + sparse_.size();
  } else {
    before.memo = memo_index(in);
    if ((writes_memo(code) || reads_memo(code)) && !before.memo) {
      before.problem = "no memo index";
    }
  }
  take(in, before);
  if (!before.memo) return before;
  if (writes_memo(code)) {
    store_memo(*before.memo);
  } else if (!has_memo(*before.memo)) {
    before.problem = "memo " + std::to_string(*before.memo) + " was never stored";
  }
  return before;
}

void StackTracker::take(const Instruction& in, Before& before) {
  const StackEffect effect = in.opcode->stack;
  const std::uint8_t code = in.opcode->code;
  if (code == op::MARK) {
    marks_.push_back(height_);
    return;
  }
  const std::uint64_t fence = marks_.empty() ? 0 : marks_.back();
  if (code == op::POP && height_ == fence && !marks_.empty()) {
    marks_.pop_back();
    return;
  }
  std::uint64_t lowest = fence;
  std::uint64_t wanted = 0;
  if (effect.pops == kMark || effect.pops == kMarkAnd1) {
    if (marks_.empty()) {
      before.problem = "no mark on the stack";
      return;
    }
    height_ = fence;
    marks_.pop_back();
    lowest = marks_.empty() ? 0 : marks_.back();
    wanted = effect.pops == kMarkAnd1 ? 1 : 0;
  } else {
    wanted = static_cast<std::uint8_t>(effect.pops);
  }
  const std::uint64_t available = height_ - lowest;
  if (available < wanted) {
    before.problem =
        "wants " + std::to_string(wanted) + " on the stack, has " + std::to_string(available);
  }
  height_ -= std::min(wanted, available);
  height_ += static_cast<std::uint8_t>(effect.pushes);
}

void StackTracker::store_memo(std::uint64_t index) {
  if (index != dense_) {
    if (index > dense_) sparse_.insert(index);
    return;
  }
  ++dense_;
  while (!sparse_.empty() && sparse_.erase(dense_) != 0) ++dense_;
}

bool StackTracker::has_memo(std::uint64_t index) const {
  return index < dense_ || sparse_.contains(index);
}

DisassemblyEnd disassemble(ByteSource& source, const DisassemblyOptions& options,
                           const LineWriter& write) {
  Decoder decoder(source, options.start, std::max(options.argument_bytes, std::size_t{64}));
  StackTracker tracker;
  DisassemblyEnd end;
  while (!end.stopped) {
    const Result<Instruction> in = decoder.next();
    if (!in) {
      end.error = in.error().what;
      break;
    }
    write_instruction(*in, tracker.step(*in), options, write, end);
    end.stopped = in->opcode->code == op::STOP;
  }
  end.offset = decoder.position();
  end.remaining = bytes_from(source, end.offset);
  write_end(end, write);
  return end;
}

DisassemblySink::DisassemblySink(ByteSource& source, DisassemblyOptions options, LineWriter write)
    : source_(source),
      decoder_(source, options.start, std::max(options.argument_bytes, std::size_t{64})),
      options_(options),
      write_(std::move(write)) {}

void DisassemblySink::on_step(std::uint64_t offset, const Opcode& opcode, Machine& machine) {
  decoder_.seek(offset);
  Result<Instruction> in = decoder_.next();
  if (!in) {  // the loader fails on it as well; finish() tells
    Instruction bare;
    bare.offset = offset;
    bare.opcode = &opcode;
    in = bare;
  }
  StackTracker::Before before = memo_.step(*in);
  before.height = machine.stack_height();
  before.marks = machine.mark_count();
  before.problem.clear();
  write_instruction(*in, before, options_, write_, end_);
}

DisassemblyEnd DisassemblySink::finish(const RunResult& run) {
  DisassemblyEnd end = std::move(end_);
  end_ = {};
  memo_ = {};
  end.stopped = run.end.kind == EndKind::stop;
  end.offset = run.end.offset;
  end.remaining = bytes_from(source_, end.offset);
  end.error = run.end.error;
  write_end(end, write_);
  return end;
}

}  // namespace brine::pickle
