// Torch zips: any bytes as data.pkl and as one storage of an otherwise honest archive, which gets
// the fuzzer's own edits too. The scan must see whatever the pickle does.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "io/source.h"
#include "scan/scan_file.h"
#include "target.h"

namespace {

using namespace brine;

void put16(std::string& out, std::size_t value) {
  out.push_back(static_cast<char>(value & 255));
  out.push_back(static_cast<char>(value >> 8 & 255));
}
void put32(std::string& out, std::size_t value) {
  put16(out, value & 0xffff);
  put16(out, value >> 16 & 0xffff);
}

// A stored zip as torch.save writes it, without its alignment; checksums are zero, as nobody
// checks.
class Writer {
 public:
  void add(std::string_view name, std::string_view bytes) {
    const std::size_t offset = out_.size();
    out_ += "PK\3\4";
    fields(name, bytes);
    put16(out_, 0);
    out_ += name;
    out_ += bytes;
    directory_ += "PK\1\2";
    put16(directory_, 20);
    std::swap(out_, directory_);
    fields(name, bytes);
    std::swap(out_, directory_);
    directory_.append(8, '\0');
    directory_.append(4, '\0');
    put32(directory_, offset);
    directory_ += name;
    ++entries_;
  }
  std::string finish() {
    const std::size_t start = out_.size();
    out_ += directory_;
    out_ += std::string("PK\5\6\0\0\0\0", 8);
    put16(out_, entries_);
    put16(out_, entries_);
    put32(out_, directory_.size());
    put32(out_, start);
    put16(out_, 0);
    return out_;
  }

 private:
  // From "version needed" to the name's length.
  void fields(std::string_view name, std::string_view bytes) {
    put16(out_, 20);
    out_.append(12, '\0');  // flags, method, time, date, checksum
    put32(out_, bytes.size());
    put32(out_, bytes.size());
    put16(out_, name.size());
  }

  std::string out_, directory_;
  std::size_t entries_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4 || size > 1u << 16) return 0;
  const std::size_t edit_at = load_le16(data);
  const std::uint8_t edit = data[2];
  const std::size_t split = data[3];
  const std::string_view rest = as_text(ByteSpan(data + 4, size - 4));
  const std::string_view storage = rest.substr(0, std::min(split, rest.size()));
  Writer writer;
  writer.add("m/data.pkl", rest.substr(storage.size()));
  writer.add("m/byteorder", "little");
  writer.add("m/data/0", storage);
  writer.add("m/version", "3\n");
  std::string file = writer.finish();
  if (edit != 0) {
    char& byte = file[edit_at % file.size()];
    byte = static_cast<char>(static_cast<std::uint8_t>(byte) ^ edit);
  }

  scan::ScanOptions options;
  options.limits.stack_entries = 1u << 14;
  options.limits.memo_entries = 1u << 14;
  options.limits.nodes = 1u << 12;
  options.limits.nested_streams = 16;
  options.limits.nested_depth = 3;
  const FileReport report =
      scan::scan_source("model.pt", std::make_shared<MemorySource>(as_bytes(file)), options);
  if (edit == 0) {
    const bool seen = std::ranges::any_of(
        report.views, [](const View& view) { return view.loader == "torch.load"; });
    fuzz::check(seen, "nobody reads data.pkl");
  }
  return 0;
}
