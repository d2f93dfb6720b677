#include "sandbox/extraction.h"

#include <gtest/gtest.h>

#include <string>

namespace brine::sandbox {
namespace {

using namespace std::string_literals;

std::string frame(FrameKind kind, const std::string& payload = {}) {
  std::string out(1, static_cast<char>(kind));
  for (unsigned i = 0; i < 4; ++i) out.push_back(static_cast<char>(payload.size() >> (8 * i)));
  return out + payload;
}

Extraction read(const std::string& bytes, const Limits& limits = {}, std::uint64_t budget = 1000,
                std::size_t piece = SIZE_MAX) {
  FrameReader reader(limits, budget);
  for (std::size_t at = 0; at < bytes.size(); at += std::min(piece, bytes.size() - at)) {
    reader.feed(as_bytes(std::string_view(bytes).substr(at, piece)));
  }
  reader.fail(ExtractionEnd::died, "it left");
  return reader.take();
}

const std::string kTalk = frame(FrameKind::confined) + frame(FrameKind::entry, "\0a.pkl"s) +
                          frame(FrameKind::data, "N") + frame(FrameKind::data, ".") +
                          frame(FrameKind::entry_end) + frame(FrameKind::done);

TEST(Frames, GiveWhatWasSentInPiecesOfAnySize) {
  for (const unsigned piece : {1u, 2u, 3u, 5u, 7u, 1000u}) {
    const Extraction out = read(kTalk, {}, 1000, piece);
    EXPECT_EQ(out.end, ExtractionEnd::done) << out.problem;
    ASSERT_EQ(out.entries.size(), 1u);
    EXPECT_EQ(out.entries[0].name, "a.pkl");
    EXPECT_EQ(as_text(out.entries[0].bytes), "N.");
  }
}

TEST(Frames, NothingIsBelievedBeforeTheConfinement) {
  EXPECT_EQ(read(frame(FrameKind::entry, "\0a"s)).end, ExtractionEnd::died);
  EXPECT_EQ(read(frame(FrameKind::done)).end, ExtractionEnd::died);
  const Extraction refused = read(frame(FrameKind::refused, "no Landlock"));
  EXPECT_EQ(refused.end, ExtractionEnd::unavailable);
  EXPECT_EQ(refused.problem, "no Landlock");
}

TEST(Frames, NonsenseEndsTheConversation) {
  const std::string confined = frame(FrameKind::confined);
  for (const std::string& bad :
       {frame(FrameKind::data, "x"), frame(FrameKind::entry_end), confined, frame(FrameKind::entry),
        frame(FrameKind::entry, "\7x"s), "\x63\0\0\0\0"s, "\4\xff\xff\xff\x7f"s,
        frame(FrameKind::entry, "\0a"s) + frame(FrameKind::done)}) {
    EXPECT_EQ(read(confined + bad).end, ExtractionEnd::died);
  }
}

TEST(Frames, AWorkerThatLeavesKeepsWhatCameOut) {
  const Extraction out = read(kTalk.substr(0, kTalk.size() - 10));
  EXPECT_EQ(out.end, ExtractionEnd::died);
  ASSERT_EQ(out.entries.size(), 1u);
  EXPECT_EQ(as_text(out.entries[0].bytes), "N.");
}

TEST(Frames, EverythingIsBounded) {
  Limits limits;
  limits.members = 1;
  const std::string entry = frame(FrameKind::entry, "\0a"s) + frame(FrameKind::entry_end);
  const Extraction many = read(frame(FrameKind::confined) + entry + entry, limits);
  EXPECT_EQ(many.end, ExtractionEnd::limit);
  EXPECT_EQ(many.problem, "members");
  const Extraction bytes = read(kTalk, {}, 1);
  EXPECT_EQ(bytes.end, ExtractionEnd::limit);
  EXPECT_EQ(as_text(bytes.entries[0].bytes), "N");
  limits.name_bytes = 3;
  EXPECT_EQ(read(kTalk, limits).problem, "name_bytes");
}

}  // namespace
}  // namespace brine::sandbox
