#include "scan/shadow.h"

#include <algorithm>
#include <array>

#include "catalogue/trust.h"

namespace brine::scan {

namespace {

bool is_identifier(std::string_view text) {
  if (text.empty() || (text[0] >= '0' && text[0] <= '9')) return false;
  return std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;
  });
}

constexpr std::array<std::string_view, 3> kSourceEndings = {".py", ".pyc", ".pyw"};
constexpr std::array<std::string_view, 2> kNativeEndings = {".so", ".pyd"};

// The module that a neighbour would be imported as, or empty.
std::string_view module_of(std::string_view name) {
  if (name.ends_with('/')) return name.substr(0, name.size() - 1);
  for (std::string_view ending : kSourceEndings) {
    if (name.ends_with(ending)) return name.substr(0, name.size() - ending.size());
  }
  for (std::string_view ending : kNativeEndings) {
    // json.cpython-311-x86_64-linux-gnu.so is json.
    if (name.ends_with(ending)) return name.substr(0, name.find('.'));
  }
  return {};
}

}  // namespace

std::vector<std::string> shadowing_modules(const std::vector<std::string>& neighbours) {
  std::vector<std::string> modules;
  for (const std::string& name : neighbours) {
    const std::string_view module = module_of(name);
    if (is_identifier(module)) modules.emplace_back(module);
  }
  std::ranges::sort(modules);
  const auto repeated = std::ranges::unique(modules);
  modules.erase(repeated.begin(), repeated.end());
  return modules;
}

}  // namespace brine::scan
