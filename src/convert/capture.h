// Capture: what a file's own loader would give, taken from the scan's run of it.
//
// Problem: conversion must read a file exactly as its loader does, and the scan already does so.
// Method: the capture watches a scan (scan/scan_file.h), and where a view ends, spells its result
// out and reads tensors and values from it (contents.h); the storages' bytes are then found in the
// file. Of several views the one of the loader that the file is made for is taken. Invariant: what
// is captured was built by a run that the scan judged in the same breath.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "convert/contents.h"
#include "scan/scan_file.h"

namespace brine::convert {

struct Captured {
  std::string loader;
  std::vector<std::string> member;
  Contents contents;
  pickle::End end;  // of the view
  std::vector<scan::ViewEnd::PlacedStorage> placed;  // torch's legacy format
  SourcePtr source;
  bool legacy = false;  // torch's five pickles
  bool number_keys = false;  // whose list of storages has numbers as keys
  std::string doubt;  // why the loader may not open it, although all that is needed is there
};

class Capture final : public scan::ViewObserver {
 public:
  // `tar`: what the file holds when it is a tar of torch's; else null.
  Capture(const ContentsOptions& options, Around::NestedStorage nested,
          const TorchTar* tar = nullptr)
      : options_(options), nested_(std::move(nested)), tar_(tar) {}

  pickle::TraceSink* begin(const scan::ViewStart& view) override;
  void ran(const scan::ViewStart& view, const pickle::RunResult& result,
           pickle::Machine& machine) override;
  void end(const scan::ViewStart& view, const scan::ViewEnd& how) override;

  // The view of the loader that the file is made for; none when no loader of pickles had one.
  std::optional<Captured> take();
  // What a member of the file gives by itself, when it was read to its end.
  std::optional<Contents> take_member(const std::string& name);

 private:
  std::optional<Contents> inner_contents(const scan::ViewStart& view, const pickle::Machine& outer,
                                         std::uint64_t start, const ContentsOptions& options);
  void read_inner(const scan::ViewStart& view, const pickle::Machine& outer, Contents& contents);
  void rewrite_inner(const scan::ViewStart& view, const pickle::Machine& outer, Contents& contents);

  struct Running {
    int pickles = 0;
    std::uint64_t next = 0;  // where the next pickle begins
    bool legacy = false;
    bool joblib = false;  // arrays in the stream, which joblib has read
    std::optional<Contents> contents;
  };

  const ContentsOptions& options_;
  Around::NestedStorage nested_;
  const TorchTar* tar_;
  std::map<const scan::ViewStart*, Running> running_;
  struct Best {
    int rank = 0;
    Captured captured;
  };
  std::map<std::vector<std::string>, Best> best_;  // by member
};

}  // namespace brine::convert
