#include "convert/extras.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/escape.h"
#include "convert/keys.h"
#include "convert/view_bytes.h"

namespace brine::convert {
namespace {

using pickle::Kind;
using pickle::Node;

constexpr std::uint64_t kMostNumbers = 64u << 10;  // bytes of one array

}  // namespace

std::string Extras::base64(std::string_view bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const std::size_t left = std::min<std::size_t>(bytes.size() - at, 3);
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      bits = bits << 8 | (i < left ? static_cast<unsigned char>(bytes[at + i]) : 0u);
    }
    for (std::size_t i = 0; i < 4; ++i) {
      out += i <= left ? kDigits[bits >> (18 - 6 * i) & 63u] : '=';
    }
  }
  return out;
}

void Extras::wrapped(std::string_view key, const std::string& text) {
  begin_object();
  field(key, text);
  end_object();
}

void Extras::integer(const Node& value) {
  constexpr std::int64_t kExact = std::int64_t{1} << 53;
  if (!value.big && value.integer >= -kExact && value.integer <= kExact) {
    number(value.integer);
  } else {
    wrapped("$int", value.big ? std::string(value.text) : std::to_string(value.integer));
  }
}

void Extras::floating(double value) { wrapped("$float", float_text(value)); }

void Extras::raw_key(const std::string& part) {
  std::string quoted;
  append_json_string(quoted, part);
  key(std::string_view(quoted).substr(1, quoted.size() - 2));
}

void Extras::key_of(const Node* key, const std::string& part) {
  switch (key == nullptr ? Kind::unknown : key->kind) {
    case Kind::none: return null();
    case Kind::boolean: return boolean(key->integer != 0);
    case Kind::integer: return integer(*key);
    case Kind::floating: return floating(key->floating);
    case Kind::bytes: return wrapped("$bytes", base64(key->text));
    case Kind::str: return string(part);
    default: return wrapped("$key", part);
  }
}

bool Extras::array(const TensorView& view, const std::vector<Storage>& storages) {
  const SourcePtr& source = storages[view.storage].bytes;
  const auto size = checked_product(view.elements(), view.dtype->itemsize);
  if (source == nullptr || !size || *size > kMostNumbers) return false;
  std::string bytes;
  const Status read = read_view(view, *source, [&](std::uint64_t, ByteSpan part) -> Status {
    bytes += as_text(part);
    return {};
  });
  if (!read) return false;
  begin_object();
  field("$array", view.dtype->name);
  key("shape");
  begin_array();
  for (const std::uint64_t extent : view.shape) number(extent);
  end_array();
  field("$bytes", base64(bytes));
  end_object();
  return true;
}

}  // namespace brine::convert
