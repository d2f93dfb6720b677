// One decoder behind one interface: a step takes input and gives output (decode.cpp drives it).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/bytes.h"
#include "codec/decode.h"

namespace brine::codec {

enum class StepEnd : std::uint8_t {
  more,  // goes on with more input or more room
  stream_end,  // one stream, member or frame is complete
  broken,
  budget,  // wants a larger window than is allowed
};

struct Step {
  std::size_t taken = 0;  // of the input
  std::size_t made = 0;  // of the output
  StepEnd end = StepEnd::more;
  std::string problem;
};

// Whether another stream stands behind the end of one.
enum class Follows : std::uint8_t {
  no,
  maybe,  // if anything comes out of it
  yes,
};

class StreamDecoder {
 public:
  virtual ~StreamDecoder() = default;
  // `last`: no input comes behind this.
  virtual Step step(ByteSpan input, std::span<std::uint8_t> output, bool last) = 0;
  // Begins the next stream behind the end of one.
  virtual bool restart() = 0;
  // Whether bytes that stand behind a complete stream begin another one.
  virtual Follows begins(ByteSpan input) const = 0;
  // NULs that may stand between two streams: 0 none, 1 any number, 4 multiples of four.
  virtual int padding() const { return 0; }
};

// Null when the library cannot start.
std::unique_ptr<StreamDecoder> make_decoder(Codec codec, std::uint64_t window_bytes);

}  // namespace brine::codec
