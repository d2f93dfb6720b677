#include "convert/late_changes.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <unordered_map>
#include <vector>

#include "pickle/decoder.h"

namespace brine::convert {
namespace {

namespace op = pickle::op;

constexpr std::uint32_t kNone = 0;
// How far a taker looks: a call into its arguments, a list of them and pairs in that; BUILD into a
// dict, or into a tuple of two dicts or with a list of elements.
constexpr std::uint8_t kCall = 3, kState = 2;

class Pass {
 public:
  // Whether it went wrong: a container changed late, or the pass cannot tell.
  bool step(const pickle::Instruction& in) {
    const std::uint8_t code = in.opcode->code;
    if (pickle::writes_memo(code)) {
      put(pickle::memo_index(in).value_or(dense_.size() + sparse_.size()));
      return false;
    }
    if (pickle::reads_memo(code)) {
      stack_.push_back(get(pickle::memo_index(in).value_or(~std::uint64_t{0})));
      return false;
    }
    switch (code) {
      case op::MARK: marks_.push_back(stack_.size()); return false;
      case op::POP:
        if (!marks_.empty() && marks_.back() == stack_.size()) {
          marks_.pop_back();
        } else {
          drop(1);
        }
        return false;
      case op::DUP: stack_.push_back(top()); return false;
      case op::EMPTY_LIST:
      case op::EMPTY_DICT:
      case op::EMPTY_SET: stack_.push_back(fresh({})); return false;
      case op::BYTEARRAY8:  // arrays show its memory, and what is read here are its first bytes
        stack_.push_back(fresh({}));
        containers_.back().taken = kCall;
        return false;
      case op::LIST:
      case op::DICT:
      case op::TUPLE:
      case op::FROZENSET: {
        const std::uint32_t made = fresh(above_mark(), code == op::TUPLE);
        stack_.push_back(made);
        return false;
      }
      case op::TUPLE1: return gather(1);
      case op::TUPLE2: return gather(2);
      case op::TUPLE3: return gather(3);
      case op::APPEND: return change(1);
      case op::SETITEM: return change(2);
      case op::APPENDS:
      case op::SETITEMS:
      case op::ADDITEMS: return change(stack_.size() - height_of_mark());
      case op::BUILD:
        if (top() != kNone) use(top(), containers_[top() - 1].tuple ? kState : 1);
        drop(1);
        return false;
      case op::REDUCE:
      case op::NEWOBJ: return call(1);
      case op::NEWOBJ_EX: return call(2);
      case op::OBJ:
      case op::INST:
        for (const std::uint32_t part : above_mark()) use(part, kCall - 1);
        stack_.push_back(kNone);
        return false;
      default: return other(*in.opcode);
    }
  }

 private:
  struct Container {
    std::uint8_t taken = 0;  // levels that somebody has taken by value
    bool tuple = false;
    std::vector<std::uint32_t> inside;
  };

  std::uint32_t top() const { return stack_.empty() ? kNone : stack_.back(); }
  void drop(std::size_t count) { stack_.resize(stack_.size() - std::min(count, stack_.size())); }
  std::size_t height_of_mark() const {
    return marks_.empty() ? stack_.size() : std::min(marks_.back(), stack_.size());
  }

  // A tuple without containers cannot change: it is told apart from other values by nobody.
  std::uint32_t fresh(const std::vector<std::uint32_t>& inside, bool tuple = false) {
    const auto is_none = [](std::uint32_t part) { return part == kNone; };
    if (tuple && std::ranges::all_of(inside, is_none)) return kNone;
    containers_.push_back({0, tuple, {}});
    keep(containers_.back(), inside);
    return static_cast<std::uint32_t>(containers_.size());
  }
  static void keep(Container& container, const std::vector<std::uint32_t>& parts) {
    std::ranges::copy_if(parts, std::back_inserter(container.inside),
                         [](std::uint32_t part) { return part != kNone; });
  }
  std::vector<std::uint32_t> above_mark() {
    const std::size_t height = height_of_mark();
    if (!marks_.empty()) marks_.pop_back();
    std::vector<std::uint32_t> out(stack_.begin() + static_cast<std::ptrdiff_t>(height),
                                   stack_.end());
    stack_.resize(height);
    return out;
  }
  bool gather(std::size_t count) {
    count = std::min(count, stack_.size());
    const std::vector<std::uint32_t> parts(stack_.end() - static_cast<std::ptrdiff_t>(count),
                                           stack_.end());
    drop(count);
    stack_.push_back(fresh(parts, true));
    return false;
  }
  bool call(std::size_t operands) {
    for (std::size_t i = 0; i < operands; ++i) {
      use(top(), kCall);
      drop(1);
    }
    drop(1);
    stack_.push_back(kNone);
    return false;
  }
  // At most kCall deep. What is taken does not change any more, so nothing is looked at twice.
  void use(std::uint32_t id, std::uint8_t levels) {
    if (id == kNone || levels == 0 || containers_[id - 1].taken >= levels) return;
    containers_[id - 1].taken = levels;
    for (std::size_t i = 0; i < containers_[id - 1].inside.size(); ++i) {
      use(containers_[id - 1].inside[i], static_cast<std::uint8_t>(levels - 1));
    }
  }
  bool change(std::size_t operands) {
    const std::size_t first = stack_.size() - std::min(operands, stack_.size());
    const std::vector<std::uint32_t> parts(stack_.begin() + static_cast<std::ptrdiff_t>(first),
                                           stack_.end());
    stack_.resize(first);
    if (!marks_.empty() && marks_.back() >= first) marks_.pop_back();
    if (top() == kNone) return false;
    Container& target = containers_[top() - 1];
    keep(target, parts);
    return target.taken != 0;
  }
  bool other(const pickle::Opcode& row) {
    if (row.stack.pops < 0) {
      above_mark();
    } else {
      drop(static_cast<std::size_t>(row.stack.pops));
    }
    for (int i = 0; i < row.stack.pushes; ++i) stack_.push_back(kNone);
    return false;
  }

  std::vector<std::uint32_t> stack_;
  std::vector<std::size_t> marks_;
  // Picklers number the memo 0, 1, 2 ...
  void put(std::uint64_t index) {
    if (index < dense_.size()) {
      dense_[static_cast<std::size_t>(index)] = top();
    } else if (index == dense_.size() && !sparse_.contains(index)) {
      dense_.push_back(top());
    } else {
      sparse_[index] = top();
    }
  }
  std::uint32_t get(std::uint64_t index) const {
    if (index < dense_.size()) return dense_[static_cast<std::size_t>(index)];
    const auto found = sparse_.find(index);
    return found == sparse_.end() ? kNone : found->second;
  }

  std::vector<Container> containers_;  // number 1 is the first
  std::vector<std::uint32_t> dense_;  // the memo from 0 on
  std::unordered_map<std::uint64_t, std::uint32_t> sparse_;  // and its other entries
};

}  // namespace

bool changes_late(ByteSource& source, std::uint64_t start, std::uint64_t end,
                  const std::map<std::uint64_t, std::uint64_t>& jumps) {
  constexpr std::size_t kKeep = 32;  // of texts, which do not matter here
  pickle::Decoder decoder(source, start, kKeep);
  Pass pass;
  while (decoder.position() < end) {
    if (const auto jump = jumps.find(decoder.position()); jump != jumps.end()) {
      decoder.seek(jump->second);
      continue;
    }
    const auto in = decoder.next();
    if (!in) return true;  // what cannot be followed may change anything
    if (in->opcode->code == op::STOP) return false;
    if (pass.step(*in)) return true;
  }
  return false;
}

}  // namespace brine::convert
