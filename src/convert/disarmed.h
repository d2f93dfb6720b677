// The files that disarm writes: a rewritten pickle and its bytes in the container of the source.
//
//   torch   torch's zip: the records of the storages beside the pickle
//   pickle  a pickle, plain or compressed as the source was (pickle, joblib, pandas)
//   npy     NumPy's header and the pickle of an array of objects; numbers as they are
//   npz     a zip of such files
//   zip     a zip of one pickle, which pandas reads
//
// Everything is written from front to back, arrays chunk by chunk.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "codec/decode.h"
#include "convert/rewrite.h"
#include "convert/zip_writer.h"

namespace brine::convert {

enum class Container : std::uint8_t { torch, pickle, npy, npz, zip };
// "torch", "pickle" ..., as JSON has it.
std::string_view to_string(Container container);

struct Disarmed {
  struct Part {
    std::string name;  // npz and zip: of the member
    SourcePtr same;  // a whole .npy file of numbers, which is copied
    Rewritten rewritten;  // else
  };

  Container container = Container::torch;
  std::optional<codec::Codec> codec;  // of a compressed pickle
  std::vector<Part> parts;  // one, but for npz
};

// Gives the file's size.
Result<std::uint64_t> write_disarmed(const Disarmed& disarmed, const std::vector<Storage>& storages,
                                     const WriteAt& write);

}  // namespace brine::convert
