// Prints what every view of a zip could hand out, for comparison with the real readers.
//
// Input: zips on standard input, each after its length as four little-endian bytes. Output: a line
// of JSON for each. Arguments: records that a torch lookup is answered for. A member's bytes are
// hex; "?N" stands for N bytes of memory that the reader never wrote.
#include <cstdio>
#include <string>
#include <vector>

#include "archive/zip/reader.h"

namespace {

using brine::archive::ZipArchive;
using brine::archive::ZipView;

bool read_exactly(std::vector<std::uint8_t>& out, std::size_t count) {
  out.resize(count);
  return std::fread(out.data(), 1, count, stdin) == count;
}

std::string hex(brine::ByteSpan bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (std::uint8_t byte : bytes) {
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  return out;
}

std::string member_bytes(ZipArchive& archive, const ZipView& view, std::size_t member) {
  auto reading = archive.locate(view, member);
  if (reading && reading->uninitialised) return "\"?" + std::to_string(reading->output) + "\"";
  auto content = archive.content(view, member);
  if (!content) return std::string("\"!") + brine::to_string(content.error().code) + "\"";
  auto bytes = content->source->read_vector(0, content->source->size());
  if (!bytes) return "\"!read\"";
  std::string unwritten = content->unwritten == 0 ? "" : "?" + std::to_string(content->unwritten);
  return "\"" + hex(*bytes) + unwritten + "\"";
}

std::string members(ZipArchive& archive, const ZipView& view) {
  std::string out = "[";
  for (std::size_t i = 0; i < view.members.size(); ++i) {
    auto reading = archive.locate(view, i);
    if (i != 0) out += ",";
    out += "[\"" + hex(brine::as_bytes(view.members[i].name)) + "\"," +
           member_bytes(archive, view, i) + "," +
           (reading && reading->readable ? "true" : "false") + "]";
  }
  return out + "]";
}

std::string lookups(ZipArchive& archive, char** records, int count) {
  std::string out = "{";
  for (int i = 0; i < count; ++i) {
    if (i != 0) out += ",";
    out += std::string("\"") + records[i] + "\":[";
    std::vector<std::size_t> found = archive.torch_candidates(records[i]);
    for (std::size_t j = 0; j < found.size(); ++j) {
      if (j != 0) out += ",";
      out += member_bytes(archive, archive.miniz(), found[j]);
    }
    out += "]";
  }
  return out + "}";
}

std::string names(ZipArchive& archive) {
  auto found = archive.disagreements();
  std::string out = "[";
  if (found) {
    for (const auto& issue : **found) {
      if (out.size() > 1) out += ",";
      out += std::string("\"") + to_string(issue.issue) + "\"";
    }
  }
  return out + "]";
}

std::string gaps(ZipArchive& archive) {
  auto found = archive.gaps();
  std::string out = "[";
  if (found) {
    for (const auto& gap : *found) {
      if (out.size() > 1) out += ",";
      out += "[" + std::to_string(gap.start) + "," + std::to_string(gap.end) + "," +
             std::to_string(static_cast<int>(gap.kind)) + "]";
    }
  }
  return out + "]";
}

std::string describe(std::vector<std::uint8_t> bytes, char** records, int count) {
  auto source = std::make_shared<brine::MemorySource>(std::move(bytes));
  auto opened = ZipArchive::open_salvage(source, brine::Limits{});
  if (!opened) return std::string("{\"error\":\"") + brine::to_string(opened.error().code) + "\"}";
  ZipArchive& archive = *opened;
  std::string out = "{\"miniz_opens\":";
  out += archive.miniz().opens ? "true" : "false";
  out += ",\"torch_opens\":";
  out += archive.torch_refusal().empty() ? "true" : "false";
  out += ",\"zipfile_opens\":";
  out += archive.zipfile().opens ? "true" : "false";
  out += ",\"refusals\":[\"" + archive.miniz().refusal + "\",\"" + archive.zipfile().refusal +
         "\",\"" + archive.torch_refusal() + "\"]";
  out += ",\"root\":";
  out += archive.torch_root() ? "\"" + hex(brine::as_bytes(*archive.torch_root())) + "\"" : "null";
  out += ",\"miniz\":" + members(archive, archive.miniz());
  out += ",\"zipfile\":" + members(archive, archive.zipfile());
  auto local = archive.local();
  out += ",\"local\":" + (local ? members(archive, **local) : std::string("null"));
  out += ",\"lookups\":" + lookups(archive, records, count);
  out += ",\"issues\":" + names(archive);
  out += ",\"gaps\":" + gaps(archive) + "}";
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::uint8_t> length;
  std::vector<std::uint8_t> zip;
  while (read_exactly(length, 4)) {
    std::size_t count = brine::load_le32(length.data());
    if (!read_exactly(zip, count)) return 2;
    std::string line = describe(std::move(zip), argv + 1, argc - 1) + "\n";
    std::fwrite(line.data(), 1, line.size(), stdout);
    zip.clear();
  }
  return 0;
}
