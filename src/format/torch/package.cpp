#include "format/torch/package.h"

#include <algorithm>
#include <utility>

#include "format/codes.h"
#include "format/words.h"

namespace brine::format::torch_package {

namespace {

constexpr std::size_t kMostNames = 64;  // that a finding lists
constexpr std::size_t kLongestName = 128;

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || static_cast<unsigned char>(c) >= 0x80;
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\f'; }

void skip_spaces(std::string_view& text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
}

std::string_view take_name(std::string_view& text) {
  skip_spaces(text);
  std::size_t length = 0;
  while (length < text.size() && is_name_char(text[length])) ++length;
  const std::string_view out = text.substr(0, length);
  text.remove_prefix(length);
  return out;
}

bool take_word(std::string_view& text, std::string_view word) {
  std::string_view rest = text;
  if (take_name(rest) != word) return false;
  text = rest;
  return true;
}

void keep(std::set<std::string>& names, std::string_view name) {
  if (!name.empty() && name.size() <= kLongestName && names.size() < kMostNames) {
    names.emplace(name);
  }
}

// One statement: `import a.b as c, d` or `from a.b import c`.
void read_statement(std::string_view text, std::set<std::string>& names) {
  if (take_word(text, "from")) {
    keep(names, take_name(text));
  } else if (take_word(text, "import")) {
    while (true) {
      keep(names, take_name(text));
      if (take_word(text, "as")) take_name(text);
      skip_spaces(text);
      if (!text.starts_with(',')) return;
      text.remove_prefix(1);
    }
  }
}

// Whether anything but spaces and comments is in it.
bool has_statements(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of("\r\n"), text.size());
    std::string_view line = text.substr(0, end);
    if (line.starts_with("\xef\xbb\xbf")) line.remove_prefix(3);
    skip_spaces(line);
    if (!line.empty() && line.front() != '#') return true;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return false;
}

std::string listed(const std::set<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

}  // namespace

Role role_of(std::string_view record) {
  if (record == kExternModules) return Role::externs;
  if (record.starts_with(".data/ts_code/")) {
    return record.ends_with(".pkl") || record.ends_with(".debug_pkl") ? Role::script_pickle
                                                                      : Role::script_code;
  }
  if (record.starts_with(".data/") && record.ends_with(".storage")) return Role::storage;
  if (record == "version" || record == "byteorder" || record.starts_with(".data/") ||
      record == ".format_version" || record == ".storage_alignment") {
    return Role::note;
  }
  return record.ends_with(".py") ? Role::source : Role::resource;
}

std::string storage_record(std::string_view key) {
  return ".data/" + std::string(key) + ".storage";
}

std::set<std::string> imported_modules(std::string_view source) {
  std::set<std::string> names;
  while (!source.empty()) {
    const std::size_t end = std::min(source.find_first_of("\r\n;:"), source.size());
    read_statement(source.substr(0, end), names);
    source.remove_prefix(std::min(end + 1, source.size()));
  }
  return names;
}

void Code::add_source(const std::string& path, ByteSpan text) {
  if (!has_statements(as_text(text))) return;
  if (files_++ == 0) first_ = path;
  for (const std::string& name : imported_modules(as_text(text))) keep(imports_, name);
}

void Code::add_externs(ByteSpan text) {
  std::string_view left = as_text(text);
  while (!left.empty()) {
    const std::size_t end = std::min(left.find_first_of("\r\n"), left.size());
    keep(externs_, left.substr(0, end));
    left.remove_prefix(std::min(end + 1, left.size()));
  }
}

void Code::tell(Sink& sink) const {
  if (files_ == 0) return;
  Finding finding;
  finding.code = code::kCarriesCode;
  finding.title = "carries code: " + counted(files_, "Python file") +
                  " that torch.package runs when something in it is loaded";
  finding.member = {first_};
  finding.capabilities = {"run_code"};
  finding.evidence.push_back({"path", first_});
  if (!imports_.empty()) finding.evidence.push_back({"name", "imports " + listed(imports_)});
  if (!externs_.empty()) {
    finding.evidence.push_back({"name", "taken from outside: " + listed(externs_)});
  }
  finding.advice = "read the code, or ask for the weights as safetensors";
  sink.finding(std::move(finding));
}

}  // namespace brine::format::torch_package
