#include "render/trace_json.h"

#include "base/escape.h"
#include "pickle/machine.h"

namespace brine::render {
namespace {

constexpr std::size_t kFlushBytes = 256u << 10;
constexpr std::size_t kArgumentBytes = 400;  // of rendered arguments

// Which keys an event of this kind fills.
struct Keys {
  bool named, callable, counted, how;
};
Keys keys_of(pickle::EventKind kind) {
  switch (kind) {
    case pickle::EventKind::import:
    case pickle::EventKind::getattr: return {true, false, false, false};
    case pickle::EventKind::call:
    case pickle::EventKind::construct: return {false, true, true, false};
    case pickle::EventKind::store: return {false, true, false, true};
    case pickle::EventKind::set_state:
    case pickle::EventKind::hash: return {false, true, false, false};
    case pickle::EventKind::persistent: return {false, false, false, false};
  }
  return {};
}

}  // namespace

void TraceDocument::begin_file(std::string_view path) {
  json_.begin_object();
  json_.field("schema", "brine.trace/1");
  json_.field("path", path_text(path));
  json_.key("views");
  json_.begin_array();
}

void TraceDocument::end_file(std::string_view error) {
  json_.end_array();
  json_.field_or_null("error", error);
  json_.end_object();
  line_ += '\n';
  write_(line_);
  line_.clear();
  json_ = JsonWriter(line_);
}

pickle::TraceSink* TraceDocument::begin(const scan::ViewStart& view) {
  json_.begin_object();
  json_.field("loader", view.loader);
  json_.field("unpickler", to_string(view.profile.unpickler));
  json_.field("encoding", to_string(view.profile.encoding));
  json_.field("member", std::span(view.member));
  json_.field("start", view.start);
  json_.key("events");
  json_.begin_array();
  return this;
}

void TraceDocument::on_event(const pickle::Event& event, pickle::Machine& machine) {
  const Keys keys = keys_of(event.kind);
  const pickle::Opcode* opcode = pickle::find_opcode(event.opcode);
  json_.begin_object();
  json_.field("kind", to_string(event.kind));
  json_.field("offset", event.offset);
  json_.field_or_null("opcode", opcode == nullptr ? std::string_view() : opcode->name);
  if (keys.named) {
    json_.field("module", event.module);
    json_.field("name", event.name);
  } else {
    json_.field_or_null("module", {});
    json_.field_or_null("name", {});
  }
  json_.field_or_null("callable", keys.callable ? event.callable : std::string_view());
  json_.key("nargs");
  if (keys.counted && event.nargs >= 0) {
    json_.number(event.nargs);
  } else {
    json_.null();
  }
  json_.key("args");
  if (event.has_argument) {
    const std::string text = machine.render(event.argument, kArgumentBytes);
    if (text == "?") {
      json_.null();
    } else {
      json_.string(text);
    }
  } else {
    json_.null();
  }
  json_.field_or_null("how", keys.how ? to_string(event.how) : std::string_view());
  json_.key("computed");
  json_.boolean(event.computed);
  json_.end_object();
  if (line_.size() >= kFlushBytes) {
    write_(line_);
    line_.clear();
  }
}

void TraceDocument::end(const scan::ViewStart&, const scan::ViewEnd& how) {
  json_.end_array();
  json_.field("end", to_string(how.end.kind));
  json_.field("end_offset", how.end.offset);
  json_.field_or_null("error", how.end.error);
  json_.end_object();
}

}  // namespace brine::render
