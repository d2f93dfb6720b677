#include "convert/arrays.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "archive/zip/reader.h"
#include "base/typestr.h"
#include "convert/values.h"
#include "format/numpy/npy.h"

namespace brine::convert {
namespace {

using archive::ZipArchive;

constexpr std::string_view kNpy = ".npy";

// NumPy's kind and size, as torch calls it.
struct NumpyType {
  char kind;
  std::uint64_t size;
  std::string_view dtype;
};
constexpr auto kNumpyTypes = std::to_array<NumpyType>({
    {'f', 2, "float16"},
    {'f', 4, "float32"},
    {'f', 8, "float64"},
    {'i', 1, "int8"},
    {'i', 2, "int16"},
    {'i', 4, "int32"},
    {'i', 8, "int64"},
    {'u', 1, "uint8"},
    {'u', 2, "uint16"},
    {'u', 4, "uint32"},
    {'u', 8, "uint64"},
    {'b', 1, "bool"},
    {'c', 8, "complex64"},
    {'c', 16, "complex128"},
});

bool is_number(char kind) {
  return kind == 'f' || kind == 'i' || kind == 'u' || kind == 'b' || kind == 'c';
}

// The member's name as numpy.load's keys have it: without ".npy", unless that is another member's.
std::string key_of(std::string_view member, const std::set<std::string_view>& names) {
  if (!member.ends_with(kNpy)) return std::string(member);
  const std::string_view stem = member.substr(0, member.size() - kNpy.size());
  return std::string(names.contains(stem) ? member : stem);
}

// A member of an archive of arrays.
struct Member {
  std::size_t index = 0;  // in the view
  std::string_view name;
  bool array = false;
};

class ArchiveReader {
 public:
  ArchiveReader(ZipArchive archive, bool extras) : archive_(std::move(archive)), extras_(extras) {}

  bool accepts(bool named_npz) {
    list();
    const auto arrays = std::ranges::count_if(members_, &Member::array);
    return arrays > 0 && (named_npz || arrays == std::ssize(members_));
  }

  std::vector<NpzMember> members() {
    std::vector<NpzMember> out;
    for (const Member& member : members_) {
      const auto content = archive_.content(archive_.zipfile(), member.index);
      out.push_back(
          {std::string(member.name), content && content->whole ? content->source : SourcePtr()});
    }
    return out;
  }

  Result<ArchivedArrays> read(
      const std::function<std::optional<Contents>(const std::string&)>& pickled) {
    ArchivedArrays out;
    for (const Member& member : members_) {
      if (!member.array) {
        if (out.contents.other.size() < 8) out.contents.other.push_back(valid_name(member.name));
        continue;
      }
      BRINE_TRY(std::optional<Contents> part, read_array(member, pickled, out));
      if (part) add_part(out.contents, valid_name(key_of(member.name, names_)), std::move(*part));
    }
    finish_parts(out.contents, extras_);
    return out;
  }

 private:
  // Of two members with one name zipfile gives the last.
  void list() {
    const archive::ZipView& view = archive_.zipfile();
    if (!view.opens) return;
    for (std::size_t i = view.members.size(); i-- > 0;) {
      const std::string_view name = view.members[i].name;
      if (name.ends_with('/') || !names_.insert(name).second) continue;
      members_.push_back({i, name, false});
    }
    std::ranges::reverse(members_);
    for (Member& member : members_) {
      const auto content = archive_.content(view, member.index);
      // What cannot be read is one by its name.
      member.array =
          content && content->whole ? is_npy(*content->source) : member.name.ends_with(kNpy);
    }
  }

  Result<std::optional<Contents>> read_array(
      const Member& member,
      const std::function<std::optional<Contents>(const std::string&)>& pickled,
      ArchivedArrays& out) {
    const auto unread = [&](const std::string& why) {
      if (out.unread.empty()) out.unread = valid_name(member.name) + ": " + why;
      return std::optional<Contents>();
    };
    BRINE_TRY(archive::ZipContent content, archive_.content(archive_.zipfile(), member.index));
    if (content.budget) return fail(Error::budget(0, "member_bytes"));
    if (!content.whole) return unread(content.problem);
    auto numbers = read_npy(content.source);
    if (!numbers) return unread(numbers.error().what);
    if (*numbers) return std::move(*numbers);
    std::optional<Contents> objects = pickled(std::string(member.name));
    if (!objects) return unread("an array of objects that cannot be followed");
    return objects;
  }

  ZipArchive archive_;
  bool extras_;
  std::set<std::string_view> names_;
  std::vector<Member> members_;
};

}  // namespace

Result<std::optional<NumpyElement>> numpy_element(std::string_view type) {
  const std::optional<ElementType> element = parse_typestr(type);
  if (!element || !is_number(element->kind)) return std::nullopt;
  const auto* row = std::ranges::find_if(kNumpyTypes, [&](const NumpyType& known) {
    return known.kind == element->kind && known.size == element->size;
  });
  if (row == kNumpyTypes.end()) {
    return fail({ErrorCode::unsupported, 0,
                 "an array of numbers of " + std::to_string(element->size * 8) +
                     " bits, which no tensor has"});
  }
  return NumpyElement{tensor::find_dtype(row->dtype), type.starts_with('>')};
}

std::optional<TensorView> laid_out(const tensor::Dtype& dtype, std::span<const std::uint64_t> shape,
                                   bool fortran) {
  TensorView out;
  out.dtype = &dtype;
  out.shape = Extents(shape);
  out.stride.resize(shape.size());
  std::uint64_t count = 1;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const std::size_t at = fortran ? i : shape.size() - 1 - i;
    out.stride[at] = count;
    if (__builtin_mul_overflow(count, shape[at], &count)) return std::nullopt;
  }
  const auto bytes = checked_product(count, dtype.itemsize);
  return bytes ? std::optional(std::move(out)) : std::nullopt;
}

bool is_npy(ByteSource& source) {
  std::array<std::uint8_t, 6> magic{};
  return source.size() >= magic.size() && source.read(0, magic) &&
         as_text(magic) == format::numpy::kMagic;
}

Result<std::optional<Contents>> read_npy(const SourcePtr& source) {
  BRINE_TRY(const format::numpy::Place place, format::numpy::place_of(*source, 0));
  const auto header = format::numpy::header_at(*source, place);
  if (!header) return fail(Error::malformed(0, "a header that NumPy does not write"));
  if (header->objects) return std::optional<Contents>();
  Contents out;
  const auto element = numpy_element(header->type);
  if (!element) {
    out.refused.push_back({"tensor", element.error().what});
    return out;
  }
  out.root_tensor = true;
  if (!*element) {
    out.other.emplace_back("tensor");
    return out;
  }
  const auto view = laid_out(*(*element)->dtype, header->shape, header->fortran);
  if (!view || header->bytes > source->size() - place.data) {
    return fail(Error::truncated(place.data, header->bytes, source->size() - place.data));
  }
  Storage storage;
  storage.dtype = (*element)->dtype;
  storage.size = header->bytes;
  storage.location = "cpu";
  storage.swapped = (*element)->swapped;
  storage.bytes = std::make_shared<SliceSource>(source, place.data, header->bytes);
  out.storages.push_back(std::move(storage));
  out.add("tensor", *view).view.swapped = (*element)->swapped;
  out.extras = "{\"$tensor\":\"tensor\"}";
  return out;
}

Result<std::optional<ArchivedArrays>> read_npz(
    const SourcePtr& file, const Limits& limits, bool named_npz, bool extras,
    const std::function<std::optional<Contents>(const std::string& member)>& pickled) {
  auto archive = ZipArchive::open(file, limits);
  if (!archive) return std::optional<ArchivedArrays>();
  ArchiveReader reader(std::move(*archive), extras);
  if (!reader.accepts(named_npz)) return std::optional<ArchivedArrays>();
  BRINE_TRY(ArchivedArrays out, reader.read(pickled));
  return out;
}

Result<std::optional<std::vector<NpzMember>>> npz_members(const SourcePtr& file,
                                                          const Limits& limits, bool named_npz) {
  auto archive = ZipArchive::open(file, limits);
  if (!archive) return std::optional<std::vector<NpzMember>>();
  ArchiveReader reader(std::move(*archive), false);
  if (!reader.accepts(named_npz)) return std::optional<std::vector<NpzMember>>();
  return reader.members();
}

}  // namespace brine::convert
