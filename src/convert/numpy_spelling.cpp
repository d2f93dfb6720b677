#include "convert/numpy_spelling.h"

#include "convert/spelling.h"

namespace brine::convert::spell {

namespace op = pickle::op;
using pickle::NumpyField;
using pickle::NumpyType;

namespace {

// Flags of an element type (numpy/ndarraytypes.h): what NumPy itself writes for each kind.
constexpr std::int64_t kObjectFlags = 63, kTextFlags = 8, kRecordFlags = 16;

std::string number(std::uint64_t value) { return integer(static_cast<std::int64_t>(value)); }

// 'f8', without byte order and unit.
std::string short_text(const NumpyType& type) {
  const std::uint64_t size = type.kind == 'O' ? 8 : type.kind == 'U' ? type.size / 4 : type.size;
  return std::string(1, type.kind) + std::to_string(size);
}

std::string none(int count) { return std::string(static_cast<std::size_t>(count), 'N'); }

// version, order, subarray, names, fields, size, alignment, flags[, dates]
std::string state_of(const NumpyType& type) {
  const bool dates = type.kind == 'M' || type.kind == 'm';
  const bool flexible = type.kind == 'S' || type.kind == 'U' || type.kind == 'V';
  std::string out =
      code(op::MARK) + integer(dates ? 4 : 3) + text(std::string(1, type.order)) + none(1);
  if (type.fields.empty()) {
    out += none(2);
  } else {
    out += code(op::MARK);
    for (const NumpyField& field : type.fields) out += text(field.name);
    out += code(op::TUPLE) + code(op::EMPTY_DICT) + code(op::MARK);
    for (const NumpyField& field : type.fields) {
      out += text(field.name) + numpy_type(field.type) + number(field.offset) + code(op::TUPLE2);
    }
    out += code(op::SETITEMS);
  }
  const std::int64_t align = type.kind == 'U' ? 4 : type.fields.empty() ? 1 : type.align;
  out += flexible ? number(type.size) + integer(align) : integer(-1) + integer(-1);
  out += integer(type.kind == 'O'       ? kObjectFlags
                 : type.kind == 'U'     ? kTextFlags
                 : !type.fields.empty() ? kRecordFlags
                                        : 0);
  if (dates) {
    const std::string unit = type.unit.empty() ? "generic" : type.unit;
    out += code(op::EMPTY_DICT) + code(op::MARK) + bytes_head(unit.size()) + unit +
           integer(type.units) + integer(1) + integer(1) + code(op::TUPLE) + code(op::TUPLE2);
  }
  return out + code(op::TUPLE);
}

}  // namespace

std::string numpy_type(const NumpyType& type) {
  return global("numpy", "dtype") + text(short_text(type)) + boolean(false) + boolean(true) +
         code(op::TUPLE3) + code(op::REDUCE) + state_of(type) + code(op::BUILD);
}

std::string array_begin() {
  return global("numpy.core.multiarray", "_reconstruct") + global("numpy", "ndarray") + integer(0) +
         code(op::TUPLE1) + bytes_head(1) + "b" + code(op::TUPLE3) + code(op::REDUCE);
}

std::string array_state(const std::vector<std::uint64_t>& shape, const NumpyType& type,
                        bool fortran) {
  return code(op::MARK) + integer(1) + sizes(shape) + numpy_type(type) + boolean(fortran);
}

std::string array_end() { return code(op::TUPLE) + code(op::BUILD); }

std::string scalar_begin(const NumpyType& type) {
  return global("numpy.core.multiarray", "scalar") + numpy_type(type);
}

std::string scalar_end() { return code(op::TUPLE2) + code(op::REDUCE); }

std::string sizes(std::span<const std::uint64_t> items) {
  std::string out = code(op::MARK);
  for (const std::uint64_t item : items) out += number(item);
  return out + code(op::TUPLE);
}

}  // namespace brine::convert::spell
