// Profiles: a loader's way of reading a pickle, as data.
//
// Two loaders that agree on every field read a stream alike, so one run serves them. The machine
// also reports which fields a run depended on (Divergence): only when a stream did something on
// which two profiles differ is it run again for the other one. Facts: measured on CPython 3.8-3.13,
// torch 2.13, joblib 1.6, pandas 3.1; see docs/loaders.md.
#pragma once

#include <cstdint>
#include <string_view>

#include "pickle/torch_release.h"

namespace brine::pickle {

enum class Unpickler : std::uint8_t {
  c,  // CPython's _pickle.Unpickler
  py,  // CPython's pickle._Unpickler
  torch_weights_only,  // torch._weights_only_unpickler.Unpickler
  libtorch,  // torch::jit::Unpickler (C++)
};

// What becomes of a Python 2 str (STRING, BINSTRING, SHORT_BINSTRING).
enum class Encoding : std::uint8_t { ascii, utf8, latin1, bytes };

enum class PersistentLoad : std::uint8_t {
  none,  // PERSID and BINPERSID raise
  torch,  // ('storage', class, key, location, numel) and ('module', class, ...) tuples
  torch_tar,  // numbers as text; of a tuple the first value comes back as it is
  torch_package,  // storages, and ('reduce_package', id, callable, args): called with the importer
  any,  // the loader takes anything (libtorch reads a table of tensors)
};

// What find_class does before it imports.
enum class FindClass : std::uint8_t {
  plain,  // CPython's own
  torch,  // names containing "Storage" that torch.storage knows are not imported
  pandas,  // pandas' table of moved classes comes first
  torch_package,  // the archive's own modules come first; a dotted name is no path
};

// What joblib's readers fetch when a BUILD completes one of joblib's wrappers.
enum class JoblibReads : std::uint8_t {
  nothing,
  companions,  // an old wrapper's array, from a file beside this one
  arrays,  // and a NumpyArrayWrapper's raw bytes, from this stream
};

// What a loader does with the result of one of its pickles, and so what that may be.
enum class Wanted : std::uint8_t {
  anything,  // handed on
  dict,  // merged into an object
  storage,  // a tensor's bytes
  array,  // NumPy's methods and attributes are asked for
  value,  // compared, counted with: of Python's own types
  keys,  // storage keys, walked through and looked up
  tar_storage,  // of torch's tar: key, location, type
  tar_views,  // of torch's tar: (key, key, offset, number) for each view
  tar_tensor,  // of torch's tar: key, storage's key, type
  checkpoint,  // a Metadata of torch.distributed.checkpoint
};

struct Profile {
  Unpickler unpickler = Unpickler::c;
  Encoding encoding = Encoding::ascii;
  PersistentLoad persistent = PersistentLoad::none;
  FindClass find_class = FindClass::plain;
  JoblibReads joblib = JoblibReads::nothing;
  // C only: all bytes are held at once (loads, files that can be peeked into), so that a read over
  // a frame's end goes on behind it. Else such a read forgets what the frame has left (torn.cpp).
  bool whole = false;
  // torch_weights_only: whose rules; the run goes on while one of them admits what comes.
  Releases releases = k2_13;

  // Of anything else methods would run.
  Wanted wanted = Wanted::anything;

  friend bool operator==(const Profile&, const Profile&) = default;
};

// Names as they stand in the trace's JSON: "c", "py", "torch_weights_only", "libtorch".
std::string_view to_string(Unpickler unpickler);
// "ASCII", "utf-8", "latin1", "bytes".
std::string_view to_string(Encoding encoding);

// The fields of Profile that a run's outcome depended on.
enum Divergence : std::uint8_t {
  kDivergesByUnpickler = 1,  // C and Python unpickler do different things here
  kDivergesByEncoding = 2,  // a Python 2 str that is not ASCII, or any when one side has bytes
  kDivergesByPersistent = 4,  // a persistent id was met
  kDivergesByFindClass = 8,  // a name that some find_class treats specially
  kDivergesByJoblib = 16,  // one of joblib's wrappers was built
  kDivergesByFraming = 32,  // a read or a STOP before the end of a frame (Profile::whole)
};

}  // namespace brine::pickle
