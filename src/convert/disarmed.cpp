#include "convert/disarmed.h"

#include <algorithm>
#include <span>

#include "codec/encode.h"
#include "convert/spelling.h"
#include "pickle/opcode.h"

namespace brine::convert {
namespace {

constexpr std::uint64_t kChunk = 4u << 20;

bool is_missing(const Storage& storage) { return storage.size != 0 && storage.bytes == nullptr; }

Status copy_source(ByteSource& source, const Take& take) {
  std::vector<std::uint8_t> chunk(static_cast<std::size_t>(std::min(source.size(), kChunk)));
  for (std::uint64_t at = 0; at < source.size();) {
    const std::span<std::uint8_t> piece(
        chunk.data(), static_cast<std::size_t>(std::min(source.size() - at, kChunk)));
    BRINE_CHECK_STATUS(source.read(at, piece));
    BRINE_CHECK_STATUS(take(piece));
    at += piece.size();
  }
  return {};
}

// The bytes of a storage, little-endian.
Status copy_storage(const Storage& storage, const Take& take) {
  const bool complex = storage.dtype != nullptr && storage.dtype->name.starts_with("complex");
  const std::uint64_t item = storage.dtype == nullptr ? 1 : storage.dtype->itemsize;
  const std::uint64_t part = complex ? item / 2 : item;
  if (storage.size == 0) return {};
  SliceSource bytes(storage.bytes, 0, storage.size);
  std::vector<std::uint8_t> turned;
  return copy_source(bytes, [&](ByteSpan piece) -> Status {
    if (!storage.swapped || part < 2) return take(piece);
    turned.assign(piece.begin(), piece.end());
    for (std::size_t i = 0; i + part <= turned.size(); i += part) {
      std::ranges::reverse(std::span(turned).subspan(i, part));
    }
    return take(turned);
  });
}

// The pickle with its arrays in their places and without the tensors whose storage is missing.
Status write_pickle(const Rewritten& rewritten, const std::vector<Storage>& storages,
                    const Take& take) {
  const ByteSpan pickle(reinterpret_cast<const std::uint8_t*>(rewritten.pickle.data()),
                        rewritten.pickle.size());
  std::uint64_t from = 0;
  const auto until = [&](std::uint64_t end) -> Status {
    const ByteSpan piece = pickle.subspan(from, end - from);
    from = end;
    return piece.empty() ? Status{} : take(piece);
  };
  for (const Rewritten::Loose& loose : rewritten.loose) {
    if (!is_missing(storages[loose.storage])) continue;
    BRINE_CHECK_STATUS(until(loose.begin));
    from = loose.end;
    const std::uint8_t none = pickle::op::NONE;
    if (!loose.entry) BRINE_CHECK_STATUS(take(ByteSpan(&none, 1)));
  }
  for (const Rewritten::Splice& splice : rewritten.splices) {
    BRINE_CHECK_STATUS(until(splice.at));
    BRINE_CHECK_STATUS(copy_source(*splice.bytes, take));
  }
  return until(pickle.size());
}

// "\x93NUMPY", version, length of the text, the text padded to 64 bytes, the pickle.
Status write_npy(const Disarmed::Part& part, const Take& take) {
  if (part.same != nullptr) return copy_source(*part.same, take);
  std::string shape = "(";
  for (const std::uint64_t size : *part.rewritten.array_shape) shape += std::to_string(size) + ",";
  std::string text = "{'descr': '|O', 'fortran_order': False, 'shape': " + shape + "), }";
  constexpr std::size_t kFixed = 10, kAlignment = 64;
  while ((kFixed + text.size() + 1) % kAlignment != 0) text += ' ';
  text += '\n';
  const std::string head = std::string("\x93NUMPY\1\0", 8) + spell::little(text.size(), 2) + text;
  BRINE_CHECK_STATUS(
      take(ByteSpan(reinterpret_cast<const std::uint8_t*>(head.data()), head.size())));
  return write_pickle(part.rewritten, {}, take);
}

Result<std::uint64_t> size_of(const Fill& fill) {
  std::uint64_t size = 0;
  BRINE_CHECK_STATUS(fill([&](ByteSpan bytes) -> Status {
    size += bytes.size();
    return {};
  }));
  return size;
}

Result<std::uint64_t> write_torch(const Rewritten& rewritten, const std::vector<Storage>& storages,
                                  const WriteAt& write) {
  ZipWriter zip(write);
  const std::string root = "archive/";
  const Fill pickle = [&](const Take& take) { return write_pickle(rewritten, storages, take); };
  BRINE_TRY(const std::uint64_t size, size_of(pickle));
  BRINE_CHECK_STATUS(zip.add(root + "data.pkl", size, pickle));
  BRINE_CHECK_STATUS(zip.add(root + "byteorder", std::string("little")));
  for (std::size_t i = 0; i < rewritten.storages.size(); ++i) {
    const Storage& storage = storages[rewritten.storages[i]];
    if (is_missing(storage)) continue;
    BRINE_CHECK_STATUS(zip.add(root + "data/" + std::to_string(i), storage.size,
                               [&](const Take& take) { return copy_storage(storage, take); }));
  }
  BRINE_CHECK_STATUS(zip.add(root + "version", std::string("3\n")));
  return zip.finish();
}

Result<std::uint64_t> write_archive(const Disarmed& disarmed, const WriteAt& write) {
  ZipWriter zip(write);
  for (const Disarmed::Part& part : disarmed.parts) {
    const Fill fill = [&](const Take& take) {
      return disarmed.container == Container::npz ? write_npy(part, take)
                                                  : write_pickle(part.rewritten, {}, take);
    };
    BRINE_TRY(const std::uint64_t size, size_of(fill));
    BRINE_CHECK_STATUS(zip.add(part.name, size, fill));
  }
  return zip.finish();
}

}  // namespace

std::string_view to_string(Container container) {
  switch (container) {
    case Container::torch: return "torch";
    case Container::pickle: return "pickle";
    case Container::npy: return "npy";
    case Container::npz: return "npz";
    case Container::zip: return "zip";
  }
  return "torch";
}

Result<std::uint64_t> write_disarmed(const Disarmed& disarmed, const std::vector<Storage>& storages,
                                     const WriteAt& write) {
  const bool archive = disarmed.container == Container::npz || disarmed.container == Container::zip;
  if (archive) return write_archive(disarmed, write);
  if (disarmed.parts.size() != 1) return fail({ErrorCode::internal, 0, "nothing to write"});
  const Disarmed::Part& part = disarmed.parts.front();
  if (disarmed.container == Container::torch) {
    return write_torch(part.rewritten, storages, write);
  }
  std::uint64_t at = 0;
  const Take take = [&](ByteSpan bytes) -> Status {
    BRINE_CHECK_STATUS(write(at, bytes));
    at += bytes.size();
    return {};
  };
  if (disarmed.container == Container::npy) {
    BRINE_CHECK_STATUS(write_npy(part, take));
  } else if (!disarmed.codec) {
    BRINE_CHECK_STATUS(write_pickle(part.rewritten, storages, take));
  } else {
    BRINE_TRY(codec::Encoder encoder, codec::Encoder::make(*disarmed.codec, take));
    BRINE_CHECK_STATUS(write_pickle(part.rewritten, storages,
                                    [&](ByteSpan bytes) { return encoder.write(bytes); }));
    BRINE_CHECK_STATUS(encoder.finish());
  }
  return at;
}

}  // namespace brine::convert
