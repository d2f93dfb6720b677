// A folder of a 7z archive, decoded as py7zr decodes it.
//
// Problem: libarchive refuses a packed stream behind whose end anything stands, dictionaries that
// are larger than memory, and lacks Zstandard; py7zr does not mind. Method: the libraries' own
// decoders one behind the other, in small pieces. Invariant: no more comes out than the members
// want, and all that comes out before a break is handed on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "archive/sevenzip/header.h"
#include "base/bytes.h"

namespace brine::archive::sevenzip {

// Fills as much of the span as there is at the offset in the file; how much.
using ReadAt = std::function<std::size_t(std::uint64_t at, std::span<std::uint8_t> out)>;
// Takes bytes that come out; whether more are wanted.
using Take = std::function<bool(ByteSpan bytes)>;

// Whether every method of the folder is known here: all of py7zr's but PPMd, Brotli, Deflate64 and
// AES.
bool can_decode(const Folder& folder);

// Whether a method of the folder is one that libarchive lacks and that is known here: Zstandard.
bool is_ours_alone(const Folder& folder);

// The bytes of all members, one behind the other. What went wrong, or nothing.
std::string decode(const Folder& folder, const ReadAt& read, const Take& take);

}  // namespace brine::archive::sevenzip
