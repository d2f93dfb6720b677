#include "scan/scan_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <string>

#include "scan/codes.h"

namespace brine::scan {
namespace {

using namespace std::string_literals;

// Everything is inert but what a payload calls.
class TestWorld : public pickle::World {
 public:
  bool maps_names() const override { return true; }
  bool maybe_type(pickle::Machine&, const pickle::Value&) override { return true; }
  void import(pickle::Machine&, std::string_view, std::string_view, pickle::Outcome&) override {}
  void call(pickle::Machine& machine, const pickle::Value& callable, const pickle::Args& args,
            pickle::CallHow, pickle::Outcome& out) override {
    const std::string name = machine.render(callable);
    if (name == "posix.system") {
      out.judgement.level = pickle::Level::malicious;
      out.judgement.code = 201;
      out.judgement.caps = pickle::kProcess;
      out.judgement.what = "starts a process";
      out.judgement.callable = name;
    } else if (name == "pickle.loads" && args.items.size() == 1) {
      std::string bytes;
      if (machine.text_of(args.items[0], bytes, 1 << 20)) {
        out.nested.push_back({bytes, "pickle.loads", {}});
      }
    }
  }
  void construct(pickle::Machine&, const pickle::Value&, const pickle::Args&,
                 pickle::Outcome&) override {}
  StateRule set_state(pickle::Machine&, const pickle::Value&, const pickle::Value&,
                      pickle::Outcome&) override {
    return StateRule::setstate;
  }
  void store(pickle::Machine&, const pickle::Value&, pickle::StoreHow, const pickle::Value*,
             const pickle::Value&, pickle::Outcome&) override {}
  bool hash(pickle::Machine&, const pickle::Value&, bool& event, pickle::Outcome&) override {
    event = false;
    return true;
  }
  void persistent(pickle::Machine&, const pickle::Profile&, const pickle::Value&,
                  pickle::Outcome&) override {}
  bool has_extend(pickle::Machine&, const pickle::Value&) override { return true; }
  void finish(pickle::Machine&, const pickle::Value&, pickle::Outcome&) override {}
};

ScanOptions test_options() {
  ScanOptions options;
  options.make_world = [] { return std::make_unique<TestWorld>(); };
  return options;
}

FileReport scan(const std::string& name, const std::string& text,
                const ScanOptions& options = test_options()) {
  const ByteSpan bytes = as_bytes(text);
  return scan_source(
      name, std::make_shared<MemorySource>(std::vector<std::uint8_t>(bytes.begin(), bytes.end())),
      options);
}

std::set<int> codes(const FileReport& report) {
  std::set<int> out;
  for (const Finding& finding : report.findings) out.insert(finding.code);
  return out;
}

const View* view_of(const FileReport& report, std::string_view loader) {
  for (const View& view : report.views) {
    if (view.loader == loader) return &view;
  }
  return nullptr;
}

const std::string kPayload = "cposix\nsystem\n(Vtrue\ntR";
const std::string kMagic = "\x80\x02\x8a\x0al\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."s;
const std::string kProtocol = "\x80\x02M\xe9\x03."s;
const std::string kSysInfo = "\x80\x02}."s;
// One float storage "0" of four elements, as an object of the legacy format.
const std::string kObject =
    "\x80\x02(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\0"
    "0X\x03\0\0\0cpuK\x04NtQ."s;
const std::string kKeys =
    "\x80\x02]X\x01\0\0\0"
    "0a."s;
const std::string kStorage = "\x04\0\0\0\0\0\0\0"s + std::string(16, 'f');

TEST(ScanFile, CallsPlainDataClean) {
  const FileReport report = scan("a.pkl", "\x80\x04}\x94."s);
  EXPECT_EQ(report.verdict, Verdict::clean);
  EXPECT_EQ(report.coverage.interpreted, 5u);
  EXPECT_TRUE(report.coverage.unexplained.empty());
  EXPECT_EQ(report.kind, "pickle, protocol 4");
  EXPECT_TRUE(report.findings.empty());
}

TEST(ScanFile, ReadsAPickleForEveryLoader) {
  const FileReport report = scan("a.pkl", "\x80\x02N."s);
  for (const char* loader :
       {"pickle.load", "pickle.load(latin1)", "pickle.load(bytes)", "torch.load",
        "torch.load(weights_only)", "joblib.load", "pandas.read_pickle",
        "pandas.read_pickle(compat)", "numpy.load", "pickle.loads"}) {
    EXPECT_NE(view_of(report, loader), nullptr) << loader;
  }
  EXPECT_EQ(view_of(report, "torch.load")->end, "refused");
  EXPECT_EQ(view_of(report, "pickle.load")->end, "stop");
}

TEST(ScanFile, KeepsThePayloadWhenTheStreamBreaks) {
  const FileReport report = scan("a.bin", "\x80\x02" + kPayload + "X.");
  EXPECT_EQ(report.verdict, Verdict::malicious);
  EXPECT_THAT(codes(report), testing::IsSupersetOf({201, 310}));
  EXPECT_EQ(report.findings[0].code, 201);
  EXPECT_EQ(report.findings[0].opcode, "REDUCE");
  EXPECT_EQ(report.findings[0].file_offset, 2 + kPayload.size() - 1);
}

TEST(ScanFile, StaysMaliciousHoweverTheRestIsCut) {
  const std::string whole = "\x80\x02" + kPayload + "}q\x01X\x03\0\0\0abcNs."s;
  for (std::size_t cut = 2 + kPayload.size(); cut <= whole.size(); ++cut) {
    EXPECT_EQ(scan("a.bin", whole.substr(0, cut)).verdict, Verdict::malicious) << cut;
  }
}

TEST(ScanFile, CallsABrokenStreamIncomplete) {
  const FileReport report = scan("a.pkl", "\x80\x02(X"s);
  EXPECT_EQ(report.verdict, Verdict::incomplete);
  EXPECT_TRUE(codes(report).contains(code::kBroken));
}

TEST(ScanFile, TellsModelsThatNothingOpensFromOtherFiles) {
  EXPECT_EQ(scan("a.bin", "\xff\xff\xff").verdict, Verdict::incomplete);
  EXPECT_EQ(scan("a.bin", "").verdict, Verdict::incomplete);
  EXPECT_EQ(scan("README.md", "# A model\n").verdict, Verdict::unrecognized);
  EXPECT_EQ(scan("README.md", "").verdict, Verdict::unrecognized);
  EXPECT_EQ(scan("a.gguf", "GGUF\3\0\0\0"s).verdict, Verdict::incomplete);
}

TEST(ScanFile, CountsTextAsAPickleOnlyWhenItActs) {
  EXPECT_EQ(scan("notes.txt", "class ConsoleError(Exception):\n    pass\n. And on goes the text.")
                .verdict,
            Verdict::unrecognized);
  EXPECT_EQ(scan("notes.txt", kPayload + ".").verdict, Verdict::malicious);
}

TEST(ScanFile, ReadsPicklesBehindPickles) {
  const FileReport report = scan("a.pkl", "\x80\x02N.\x80\x02K\x01."s);
  EXPECT_EQ(report.verdict, Verdict::clean);
  EXPECT_NE(view_of(report, "pickle.load (next)"), nullptr);
  EXPECT_EQ(scan("a.pkl", "\x80\x02N.\x80\x02" + kPayload + ".").verdict, Verdict::malicious);
}

TEST(ScanFile, FindsAPayloadBehindJunk) {
  const FileReport report = scan("a.pkl", "\x80\x02N.\0\xff\xfejunk\x80\x02"s + kPayload + ".");
  EXPECT_EQ(report.verdict, Verdict::malicious);
  EXPECT_TRUE(codes(report).contains(code::kSalvaged));
}

TEST(ScanFile, DoesNotExplainJunkAway) {
  const FileReport report = scan("a.pkl", "\x80\x02N.\xff\xfejunk");
  EXPECT_EQ(report.verdict, Verdict::suspicious);
  EXPECT_THAT(report.coverage.unexplained, testing::ElementsAre(testing::Pair(4, 10)));
}

TEST(ScanFile, ReadsTorchsLegacyStackToItsLastByte) {
  const FileReport report =
      scan("a.pt", kMagic + kProtocol + kSysInfo + kObject + kKeys + kStorage);
  EXPECT_EQ(report.verdict, Verdict::clean);
  ASSERT_NE(view_of(report, "torch.load"), nullptr);
  EXPECT_EQ(view_of(report, "torch.load")->end, "stop");
  EXPECT_EQ(report.coverage.data, 16u);
  EXPECT_EQ(report.kind, "torch legacy, 1 tensor, 16 B data");
}

TEST(ScanFile, ChecksTheLegacyStorages) {
  const std::string head = kMagic + kProtocol + kSysInfo + kObject + kKeys;
  EXPECT_NE(scan("a.pt", head + kStorage + "x").verdict, Verdict::clean);
  EXPECT_NE(scan("a.pt", head + kStorage.substr(0, 20)).verdict, Verdict::clean);
  EXPECT_NE(scan("a.pt", head + "\x05" + kStorage.substr(1)).verdict, Verdict::clean);
}

TEST(ScanFile, RunsEveryPickleOfTheLegacyStack) {
  const std::string bad = "\x80\x02" + kPayload + ".";
  EXPECT_EQ(scan("a.pt", bad + kProtocol).verdict, Verdict::malicious);
  EXPECT_EQ(scan("a.pt", kMagic + bad).verdict, Verdict::malicious);
  EXPECT_EQ(scan("a.pt", kMagic + kProtocol + bad).verdict, Verdict::malicious);
  EXPECT_EQ(scan("a.pt", kMagic + kProtocol + kSysInfo + kObject + bad).verdict,
            Verdict::malicious);
}

TEST(ScanFile, InterpretsPicklesInsidePickles) {
  const std::string inner = "\x80\x02" + kPayload + ".";
  std::string outer =
      "\x80\x03"
      "cpickle\nloads\nC" +
      std::string(1, static_cast<char>(inner.size())) + inner + "\x85R.";
  const FileReport report = scan("a.pkl", outer);
  EXPECT_EQ(report.verdict, Verdict::malicious);
  ASSERT_FALSE(report.findings.empty());
  EXPECT_EQ(report.findings[0].member.size(), 1u);
}

TEST(ScanFile, StopsAtTheNestingLimit) {
  ScanOptions options = test_options();
  options.limits.nested_depth = 2;
  std::string bytes = "N.";
  for (int i = 0; i < 5; ++i) {
    std::string length(4, '\0');
    for (int b = 0; b < 4; ++b)
      length[static_cast<std::size_t>(b)] = static_cast<char>(bytes.size() >> (8 * b));
    bytes =
        "\x80\x03"
        "cpickle\nloads\nB" +
        length + bytes + "\x85R.";
  }
  const FileReport report = scan("a.pkl", bytes, options);
  EXPECT_EQ(report.verdict, Verdict::incomplete);
  EXPECT_TRUE(codes(report).contains(code::kLimit));
}

TEST(ScanFile, SaysWhenLoadersReadInTooManyWays) {
  ScanOptions options = test_options();
  options.limits.forks = 1;
  const FileReport report = scan("a.pkl", "U\x01\xe9."s, options);
  EXPECT_EQ(report.verdict, Verdict::suspicious);
  EXPECT_TRUE(codes(report).contains(code::kTooManyReadings));
}

TEST(ScanFile, BoundsTheSearchForHiddenPickles) {
  ScanOptions options = test_options();
  options.limits.salvage_factor = 1;
  std::string bytes = "\x80\x02N.\xff";
  for (int i = 0; i < 1000; ++i) bytes += "\x80\x02";
  EXPECT_TRUE(codes(scan("a.pkl", bytes, options)).contains(code::kLimit));
}

// A format that is not analysed is searched as a whole; chance brings the first bytes of pickles
// and of compressed data into every file of that size.
TEST(ScanFile, SearchesAllOfARecognizedFormat) {
  constexpr std::size_t kSize = 40u << 20;
  std::string bytes(kSize, '\0');
  std::uint64_t state = 88172645463325252u;
  for (char& c : bytes) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    c = static_cast<char>(state >> 32);
  }
  bytes.replace(0, 4, "GGUF");
  EXPECT_EQ(codes(scan("model.gguf", bytes)), std::set<int>{code::kNotAnalysed});
  const std::string payload = "\x80\2cposix\nsystem\nX\4\0\0\0true\x85R."s;
  bytes.replace(kSize / 2, payload.size(), payload);
  const FileReport report = scan("model.gguf", bytes);
  EXPECT_EQ(report.verdict, Verdict::malicious);
  EXPECT_TRUE(codes(report).contains(code::kSalvaged));
}

// A pickle may begin with an argument that is longer than what the search has at hand.
TEST(ScanFile, FindsAPickleBehindALongText) {
  const std::string text(3'000, 'x');
  const std::string payload =
      "\x80\2X\xb8\x0b\0\0"s + text + "0cposix\nsystem\nX\4\0\0\0true\x85R."s;
  const FileReport report = scan("model.gguf", "GGUF" + std::string(5'000'000, '\1') + payload);
  EXPECT_EQ(report.verdict, Verdict::malicious);
}

class Folder {
 public:
  ScanOptions options() const {
    ScanOptions out = test_options();
    out.companion = [this](const std::string& name) -> SourcePtr {
      const auto found = files.find(name);
      if (found == files.end()) return nullptr;
      return std::make_shared<MemorySource>(
          std::vector<std::uint8_t>(found->second.begin(), found->second.end()));
    };
    return out;
  }
  std::map<std::string, std::string> files;
};

std::string block(std::string text) {
  text.resize((text.size() + 511) / 512 * 512);
  return text;
}

TEST(ScanFile, ReadsTheRecordsOfAShelfWhereItsIndexPoints) {
  const std::string plain = "\x80\2]."s, call = "\x80\2cposix\nsystem\nX\4\0\0\0true\x85R."s;
  Folder folder;
  const std::string two = block(plain) + plain;
  folder.files["s.dir"] = "'a', (0, 4)\n'b', (512, 4)\n";
  const FileReport honest = scan("s.dat", two, folder.options());
  EXPECT_EQ(honest.verdict, Verdict::clean);
  EXPECT_EQ(honest.coverage.unexplained.size(), 0u);
  // A pickle of bytes, in which the index points to another.
  const std::string hidden = "\x80\3C"s + static_cast<char>(call.size()) + call + ".";
  EXPECT_EQ(scan("s.dat", hidden).verdict, Verdict::clean);
  folder.files["s.dir"] = "'a', (4, " + std::to_string(call.size()) + ")\n";
  const FileReport pointed = scan("s.dat", hidden, folder.options());
  EXPECT_EQ(pointed.verdict, Verdict::malicious);
  EXPECT_NE(view_of(pointed, "shelve"), nullptr);
  // An index that literal_eval may read and the grammar does not.
  folder.files["s.dir"] = "('a', (4, 30))\n";
  EXPECT_EQ(scan("s.dat", hidden, folder.options()).verdict, Verdict::incomplete);
  // The same bytes over and over cost no more than the file.
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "'" + std::to_string(i) + "', (0, 516)\n";
  folder.files["s.dir"] = many;
  const FileReport over = scan("s.dat", two, folder.options());
  EXPECT_EQ(over.verdict, Verdict::suspicious);
  EXPECT_LT(over.views.size(), 40u);
}

// A text over a frame's end that only another encoding decodes, with a call behind it.
TEST(ScanFile, SharesNoRunThatDependsOnTheEncodingOfAPartedText) {
  const std::string text = "\xe4" + std::string(9, 'x');
  const std::string call = "cposix\nsystem\nX\4\0\0\0true\x85R."s;
  const std::string bytes =
      "\x80\4\x95\3\0\0\0\0\0\0\0U\x0a"
      "z"s +
      text + "0" + call;
  const FileReport report = scan("a.pkl", bytes);
  EXPECT_EQ(view_of(report, "pickle.load")->end, "broken");
  EXPECT_EQ(view_of(report, "pickle.load(latin1)")->end, "stop");
}

TEST(ScanFile, BoundsSafetensorsHeaders) {
  ScanOptions options = test_options();
  options.limits.header_bytes = 1;
  EXPECT_TRUE(
      codes(scan("a.safetensors", "\x02\0\0\0\0\0\0\0{}"s, options)).contains(code::kLimit));
}

TEST(ScanFile, BoundsNestedStreams) {
  ScanOptions options = test_options();
  options.limits.nested_streams = 1;
  std::string bytes = "\x80\x03";
  for (int i = 0; i < 4; ++i) bytes += "cpickle\nloads\nC\x02N.\x85R0";
  EXPECT_TRUE(codes(scan("a.pkl", bytes + "N.", options)).contains(code::kLimit));
}

TEST(ScanFile, ReadsPython2TextsWithTheEncodingThatGoesOn) {
  const FileReport plain = scan("a.pkl", "U\x01\xe9."s);
  EXPECT_EQ(plain.verdict, Verdict::clean);
  EXPECT_EQ(view_of(plain, "pickle.load")->end, "broken");
  EXPECT_EQ(view_of(plain, "pickle.load(latin1)")->end, "stop");
  EXPECT_EQ(scan("a.pkl",
                 "U\x01\xe9"s
                 "0" +
                     kPayload + ".")
                .verdict,
            Verdict::malicious);
}

TEST(ScanFile, SharesRunsButNotWhereLoadersDiffer) {
  struct Counter final : ViewObserver {
    pickle::TraceSink* begin(const ViewStart&) override {
      ++begun;
      return nullptr;
    }
    void end(const ViewStart&, const ViewEnd& how) override {
      ++ended;
      also += how.also.size();
    }
    std::size_t begun = 0, ended = 0, also = 0;
  };
  Counter shared;
  ScanOptions options = test_options();
  options.observer = &shared;
  const FileReport report = scan("a.pkl", "\x80\x02N."s, options);
  EXPECT_EQ(shared.begun, shared.ended);
  EXPECT_LT(shared.begun, report.views.size());
  EXPECT_EQ(shared.begun + shared.also, report.views.size());
  Counter apart;
  options.observer = &apart;
  options.share_runs = false;
  EXPECT_EQ(scan("a.pkl", "\x80\x02N."s, options).views.size(), apart.begun);
}

TEST(ScanFile, CallsAPolyglotSuspicious) {
  // A safetensors header whose length is also a pickle's first bytes.
  std::string json = R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})";
  json.resize(0x102, ' ');
  const FileReport report = scan("a.safetensors", "\x02\x01\0\0\0\0\0\0"s + json + "x");
  EXPECT_EQ(report.verdict, Verdict::clean);
  EXPECT_EQ(report.kind, "safetensors, 1 tensor, 1 B data");
}

TEST(ScanFile, TakesNoHeadersLengthForAPickle) {
  // One of 0x180 bytes is PROTO 1, behind which every unpickler raises at once.
  std::string json = R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})";
  json.resize(0x180, ' ');
  const FileReport report = scan("a.safetensors", "\x80\x01\0\0\0\0\0\0"s + json + "x");
  EXPECT_EQ(report.verdict, Verdict::clean);
  EXPECT_EQ(report.kind, "safetensors, 1 tensor, 1 B data");
  // Without the other format it is a broken pickle.
  EXPECT_EQ(scan("a.bin", "\x80\x01\0\0\0\0\0\0"s).verdict, Verdict::incomplete);
}

TEST(ScanFile, CallsAPickleUnderADataNameSuspicious) {
  const FileReport report = scan("a.safetensors", "\x80\x02N."s);
  EXPECT_EQ(report.verdict, Verdict::suspicious);
}

TEST(ScanFile, GivesAPartialReportWhenInterrupted) {
  std::stop_source stop;
  stop.request_stop();
  ScanOptions options = test_options();
  options.stop = stop.get_token();
  const FileReport report = scan("a.pkl", "\x80\x02N."s, options);
  EXPECT_EQ(report.verdict, Verdict::incomplete);
  EXPECT_TRUE(codes(report).contains(code::kInterrupted));
}

}  // namespace
}  // namespace brine::scan
