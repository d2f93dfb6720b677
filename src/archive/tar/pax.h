// Pax headers: records "LENGTH KEY=VALUE\n" that say more about the members behind them.
//
// Problem: tarfile's reading of records changed with 3.13 (and the fixes that went into older
// versions): it was a regular expression that took what it found, and is strict now. Method: the
// old reading, because whatever the strict one accepts it reads alike. Only keys that change what
// comes out are kept. Invariant: work is linear in the header's bytes, or it is given up.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace brine::archive {

enum class PaxKey : std::uint8_t {
  path,
  link_path,
  size,
  sparse_name,
  sparse_size,
  sparse_real_size,
  sparse_map,
  sparse_major,
  sparse_minor,
};

// The headers in force, in the order of Python's dict. Copies share their values.
class PaxHeaders {
 public:
  using Value = std::shared_ptr<const std::string>;

  // Nullptr when there is none.
  const std::string* find(PaxKey key) const;
  // Whether that changed anything.
  bool set(PaxKey key, std::string_view value);
  const std::vector<std::pair<PaxKey, Value>>& items() const { return items_; }

 private:
  std::vector<std::pair<PaxKey, Value>> items_;
};

enum class PaxEnd : std::uint8_t {
  done,
  invalid,  // tarfile of every version calls the header invalid
  budget,
};
struct PaxParsed {
  PaxEnd end = PaxEnd::done;
  bool strict = true;  // 3.13 takes it as well
  bool changed = false;
};
// Puts the records of a header into `into`; names are cut at `name_bytes`.
PaxParsed parse_pax(std::string_view text, std::uint64_t name_bytes, PaxHeaders& into);

}  // namespace brine::archive
