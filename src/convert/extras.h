// Extras: values that are no tensors, as typed JSON (docs/convert.md).
//
// JSON has fewer types than Python; what it lacks is an object with one key that begins with "$".
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json_writer.h"
#include "convert/tensors.h"
#include "pickle/node.h"

namespace brine::convert {

class Extras : public JsonWriter {
 public:
  using JsonWriter::JsonWriter;

  static std::string base64(std::string_view bytes);

  // {"$key": "text"}
  void wrapped(std::string_view key, const std::string& text);
  void integer(const pickle::Node& value);
  void floating(double value);
  // A key of an object of JSON, as it is.
  void raw_key(const std::string& part);
  // A dict's key: constants have their own type; of any other there is `part`, what str() writes.
  void key_of(const pickle::Node* key, const std::string& part);
  // A small array as its bytes, row by row; false when it is large or its bytes are elsewhere.
  bool array(const TensorView& view, const std::vector<Storage>& storages);
};

}  // namespace brine::convert
