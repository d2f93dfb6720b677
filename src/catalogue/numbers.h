// Numbers: an array that a stream holds, as its parts: element type, shape, and where its bytes
// are.
//
// An array stands in a stream in four ways: as the state of a numpy.ndarray, given by BUILD or to
// dill's function, as the arguments of NumPy's _frombuffer, and behind joblib's wrapper. All are
// read here, so that who holds an array's elements against something asks one question. What is no
// such array is nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "catalogue/evaluate.h"
#include "pickle/machine.h"

namespace brine::catalogue {

struct Numbers {
  std::string type;  // "<f8"
  char kind = 0;  // "f"
  std::uint64_t size = 0;  // bytes of an element
  bool record = false;
  std::vector<std::uint64_t> shape;
  bool rows = false;  // elements stand row by row
  pickle::NodeId octets = pickle::kNoNode;
  const pickle::RawArray* raw = nullptr;
};

std::optional<std::vector<std::uint64_t>> shape_of(const pickle::NodeGraph& graph,
                                                   pickle::NodeId id);

std::optional<Numbers> numbers_of(pickle::Machine& machine, pickle::NodeId id);

// How many items an array has along its only dimension, also when they are objects or of a type
// that numbers_of does not read.
std::optional<std::uint64_t> length_of_array(pickle::Machine& machine, pickle::NodeId id);

// Calls `take` with each of the numbers; false when they are no signed integers of this machine's
// byte order.
template <class Take>
bool each_integer(std::string_view type, std::span<const std::uint8_t> bytes, Take take) {
  const auto each = [&](std::size_t size, auto load) {
    if (bytes.size() % size != 0) return false;
    for (std::size_t at = 0; at < bytes.size(); at += size) {
      take(static_cast<std::int64_t>(load(bytes.data() + at)));
    }
    return true;
  };
  using Pointer = const std::uint8_t*;
  if (type == "|i1") return each(1, [](Pointer p) { return static_cast<std::int8_t>(*p); });
  if (type == "<i2") {
    return each(2, [](Pointer p) { return static_cast<std::int16_t>(load_le16(p)); });
  }
  if (type == "<i4") {
    return each(4, [](Pointer p) { return static_cast<std::int32_t>(load_le32(p)); });
  }
  return type == "<i8" &&
         each(8, [](Pointer p) { return static_cast<std::int64_t>(load_le64(p)); });
}

// An array's bytes; none when there are too many, or when they are no constant.
std::optional<std::vector<std::uint8_t>> elements_of(Evaluator& evaluator, const Numbers& array);

}  // namespace brine::catalogue
