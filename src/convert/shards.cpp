#include "convert/shards.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/bytes.h"
#include "base/escape.h"
#include "base/json_writer.h"

namespace brine::convert {
namespace {

constexpr std::uint64_t kMostIndex = 256u << 20;
constexpr std::size_t kMostDepth = 64;  // of values that are passed over

// A JSON document of one shape; what it is not asked for is passed over.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  Result<ShardIndex> index() {
    ShardIndex out;
    bool found = false;
    BRINE_CHECK_STATUS(expect('{'));
    for (bool first = true; !take('}'); first = false) {
      if (!first) BRINE_CHECK_STATUS(expect(','));
      BRINE_TRY(const std::string key, string());
      BRINE_CHECK_STATUS(expect(':'));
      if (key != "weight_map") {
        BRINE_CHECK_STATUS(pass_over());
        continue;
      }
      if (std::exchange(found, true)) return bad("two weight maps");
      BRINE_CHECK_STATUS(weight_map(out));
    }
    space();
    if (at_ != text_.size()) return bad("something behind the document");
    if (!found) return bad("no weight_map");
    return out;
  }

 private:
  std::unexpected<Error> bad(std::string_view what) const {
    return fail(Error::malformed(at_, "an index that cannot be read: " + std::string(what)));
  }
  void space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").contains(text_[at_])) ++at_;
  }
  bool take(char c) {
    space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  Status expect(char c) {
    if (!take(c)) return bad(std::string("'") + c + "' is missing");
    return {};
  }

  Status weight_map(ShardIndex& out) {
    std::set<std::string> shards;
    BRINE_CHECK_STATUS(expect('{'));
    for (bool first = true; !take('}'); first = false) {
      if (!first) BRINE_CHECK_STATUS(expect(','));
      BRINE_TRY(std::string name, string());
      BRINE_CHECK_STATUS(expect(':'));
      BRINE_TRY(std::string shard, string());
      const bool plain = !shard.empty() && shard != "." && shard != ".." &&
                         shard.find_first_of(std::string_view("/\\\0:", 4)) == std::string::npos;
      if (!plain) {
        return fail(Error::malformed(at_, "the index names a file outside its folder: " + shard));
      }
      shards.insert(shard);
      if (!out.shard_of.emplace(std::move(name), std::move(shard)).second) {
        return bad("a tensor comes twice");
      }
    }
    out.shards.assign(shards.begin(), shards.end());
    return {};
  }

  Result<std::uint32_t> hex() {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      if (at_ >= text_.size()) return bad("an escape is cut off");
      const char c = text_[at_];
      const char low = static_cast<char>(c | 0x20);
      if (c >= '0' && c <= '9') {
        value = value << 4 | static_cast<std::uint32_t>(c - '0');
      } else if (low >= 'a' && low <= 'f') {
        value = value << 4 | static_cast<std::uint32_t>(low - 'a' + 10);
      } else {
        return bad("an escape that is no number");
      }
    }
    return value;
  }

  Result<std::string> string() {
    BRINE_CHECK_STATUS(expect('"'));
    std::string out;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"') return out;
      if (c != '\\') {
        out += c;
        continue;
      }
      const char escape = at_ < text_.size() ? text_[at_++] : '\0';
      constexpr std::string_view kFrom = "\"\\/bfnrt", kTo = "\"\\/\b\f\n\r\t";
      if (const std::size_t row = kFrom.find(escape); row != std::string_view::npos) {
        out += kTo[row];
        continue;
      }
      if (escape != 'u') return bad("an unknown escape");
      BRINE_TRY(std::uint32_t point, hex());
      if (point >= 0xd800 && point < 0xdc00) {
        if (text_.substr(at_, 2) != "\\u") return bad("half a character");
        at_ += 2;
        BRINE_TRY(const std::uint32_t low, hex());
        if (low < 0xdc00 || low >= 0xe000) return bad("half a character");
        point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
      } else if (point >= 0xdc00 && point < 0xe000) {
        return bad("half a character");
      }
      append_utf8(out, static_cast<char32_t>(point));
    }
    return bad("a text that does not end");
  }

  // Any value: brackets are counted, texts are read.
  Status pass_over() {
    std::string open;
    do {
      space();
      if (at_ >= text_.size()) return bad("it ends early");
      const char c = text_[at_];
      if (c == '"') {
        BRINE_CHECK_STATUS(string());
        continue;
      }
      ++at_;
      if (c == '{' || c == '[') {
        if (open.size() == kMostDepth) return bad("too deep");
        open += c == '{' ? '}' : ']';
      } else if (c == '}' || c == ']') {
        if (open.empty() || open.back() != c) return bad("brackets that do not meet");
        open.pop_back();
      } else if (c != ',' && c != ':') {
        while (at_ < text_.size() && !std::string_view(",:{}[]\" \t\r\n").contains(text_[at_])) {
          ++at_;
        }
      }
    } while (!open.empty());
    return {};
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

std::string renamed(std::string_view name, std::string_view old_ending, std::string_view ending) {
  constexpr std::string_view kOld = "pytorch_model";
  std::string out(name.starts_with(kOld) ? name.substr(kOld.size() - 5) : name);
  if (out.ends_with(old_ending)) out.resize(out.size() - old_ending.size());
  return out + std::string(ending);
}

std::uint64_t json_size(std::string_view text) {
  std::string quoted;
  append_json_string(quoted, text);
  return quoted.size();
}

}  // namespace

Result<ShardIndex> read_shard_index(ByteSource& source) {
  if (source.size() > kMostIndex) return fail(Error::budget(0, "an index of over 256 MB"));
  BRINE_TRY(const std::vector<std::uint8_t> bytes, source.read_vector(0, source.size()));
  return Reader(as_text(bytes)).index();
}

std::string new_shard_name(std::string_view shard) {
  const std::size_t dot = shard.rfind('.');
  const std::string_view ending =
      dot == std::string_view::npos || dot == 0 ? std::string_view() : shard.substr(dot);
  return renamed(shard, ending, ".safetensors");
}

std::string new_index_name(std::string_view index) {
  const std::string_view old =
      index.ends_with(".bin.index.json") ? ".bin.index.json" : ".index.json";
  return renamed(index, old, ".safetensors.index.json");
}

std::string index_json(const NewIndex& index) {
  std::string out;
  JsonWriter writer(out, true);
  const auto field = [&](const std::string& name, const std::string& text) {
    std::string quoted;
    append_json_string(quoted, name);
    writer.key(std::string_view(quoted).substr(1, quoted.size() - 2));
    writer.string(text);
  };
  writer.begin_object();
  writer.key("metadata");
  writer.begin_object();
  writer.field("total_size", index.total_size);
  if (!index.aliases.empty()) {
    writer.key("brine.aliases");
    writer.begin_object();
    for (const auto& [removed, kept] : index.aliases) field(removed, kept);
    writer.end_object();
  }
  writer.end_object();
  writer.key("weight_map");
  writer.begin_object();
  for (const auto& [name, shard] : index.shard_of) field(name, shard);
  writer.end_object();
  writer.end_object();
  return out + "\n";
}

std::vector<std::vector<Entry>> split_by_header(std::vector<Entry> entries,
                                                const Metadata& metadata, std::uint64_t limit) {
  constexpr std::uint64_t kFixed = 160;  // keys, offsets and brackets of one entry
  constexpr std::uint64_t kExtent = 21;
  std::uint64_t base = 1024;
  for (const auto& [key, text] : metadata) base += json_size(key) + json_size(text) + 2;
  std::vector<std::vector<Entry>> out;
  std::uint64_t used = limit;
  for (Entry& entry : entries) {
    const std::uint64_t size =
        json_size(entry.name) + kFixed + kExtent * (entry.view.shape.size() + 1);
    if (out.empty() || used + size > limit) {
      out.emplace_back();
      used = base;
    }
    used += size;
    out.back().push_back(std::move(entry));
  }
  return out;
}

}  // namespace brine::convert
