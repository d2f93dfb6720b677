// Tar archives as Python's tarfile reads them.
//
// Problem: torch's first format and .nemo files are tars, and tarfile's rules are its own: any
// block with a right checksum is a header, whatever its magic says; numbers are octal as Python's
// int reads octal, or base 256; the first header that is not right ends the archive without a word.
// Method: the loop of TarFile.next with the processing of each header type (Lib/tarfile.py, 3.8
// to 3.13), with a stack of its own in place of recursion. Where versions differ, what any of them
// delivers is delivered. Behind the end the walk goes on at the next block with a right checksum,
// as `tar -i` does; such members are marked. Invariant: nothing is allocated from a size that a
// header states, and a walk that comes back to where it was ends.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "io/source.h"

namespace brine::archive {

struct TarMember {
  std::string name;  // raw bytes
  std::string link;  // target of a hard or symbolic link
  char type = '0';  // as in the header; '5' for directories of the oldest kind too
  std::uint64_t mode = 0;
  std::uint64_t header = 0;  // offset of the first header block that belongs to the member
  std::uint64_t begin = 0;  // the same, with the global headers that stand in front of it
  std::uint64_t data = 0;  // offset of its bytes
  std::uint64_t size = 0;  // of the file that comes out
  std::uint64_t stored = 0;  // bytes in the archive, as far as the headers say
  // A sparse file's parts: (offset in the file, size), stored one behind the other.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> sparse;
  bool is_sparse = false;
  bool tangled = false;  // parts overlap or go back: extract and extractfile give other bytes
  bool odd = false;  // a negative size, or headers that only some versions of tarfile take
  bool beyond = false;  // behind the archive's end: tarfile does not get here

  bool regular() const { return type == '0' || type == '\0' || type == '7' || type == 'S'; }
  bool is_link() const { return type == '1' || type == '2'; }
  bool directory() const { return type == '5'; }
  bool device() const { return type == '3' || type == '4' || type == '6'; }
};

enum class TarEnd : std::uint8_t {
  zeros,  // a block of NULs, or the end of the file at a block's edge
  bad,  // a block that is no header: tarfile stops there without an error
  error,  // tarfile raises
  budget,  // `problem` is the limit's name
};

struct TarListing {
  std::vector<TarMember> members;
  TarEnd end = TarEnd::zeros;
  std::uint64_t end_offset = 0;  // of the block that ended it
  std::string problem;
};

// Whether tarfile takes these 512 bytes for a header.
bool is_tar_header(ByteSpan block);

// Fails only when the source cannot be read.
Result<TarListing> list_tar(ByteSource& source, const Limits& limits);

// Who puts a sparse file's parts together: extract writes them in order, extractfile looks for the
// first one that holds a position. They differ where the map is tangled.
enum class TarWay : std::uint8_t { extract, extractfile };
// The member's bytes as far as the archive has them: a range of it, or its parts with holes
// between.
SourcePtr open_tar_member(const SourcePtr& source, const TarMember& member,
                          TarWay way = TarWay::extract);

}  // namespace brine::archive
