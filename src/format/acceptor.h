// Acceptors: which loaders would open a file, over its name and its bytes.
//
// Problem: "what type is this file" is the wrong question; an attack asks what a certain loader
// will do with the bytes. Method: one row a loader, with the condition exactly as that loader tests
// it and the reader that knows what it does then. Every row that says yes is followed; that several
// say yes is a finding when one of them executes. To add a loader is to add a row and a reader.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "format/probe.h"
#include "format/stream.h"

namespace brine::format {

// Hands to the sink what `loaders` (those of its rows that accepted) would do with the file.
using Reader = void (*)(Probe& probe, std::span<const std::string_view> loaders, Sink& sink);

struct Acceptor {
  std::string_view loader;
  std::string_view family;  // rows of different families that accept one file make a polyglot
  bool executes;  // whether this loader runs what the file says
  bool (*accepts)(Probe& probe);
  Reader reader;
  std::string_view condition;  // in words, for inspect and the docs
};

std::span<const Acceptor> acceptors();

// One reader and the rows that lead to it.
struct Reading {
  Reader reader = nullptr;
  std::vector<std::string_view> loaders;
  std::string_view family;
  bool executes = false;
};
// In the table's order; a reader stands once.
std::vector<Reading> readings(Probe& probe);

}  // namespace brine::format
