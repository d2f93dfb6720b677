#include "convert/checkpoint_pickle.h"

#include <utility>

#include "convert/spelling.h"

namespace brine::convert {

namespace op = pickle::op;
using spell::code;

CheckpointPickle::CheckpointPickle() {
  out_.dialect = Dialect::torch;
  out_.pickle = code(op::PROTO) + code(2);
  entry_ = out_.pickle.size();
}

void CheckpointPickle::open(bool list) {
  out_.pickle += code(list ? op::EMPTY_LIST : op::EMPTY_DICT) + code(op::MARK);
  open_.push_back(list);
}

void CheckpointPickle::close() {
  out_.pickle += code(open_.back() ? op::APPENDS : op::SETITEMS);
  open_.pop_back();
}

void CheckpointPickle::key(std::string_view text) {
  item();
  out_.pickle += spell::text(text);
  keyed_ = true;
}

void CheckpointPickle::item() {
  entry_ = out_.pickle.size();
  keyed_ = false;
}

void CheckpointPickle::tensor(const TensorView& view, const Storage& storage) {
  const std::uint64_t begin = keyed_ ? entry_ : out_.pickle.size();
  out_.pickle += spelled(view, storage, out_.storages.size());
  out_.storages.push_back(view.storage);
  out_.loose.push_back({begin, out_.pickle.size(), view.storage, keyed_});
}

void CheckpointPickle::value(Rewritten part, std::uint32_t first_storage) {
  out_.memo = part.memo;
  append(out_, std::move(part), first_storage);
}

void CheckpointPickle::missing() {
  if (keyed_) {
    out_.pickle.resize(entry_);
  } else {
    out_.pickle += code(op::NONE);
  }
}

Rewritten CheckpointPickle::take() {
  out_.pickle += code(op::STOP);
  return std::move(out_);
}

}  // namespace brine::convert
