// Imports: from the two texts of a name, or a number of the extension registry, to a reference.
//
// GLOBAL, INST and STACK_GLOBAL name a module and an attribute, EXT1 to EXT4 a number that
// copyreg.add_extension gave a name. The loader's find_class may map a name before it imports, so
// an event has both: what is written and what is imported. Invariant: a name that nobody can tell
// is an import as well, a suspicious one, and what it gives is unknown.

#include "pickle/binary_args.h"
#include "pickle/machine_impl.h"
#include "pickle/names.h"

namespace brine::pickle {
namespace {

bool treated_specially(std::string_view module, std::string_view name) {
  return name.find("Storage") != std::string_view::npos || module.starts_with("pandas") ||
         module == "torch.tensor";
}

}  // namespace

RefId Machine::Impl::intern(std::string_view module, std::string_view name) {
  key_buffer.assign(module);
  key_buffer += '\0';
  key_buffer += name;
  auto it = ref_ids.find(key_buffer);
  if (it != ref_ids.end()) return it->second;
  auto id = static_cast<RefId>(refs.size());
  refs.push_back({std::string(module), std::string(name)});
  ref_bytes += module.size() + name.size();
  ref_ids.emplace(key_buffer, id);
  if (name.ends_with("ArrayWrapper")) joblib_wrapper_named = true;
  return id;
}

// What the loader's find_class makes of a name before it imports.
bool Machine::Impl::rename(std::string_view& module, std::string_view& name, int at_proto) const {
  bool changed = false;
  if (world.maps_names() && profile.find_class == FindClass::pandas) {
    changed = map_pandas(module, name);
  }
  const bool weights_only = profile.unpickler == Unpickler::torch_weights_only;
  const bool old = world.maps_names() && at_proto < 3;
  return ((old || weights_only) && map_python2(module, name)) || changed;
}

// find_class; `start` is where the entry's range begins. Leaves the reference in `*out`.
bool Machine::Impl::do_import(std::string_view module, std::string_view name, std::uint64_t start,
                              Value* out) {
  if (module.size() > limits.text_bytes || name.size() > limits.text_bytes) {
    return over_budget("text_bytes");
  }
  if (refs.size() >= limits.references || ref_bytes >= limits.reference_bytes) {
    return over_budget("references");
  }
  ++result.imports;
  if (treated_specially(module, name)) result.divergence |= kDivergesByFindClass;
  if (is_dotted_identifier(module) && is_dotted_identifier(name)) result.imports_identifier = true;

  std::string_view real_module = module, real_name = name;
  rename(real_module, real_name, proto);
  if (restricted() &&
      !name_admitted(real_module, real_name, std::string(module) + "." + std::string(name))) {
    return false;
  }
  outcome.clear();
  // TorchScript's unpickler imports nothing: it resolves names in tables of its own.
  if (asks_world()) world.import(self, real_module, real_name, outcome);
  const bool known = outcome.judgement.level <= Level::note;

  Event event;
  event.kind = EventKind::import;
  event.module = real_module;
  event.name = real_name;
  event.written_module = module;
  event.written_name = name;
  std::string module_copy(real_module), name_copy(real_name);
  emit(event);

  const bool plain_names = proto < 4 || profile.find_class == FindClass::torch_package;
  if (world.maps_names() && plain_names && known && !poisoned && !restricted() &&
      name_copy.find('.') != std::string::npos) {
    return fail_op("Can't get attribute '" + name_copy + "'");
  }
  RefId id = intern(module_copy, name_copy);
  *out = Value::make(Kind::ref, start, pos, id);
  return true;
}

bool Machine::Impl::load_global() {
  std::string module, name;
  if (!read_names(module, name, false)) return false;
  Value ref{};
  return do_import(module, name, op_offset, &ref) && push(ref);
}

// C takes the mark first, then the names, then the arguments; Python imports before it looks for
// the mark.
bool Machine::Impl::load_inst() {
  Mark mark{};
  if (!python() && !take_mark(mark)) return false;
  std::string module, name;
  if (!read_names(module, name, true)) return false;
  Value ref{};
  if (!do_import(module, name, op_offset, &ref)) return false;
  if (python() && !take_mark(mark)) return false;
  return instantiate(ref, mark, mark.height, CallHow::inst);
}

bool Machine::Impl::read_names(std::string& module, std::string& name, bool ascii) {
  for (std::string* part : {&module, &name}) {
    std::string_view line;
    bool ended = false;
    if (!read_line(line, ended)) return false;
    if (ended && !line.empty()) line.remove_suffix(1);
    if (line.empty()) {
      result.divergence |= kDivergesByUnpickler;
      if (!python()) return fail_op("an empty name");
    }
    if (line.size() > limits.text_bytes) return over_budget("text_bytes");
    if (!decodes(line, ascii ? Encoding::ascii : Encoding::utf8)) {
      return fail_op("a name that does not decode");
    }
    *part = std::string(line);
  }
  return true;
}

bool Machine::Impl::load_stack_global() {
  if (height < fence() + 2) return underflow();
  Value name_value = stack[height - 1], module_value = stack[height - 2];
  height -= 2;
  std::uint64_t start = module_value.start;
  const bool vague = name_value.kind() == Kind::unknown || module_value.kind() == Kind::unknown;
  if (vague) return import_unnamed("imports a name that is put together at run time", start);
  if (name_value.kind() != Kind::str || module_value.kind() != Kind::str) {
    return fail_op("STACK_GLOBAL requires str");
  }
  std::string module, name;
  std::uint64_t length = 0;
  if (!constant_text(module_value, module, limits.text_bytes, &length) ||
      length > limits.text_bytes || !constant_text(name_value, name, limits.text_bytes, &length) ||
      length > limits.text_bytes) {
    return over_budget("text_bytes");
  }
  Value ref{};
  if (!do_import(module, name, start, &ref)) return false;
  return push(ref);
}

// An import of which nobody can tell the name.
bool Machine::Impl::import_unnamed(std::string_view what, std::uint64_t start) {
  outcome.clear();
  outcome.judgement.level = Level::suspicious;
  outcome.judgement.code = 121;
  outcome.judgement.what = what;
  outcome.judgement.caps = kImport;
  Event event;
  event.kind = EventKind::import;
  emit(event);
  return push(Value::make(Kind::unknown, start, pos));
}

bool Machine::Impl::load_extension_code(std::uint8_t opcode) {
  std::uint64_t code = 0;
  if (!read_number(width_of(find_opcode(opcode)->arg), code)) return false;
  return load_extension(opcode == op::EXT4 ? static_cast<std::int32_t>(code)
                                           : static_cast<std::int64_t>(code));
}

bool Machine::Impl::load_extension(std::int64_t code) {
  result.uses_ext = true;
  if (code <= 0 && !python()) return fail_op("EXT specifies code <= 0");
  if (auto seen = extensions.find(code); seen != extensions.end()) {
    Value value = seen->second;
    value.start = op_offset & kMaxOffset;
    value.end = pos & kMaxOffset;
    return keep_extension(value);
  }
  if (auto named = extension_names.find(code); named != extension_names.end()) {
    Value ref{};
    std::pair<std::string, std::string> names = named->second;
    if (!do_import(names.first, names.second, op_offset, &ref)) return false;
    extensions[code] = ref;
    return keep_extension(ref);
  }
  if (!poisoned) return fail_op("unregistered extension code " + std::to_string(code));
  return import_unnamed("imports what a changed extension registry names", op_offset);
}

// A name pushed by EXT: its own bytes do not tell it, so it is kept.
bool Machine::Impl::keep_extension(const Value& ref) {
  Computed made;
  made.offset = op_offset;
  made.kind = Kind::ref;
  made.ref = ref.aux();
  return keep_computed(std::move(made)) && push(ref);
}

}  // namespace brine::pickle
