#include "convert/records.h"

#include <array>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "archive/zip/reader.h"
#include "base/bytes.h"
#include "base/escape.h"
#include "format/names.h"

namespace brine::convert {
namespace {

using archive::ZipArchive;

constexpr std::uint64_t kLocalHeader = 30;
constexpr std::uint64_t kSmallRecord = 4096;  // torch's version, byteorder and the like
constexpr std::uint32_t kLocalSignature = 0x04034b50, kDescriptorSignature = 0x08074b50;

Result<SourcePtr> content_of(ZipArchive& archive, const std::string& record) {
  const std::vector<std::size_t> found = archive.torch_candidates(record);
  if (found.size() != 1) return SourcePtr();
  BRINE_TRY(archive::ZipContent content, archive.content(archive.miniz(), found.front()));
  if (content.budget) return fail(Error::budget(0, "member_bytes"));
  if (!content.whole) return SourcePtr();
  return std::move(content.source);
}

std::string text_of(ByteSource& source, std::uint64_t most = 16) {
  const Result<std::vector<std::uint8_t>> bytes =
      source.read_vector(0, std::min<std::uint64_t>(source.size(), most));
  return bytes ? std::string(bytes->begin(), bytes->end()) : std::string();
}

void swap_all(Captured& captured) {
  for (Storage& storage : captured.contents.storages) {
    if (!storage.key.empty() && storage.dtype != nullptr) storage.swapped = true;
  }
  for (NamedTensor& tensor : captured.contents.tensors) {
    const Storage& storage = captured.contents.storages[tensor.view.storage];
    // torch swaps the elements of typed storages; those of untyped ones stay as they are.
    if (storage.key.empty() || storage.dtype == nullptr) continue;
    tensor.view.swapped = true;
    // It swaps by the storage's element, whatever the view makes of it.
    const auto* shown = tensor.view.dtype;
    if (shown == nullptr || shown->itemsize != storage.dtype->itemsize) {
      captured.contents.ambiguous = true;
    }
  }
}

// A small record's text; none when there is not one of that name.
std::optional<std::string> small_record(ZipArchive& archive, const std::string& record) {
  const auto content = content_of(archive, record);
  return content && *content != nullptr ? std::optional(text_of(**content)) : std::nullopt;
}

bool is_number(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  return !text.empty() && text.size() < 5 &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// torch hands the identity of an archive to Python as a str.
bool names_itself(ZipArchive& archive) {
  constexpr std::string_view kIdentity = ".data/serialization_id";
  if (archive.torch_candidates(kIdentity).empty()) return true;
  const auto content = content_of(archive, std::string(kIdentity));
  return content && *content != nullptr && (*content)->size() <= kSmallRecord &&
         is_utf8(text_of(**content, kSmallRecord));
}

// What torch asks of an archive before it looks at a tensor (caffe2/serialize/inline_container.cc
// and torch/serialization.py of 2.13).
std::string doubt_of(ZipArchive& archive, const Captured& captured) {
  constexpr int kNewest = 10;  // format version
  auto version = small_record(archive, ".data/version");
  if (!version) version = small_record(archive, "version");
  if (!version || !is_number(*version) || std::stoi(*version) < 1 ||
      std::stoi(*version) > kNewest) {
    return "torch opens no archive without a version from 1 to 10";
  }
  if (!captured.loader.starts_with("torch.load")) {
    return captured.contents.script ? "" : "torch.jit.load wants a module, and it holds none";
  }
  if (const std::string& refusal = archive.torch_refusal(); !refusal.empty()) {
    return "torch does not open it: " + refusal;
  }
  if (!archive.torch_candidates("constants.pkl").empty()) {
    return "torch.load takes an archive with constants.pkl for TorchScript";
  }
  const auto alignment = small_record(archive, ".storage_alignment");
  const bool bad =
      alignment ? !is_number(*alignment) : !archive.torch_candidates(".storage_alignment").empty();
  if (bad) return "torch.load refuses its .storage_alignment";
  return names_itself(archive) ? "" : "torch.load wants its .data/serialization_id to be UTF-8";
}

// torch unpacks the ids of storages into as many values as its format has, and keeps storages and
// views of them in one table.
std::string doubt_of_ids(const Captured& captured) {
  for (const auto& placed : captured.placed) {
    if (captured.contents.view_keys.contains(placed.key)) {
      return "torch.load takes the view " + placed.key + " for the storage of that key";
    }
  }
  const std::uint8_t items = captured.legacy ? 6 : 5;
  for (const Storage& storage : captured.contents.storages) {
    if (storage.id_items == 0) continue;
    if (storage.id_items != items) {
      return "torch.load wants ids of " + std::to_string(items) + " values, and storage " +
             storage.key + " has another number";
    }
    if (captured.legacy && storage.number != captured.number_keys) {
      return "torch.load does not find storage " + storage.key + ": numbers and texts as keys";
    }
  }
  return {};
}

Status find_in_zip(const SourcePtr& file, const Limits& limits, Captured& captured) {
  BRINE_TRY(ZipArchive archive, ZipArchive::open(file, limits));
  captured.doubt = doubt_of(archive, captured);
  std::uint64_t wanted = 0;
  for (const Storage& storage : captured.contents.storages) {
    if (storage.key.empty() || storage.bytes != nullptr) continue;
    wanted = checked_sum(wanted, storage.size).value_or(~std::uint64_t{0});
  }
  if (wanted > most_output(file->size())) {
    return fail(
        Error::budget(0, "the storages would be more than 16 times the file's size and 64 MB"));
  }
  for (Storage& storage : captured.contents.storages) {
    if (storage.key.empty() || storage.bytes != nullptr) continue;
    BRINE_TRY(SourcePtr bytes, content_of(archive, "data/" + storage.key));
    if (bytes != nullptr && bytes->size() >= storage.size) storage.bytes = std::move(bytes);
  }
  BRINE_TRY(const SourcePtr order, content_of(archive, "byteorder"));
  if (order == nullptr) return {};
  const std::string text = text_of(*order);
  if (text == "big") {
    swap_all(captured);
  } else if (text != "little") {
    return fail({ErrorCode::malformed, 0, "a byte order that is neither little nor big"});
  }
  return {};
}

struct LocalHeader {
  std::string name;
  std::uint64_t data = 0;  // offset in the file
};

std::optional<LocalHeader> local_header(ByteSource& file, std::uint64_t at) {
  if (at > file.size() || file.size() - at < kLocalHeader) return std::nullopt;
  std::array<std::uint8_t, kLocalHeader> fixed{};
  if (!file.read(at, fixed) || load_le32(fixed.data()) != kLocalSignature) return std::nullopt;
  const std::uint64_t name = load_le16(fixed.data() + 26), extra = load_le16(fixed.data() + 28);
  const std::uint64_t left = file.size() - at - kLocalHeader;
  if (name + extra > left || load_le16(fixed.data() + 8) != 0) return std::nullopt;
  const auto text = file.read_vector(at + kLocalHeader, name);
  if (!text) return std::nullopt;
  return LocalHeader{std::string(text->begin(), text->end()), at + kLocalHeader + name + extra};
}

// The next local header at or behind `at`, which is where a record's data end: a data descriptor
// may stand between.
std::optional<std::uint64_t> next_header(ByteSource& file, std::uint64_t at) {
  for (const std::uint64_t descriptor : {0u, 16u, 24u, 12u, 20u}) {
    const std::uint64_t there = at + descriptor;
    std::array<std::uint8_t, 4> word{};
    if (there > file.size() || file.size() - there < word.size() || !file.read(there, word)) {
      continue;
    }
    if (load_le32(word.data()) == kLocalSignature) return there;
  }
  return std::nullopt;
}

// Where a small record of unknown size ends.
std::optional<std::uint64_t> small_end(ByteSource& file, std::uint64_t data) {
  const std::uint64_t count = std::min(kSmallRecord, file.size() - std::min(file.size(), data));
  const auto bytes = file.read_vector(data, count);
  if (!bytes) return std::nullopt;
  for (std::uint64_t i = 0; i + 4 <= bytes->size(); ++i) {
    const std::uint32_t word = load_le32(bytes->data() + i);
    if (word == kDescriptorSignature || word == kLocalSignature) return data + i;
  }
  return std::nullopt;
}

}  // namespace

std::uint64_t most_output(std::uint64_t file_size) {
  constexpr std::uint64_t kFactor = 16, kFloor = std::uint64_t{64} << 20;
  return std::max(checked_product(file_size, kFactor).value_or(~std::uint64_t{0}), kFloor);
}

Status find_records(const SourcePtr& file, const Limits& limits, Captured& captured) {
  // Of a storage that comes twice torch keeps the last.
  std::unordered_map<std::string_view, const scan::ViewEnd::PlacedStorage*> placed;
  for (const auto& one : captured.placed) placed[one.key] = &one;
  for (Storage& storage : captured.contents.storages) {
    const auto found = storage.key.empty() ? placed.end() : placed.find(storage.key);
    if (found == placed.end()) continue;
    if (const auto& [key, start, end] = *found->second; end - start >= storage.size) {
      storage.bytes = std::make_shared<SliceSource>(captured.source, start, storage.size);
    }
  }
  const bool zip = captured.member.size() == 1 && captured.member[0].ends_with("/data.pkl");
  if (zip) BRINE_CHECK_STATUS(find_in_zip(file, limits, captured));
  if (captured.doubt.empty() && captured.loader.starts_with("torch.load")) {
    captured.doubt = doubt_of_ids(captured);
  }
  return {};
}

namespace {

// "archive/code/__torch__/torch/nn.py" holds the classes of "__torch__.torch.nn".
std::string module_of(std::string_view record) {
  constexpr std::string_view kCode = "/code/", kEnding = ".py";
  const std::size_t at = record.find(kCode);
  if (at == std::string_view::npos || !record.ends_with(kEnding)) return {};
  std::string out(record.substr(at + kCode.size()));
  out.resize(out.size() - kEnding.size());
  std::ranges::replace(out, '/', '.');
  return out;
}

// The attribute that a line of a class declares: "  w : Tensor", or, for what is no identifier,
// "  __annotations__["0"] = ...".
std::string_view declared_name(std::string_view line) {
  constexpr std::string_view kIndent = "  ", kOf = " : ", kTable = "__annotations__[\"",
                             kEnd = "\"] = ";
  if (!line.starts_with(kIndent)) return {};
  line.remove_prefix(kIndent.size());
  const bool table = line.starts_with(kTable);
  if (table) line.remove_prefix(kTable.size());
  const std::size_t end = line.find(table ? kEnd : kOf);
  return end == std::string_view::npos ? std::string_view() : line.substr(0, end);
}

// Adds what a file of TorchScript declares below "class M(Module):".
void add_declared(std::string_view text, const std::string& module,
                  std::set<std::pair<std::string, std::string>>& declared) {
  std::string cls;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    constexpr std::string_view kClass = "class ";
    if (line.starts_with(kClass)) {
      const std::size_t name = line.find('(');
      cls = name == std::string_view::npos
                ? std::string()
                : module + "." + std::string(line.substr(kClass.size(), name - kClass.size()));
    } else if (const std::string_view name = declared_name(line); !cls.empty() && !name.empty()) {
      declared.emplace(cls, name);
    }
  }
}

}  // namespace

bool keeps_attributes(const SourcePtr& file, const Limits& limits, const Contents& contents) {
  constexpr std::uint64_t kMostCode = 64u << 20;  // of one record
  auto archive = ZipArchive::open(file, limits);
  if (!archive) return false;
  std::set<std::pair<std::string, std::string>> declared;
  const archive::ZipView& view = archive->miniz();
  for (std::size_t i = 0; i < view.members.size(); ++i) {
    // miniz does not tell upper from lower case.
    if (!format::ascii_lower(view.members[i].name).contains("/code/")) continue;
    const auto content = archive->content(view, i);
    if (!content || !content->whole || content->source->size() > kMostCode) return false;
    const auto bytes = content->source->read_vector(0, content->source->size());
    if (!bytes || as_text(*bytes).contains("__setstate__")) return false;
    add_declared(as_text(*bytes), module_of(view.members[i].name), declared);
  }
  return std::ranges::includes(declared, contents.script_attributes);
}

std::optional<LostPickle> find_lost_pickle(const SourcePtr& file, const Limits& limits) {
  if (!local_header(*file, 0)) return std::nullopt;
  const auto opened = ZipArchive::open(file, limits);
  if (opened || opened.error().code == ErrorCode::budget) return std::nullopt;
  std::uint64_t at = 0;
  for (int records = 0; records < 8; ++records) {
    const auto header = local_header(*file, at);
    if (!header) return std::nullopt;
    if (header->name.ends_with("/data.pkl")) {
      return LostPickle{
          std::make_shared<SliceSource>(file, header->data, file->size() - header->data),
          header->data};
    }
    const auto end = small_end(*file, header->data);
    const auto next = end ? next_header(*file, *end) : std::nullopt;
    if (!next) return std::nullopt;
    at = *next;
  }
  return std::nullopt;
}

void find_lost_records(const SourcePtr& file, std::uint64_t pickle_end, Captured& captured) {
  std::map<std::string, Storage*> wanted;
  for (Storage& storage : captured.contents.storages) {
    if (!storage.key.empty()) wanted.emplace(storage.key, &storage);
  }
  std::optional<std::uint64_t> at = next_header(*file, pickle_end);
  while (at) {
    const auto header = local_header(*file, *at);
    if (!header) return;
    const std::size_t slash = header->name.rfind("/data/");
    std::optional<std::uint64_t> end;
    if (slash != std::string::npos) {
      const auto found = wanted.find(header->name.substr(slash + 6));
      // A record that no tensor names has a size that nobody tells: the way ends here.
      if (found == wanted.end()) return;
      Storage& storage = *found->second;
      if (storage.size > file->size() - std::min(file->size(), header->data)) return;
      storage.bytes = std::make_shared<SliceSource>(file, header->data, storage.size);
      end = header->data + storage.size;
    } else {
      end = small_end(*file, header->data);
      if (end && header->name.ends_with("/byteorder")) {
        SliceSource order(file, header->data, *end - header->data);
        if (text_of(order) == "big") swap_all(captured);
      }
    }
    at = end ? next_header(*file, *end) : std::nullopt;
  }
}

}  // namespace brine::convert
