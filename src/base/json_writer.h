// A small writer of JSON documents.
//
// Output is valid UTF-8 whatever it is given: bytes that are no text become \xNN (as text),
// control, bidirectional and invisible characters become \u escapes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace brine {

// Appends one JSON document to a string. Commas and indentation are the writer's; balance is the
// caller's. Compact when `indent` is false.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out, bool indent = false) : out_(&out), indent_(indent) {}

  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }
  void key(std::string_view name);  // an ASCII word of ours
  void string(std::string_view text);
  void number(std::uint64_t value);
  void number(std::int64_t value);
  void number(double value);
  void boolean(bool value) { raw(value ? "true" : "false"); }
  void null() { raw("null"); }
  void document(std::string_view json) { raw(json); }  // a value that is JSON already

  // key and value in one.
  void field(std::string_view name, std::string_view text);
  void field(std::string_view name, std::uint64_t value);
  void field(std::string_view name, const std::optional<std::uint64_t>& value);
  void field(std::string_view name, std::span<const std::string> texts);
  void field_or_null(std::string_view name, std::string_view text);  // null when empty

  // Until end: values on one line although the document is indented.
  void inline_values(bool on) { inline_ = on; }

 private:
  void raw(std::string_view text);
  void open(char bracket);
  void close(char bracket);
  void before_value();
  void new_line();

  std::string* out_;
  bool indent_;
  bool inline_ = false;
  bool first_ = true;  // nothing stands yet in the innermost bracket
  bool after_key_ = false;
  std::uint32_t depth_ = 0;
};

// `text` as a JSON string with its quotes.
void append_json_string(std::string& out, std::string_view text);

}  // namespace brine
