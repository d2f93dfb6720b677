// Scans files that arrive on standard input, each with the facts changed in one word.
//
//   brine-contracts FACTS.bin < requests
//
// Problem: thousands of contracts are weakened, and each wants verdicts of its own; a program for
// each would take a day. Method: the facts lie in writable memory (room.S), a request names one
// 32-bit word of them and what stands there while its file is scanned. Invariant: the word is put
// back before the next request, and the scan is the program's own.
//
// A request: four little-endian words (offset in the facts or 0, the value there, length of the
// name, length of the data), then name and data. An answer: a line with the verdict's first letter,
// and the first finding's code and title when there is one.
#include <array>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/source.h"
#include "scan/scan_file.h"

extern "C" {
extern unsigned char brine_catalogue[];
extern unsigned char brine_catalogue_end[];
}

namespace {

constexpr std::size_t kWord = 4;

std::size_t room() { return static_cast<std::size_t>(brine_catalogue_end - brine_catalogue); }

bool load_facts(const char* path) {
  std::FILE* file = std::fopen(path, "rb");
  if (file == nullptr) return false;
  const std::size_t count = std::fread(brine_catalogue, 1, room(), file);
  const bool whole = count > 0 && std::feof(file) != 0;
  std::fclose(file);
  return whole;
}

bool read_exactly(void* out, std::size_t count) {
  return count == 0 || std::fread(out, 1, count, stdin) == count;
}

std::uint32_t word_at(const unsigned char* bytes) {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes, kWord);
  return value;
}

char letter_of(brine::Verdict verdict) {
  switch (verdict) {
    case brine::Verdict::clean: return 'c';
    case brine::Verdict::unrecognized: return 'u';
    case brine::Verdict::incomplete: return 'i';
    case brine::Verdict::suspicious: return 's';
    case brine::Verdict::malicious: return 'm';
  }
  return '?';
}

void answer(const std::string& name, std::vector<std::uint8_t> data) {
  const brine::FileReport report =
      brine::scan::scan_source(name, std::make_shared<brine::MemorySource>(std::move(data)), {});
  std::string line(1, letter_of(report.verdict));
  if (!report.findings.empty()) {
    line += " BRN" + std::to_string(report.findings.front().code);
    line += ' ';
    line += report.findings.front().title;
  }
  for (char& c : line) {
    if (c == '\n') c = ' ';
  }
  line += '\n';
  std::fwrite(line.data(), 1, line.size(), stdout);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string_view> arguments(argv, std::next(argv, argc));
  if (arguments.size() != 2 || !load_facts(arguments[1].data())) {
    std::fputs("brine-contracts FACTS.bin < requests\n", stderr);
    return 2;
  }
  std::array<unsigned char, 4 * kWord> head{};
  while (read_exactly(head.data(), head.size())) {
    const std::uint32_t offset = word_at(head.data());
    std::string name(word_at(&head[2 * kWord]), '\0');
    std::vector<std::uint8_t> data(word_at(&head[3 * kWord]));
    if (!read_exactly(name.data(), name.size()) || !read_exactly(data.data(), data.size())) break;
    if (offset > room() - kWord) return 2;
    unsigned char* const place = std::next(brine_catalogue, offset);
    const std::uint32_t before = word_at(place);
    if (offset != 0) std::memcpy(place, &head[kWord], kWord);
    answer(name, std::move(data));
    std::memcpy(place, &before, kWord);
  }
  return 0;
}
