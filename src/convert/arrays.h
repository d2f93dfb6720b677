// Arrays: what NumPy's types and layouts are as tensors, and the files that hold nothing else.
//
// Problem: numbers of NumPy stand in pickles, behind joblib's wrappers, in .npy files and in
// archives of them, each with another spelling of the same four facts: type, byte order, shape and
// order of the elements. Method: one table of types and one function that lays elements out; .npy
// and .npz are read as numpy.load reads them. Invariant: text, dates, records and objects are no
// tensors; numbers that no tensor can hold are an Error, never left out without a word.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "convert/contents.h"
#include "convert/tensors.h"
#include "io/source.h"

namespace brine::convert {

struct NumpyElement {
  const tensor::Dtype* dtype = nullptr;
  bool swapped = false;  // big-endian
};
// Of a type string ("<f4"). None: elements that are no numbers.
Result<std::optional<NumpyElement>> numpy_element(std::string_view type);

// The view of a whole storage, row by row or column by column; none when its size overflows.
std::optional<TensorView> laid_out(const tensor::Dtype& dtype, std::span<const std::uint64_t> shape,
                                   bool fortran);

// Whether the bytes begin as a .npy file does.
bool is_npy(ByteSource& source);
// The numbers of a .npy file. None: an array of objects, which is a pickle.
Result<std::optional<Contents>> read_npy(const SourcePtr& source);

// What numpy.load gives of an archive: its members by name, without their ".npy". `pickled` gives
// what an array of objects holds; null when it was not captured.
struct ArchivedArrays {
  Contents contents;
  std::string unread;  // the first member that could not be read, and why
};
// A member as it stands in the archive: "w.npy".
struct NpzMember {
  std::string name;
  SourcePtr content;  // null: it cannot be read
};
// None: the archive is not one of arrays.
Result<std::optional<std::vector<NpzMember>>> npz_members(const SourcePtr& file,
                                                          const Limits& limits, bool named_npz);
// None: the archive is not one of arrays.
Result<std::optional<ArchivedArrays>> read_npz(
    const SourcePtr& file, const Limits& limits, bool named_npz, bool extras,
    const std::function<std::optional<Contents>(const std::string& member)>& pickled);

}  // namespace brine::convert
