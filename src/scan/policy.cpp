#include "scan/policy.h"

#include <algorithm>
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

#include "scan/codes.h"
#include "scan/findings.h"
#include "scan/shadow.h"

namespace brine::scan {
namespace {

Error refusal(const toml::source_region& where, const std::string& what) {
  return {ErrorCode::usage, 0, "line " + std::to_string(where.begin.line) + ": " + what};
}

struct KnownKey {
  std::string_view table, key;
};
constexpr KnownKey kKnown[] = {
    {"trust", "names"}, {"trust", "sha256"}, {"require", "safetensors"}, {"forbid", "formats"}};

Status check_keys(const toml::table& root) {
  for (const auto& [table_name, table_node] : root) {
    const toml::table* table = table_node.as_table();
    const bool known = std::ranges::any_of(
        kKnown, [&](const KnownKey& row) { return row.table == table_name.str(); });
    if (!known || table == nullptr) {
      return fail(
          refusal(table_node.source(), "unknown key '" + std::string(table_name.str()) + "'"));
    }
    for (const auto& [key, node] : *table) {
      const bool fits = std::ranges::any_of(kKnown, [&](const KnownKey& row) {
        return row.table == table_name.str() && row.key == key.str();
      });
      if (!fits) {
        return fail(refusal(node.source(), "unknown key '" + std::string(table_name.str()) + "." +
                                               std::string(key.str()) + "'"));
      }
    }
  }
  return {};
}

Result<std::vector<std::string>> texts(const toml::table& root, std::string_view table,
                                       std::string_view key) {
  std::vector<std::string> out;
  const toml::node_view<const toml::node> node = root[table][key];
  if (!node) return out;
  const toml::array* array = node.as_array();
  if (array == nullptr) return fail(refusal(node.node()->source(), "wants a list of texts"));
  for (const toml::node& item : *array) {
    const auto text = item.value<std::string>();
    if (!text) return fail(refusal(item.source(), "wants a list of texts"));
    out.push_back(*text);
  }
  return out;
}

bool is_sha256(std::string_view text) {
  return text.size() == 64 && std::ranges::all_of(text, [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace

Result<Policy> Policy::parse(std::string_view text) {
  toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    return fail(refusal(parsed.error().source(), std::string(parsed.error().description())));
  }
  const toml::table& root = parsed.table();
  BRINE_CHECK_STATUS(check_keys(root));
  Policy policy;
  BRINE_TRY(const std::vector<std::string> names, texts(root, "trust", "names"));
  for (const std::string& name : names) BRINE_CHECK_STATUS(policy.trust(name));
  BRINE_TRY(policy.sha256_, texts(root, "trust", "sha256"));
  for (std::string& hash : policy.sha256_) {
    std::ranges::transform(hash, hash.begin(), [](char c) {
      return c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c;
    });
    if (!is_sha256(hash)) {
      return fail({ErrorCode::usage, 0, "trust.sha256: '" + hash + "' has not 64 hex digits"});
    }
  }
  BRINE_TRY(policy.forbidden_, texts(root, "forbid", "formats"));
  const toml::node_view<const toml::node> require = root["require"]["safetensors"];
  if (require) {
    const auto wanted = require.value_exact<bool>();
    if (!wanted) return fail(refusal(require.node()->source(), "wants true or false"));
    policy.require_safetensors_ = *wanted;
  }
  return policy;
}

bool Policy::trusts_sha256(std::string_view hex) const {
  return std::ranges::find(sha256_, hex) != sha256_.end();
}

void Policy::apply(FileReport& report, const std::optional<std::string>& sha256) const {
  const auto against = [&](const std::string& title) {
    Finding finding = finding_of(code::kPolicy);
    finding.title = title;
    report.findings.push_back(std::move(finding));
    report.verdict = std::max(report.verdict, Verdict::suspicious);
  };
  const bool model = report.verdict != Verdict::unrecognized;
  if (require_safetensors_ && model && !report.kind.starts_with("safetensors")) {
    against("the policy requires safetensors");
  }
  for (const std::string& format : forbidden_) {
    if (!format.empty() && report.kind.starts_with(format)) {
      against("the policy forbids this format: " + format);
    }
  }
  if (report.verdict == Verdict::suspicious && sha256 && trusts_sha256(*sha256)) {
    report.verdict = Verdict::clean;
    report.waived.push_back("sha256:" + *sha256);
  }
}

const catalogue::Trust* trust_of(const Policy* policy) {
  return policy == nullptr ? nullptr : &policy->trusted_names();
}

}  // namespace brine::scan
