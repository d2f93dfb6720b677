#include "base/escape.h"

#include <gtest/gtest.h>

namespace brine {
namespace {

TEST(Escape, LeavesPrintableTextAlone) {
  EXPECT_EQ(escape_text("os.system('id') \\ \""), "os.system('id') \\ \"");
  EXPECT_EQ(escape_text("gr\xc3\xbc\xc3\x9f \xe6\xa8\xa1\xe5\x9e\x8b"),
            "gr\xc3\xbc\xc3\x9f \xe6\xa8\xa1\xe5\x9e\x8b");
}

TEST(Escape, ShowsControlCharacters) {
  EXPECT_EQ(escape_text("a\nb\tc\rd"), "a\\nb\\tc\\rd");
  EXPECT_EQ(escape_text("\x1b[31mred"), "\\x1b[31mred");
  EXPECT_EQ(escape_text(std::string_view("\0\x7f", 2)), "\\x00\\x7f");
  EXPECT_EQ(escape_text("\xc2\x9b"
                        "31m"),
            "\\u009b31m");  // CSI in one character
}

TEST(Escape, ShowsBidirectionalAndInvisibleCharacters) {
  EXPECT_EQ(escape_text("a\xe2\x80\xae"
                        "b"),
            "a\\u202eb");      // right-to-left override
  EXPECT_EQ(escape_text("a\xe2\x81\xa6"
                        "b"),
            "a\\u2066b");      // isolate
  EXPECT_EQ(escape_text("a\xe2\x80\x8b"
                        "b"),
            "a\\u200bb");      // zero width space
  EXPECT_EQ(escape_text("a\xc2\xa0"
                        "b"),
            "a\\u00a0b");          // no-break space
  EXPECT_EQ(escape_text("\xef\xbb\xbf"
                        "x"),
            "\\ufeffx");        // byte order mark
  EXPECT_EQ(escape_text("\xe2\x80\xa8"), "\\u2028");             // line separator
  EXPECT_EQ(escape_text("\xf3\xa0\x81\xa1"), "\\U000e0061");     // tag character
}

TEST(Escape, InvalidUtf8StandsAsBytes) {
  EXPECT_EQ(escape_text("\xff\xc3"), "\\xff\\xc3");
  EXPECT_EQ(escape_text("\xc0\xaf"), "\\xc0\\xaf");              // overlong slash
  EXPECT_EQ(escape_text("\xed\xa0\x80"), "\\xed\\xa0\\x80");     // surrogate
  EXPECT_EQ(escape_text("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
}

TEST(Escape, MarksDoNotStackNorSitOnForeignText) {
  EXPECT_EQ(escape_text("e\xcc\x81"), "e\xcc\x81");
  EXPECT_EQ(escape_text("\xcc\x81x"), "\\u0301x");
  EXPECT_EQ(escape_text("e\xcc\x81\xcc\x81"), "e\xcc\x81\\u0301");
}

TEST(Escape, QuoteMakesALiteralsInside) {
  EXPECT_EQ(escape_text("a\"b\\c", '"'), "a\\\"b\\\\c");
  EXPECT_EQ(escape_text("a'b", '"'), "a'b");
}

TEST(Escape, PythonLiterals) {
  EXPECT_EQ(python_str("id"), "'id'");
  EXPECT_EQ(python_str("it's"), "\"it's\"");
  EXPECT_EQ(python_str("it's \"so\""), "'it\\'s \"so\"'");
  EXPECT_EQ(python_str("\xed\xa0\x80"), "'\\ud800'");
  EXPECT_EQ(python_bytes(std::string_view("a\0\xff'", 4)), "b\"a\\x00\\xff'\"");
}

TEST(Escape, CutLiteralsSayHowMuch) {
  EXPECT_EQ(python_str("abcdef", 3), "'abc...'+3 bytes");
  EXPECT_EQ(python_str("abc", 3), "'abc'");
  EXPECT_EQ(python_str("ab\xc3\xbc", 3), "'ab...'+2 bytes");  // never half a character
  EXPECT_EQ(python_bytes("abcdef", 0), "b'...'+6 bytes");
}

TEST(Escape, PathsKeepWhatIsText) {
  EXPECT_EQ(path_text("models/m\xc3\xbc/\xff.pt"), "models/m\xc3\xbc/\\xff.pt");
  EXPECT_EQ(path_text("a\nb"), "a\nb");
}

TEST(Escape, CountsTerminalCells) {
  EXPECT_EQ(display_width("abc"), 3u);
  EXPECT_EQ(display_width("m\xc3\xbc"), 2u);
  EXPECT_EQ(display_width("\xe6\xa8\xa1\xe5\x9e\x8b"), 4u);
  EXPECT_EQ(display_width("e\xcc\x81"), 1u);
}

TEST(Escape, Utf8RoundTrip) {
  for (const char32_t c : {U'\x24', U'\xa3', U'\u20ac', U'\U0001f9c2'}) {
    std::string text;
    append_utf8(text, c);
    const CodePoint point = decode_utf8(text);
    EXPECT_EQ(point.value, c);
    EXPECT_EQ(point.bytes, text.size());
  }
}

}  // namespace
}  // namespace brine
