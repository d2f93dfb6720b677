#include "format/names.h"

#include <array>

namespace brine::format {

namespace {

constexpr auto kRows = std::to_array<NameRow>({
    {".bin", Promise::pickle, "torch.load"},
    {".pt", Promise::pickle, "torch.load"},
    {".pth", Promise::pickle, "torch.load"},
    {".ckpt", Promise::pickle, "torch.load"},
    {".pt2", Promise::model, "torch.export.load"},
    {".ptl", Promise::pickle, "torch.jit.load"},
    {".pts", Promise::pickle, "torch.jit.load"},
    {".torchscript", Promise::pickle, "torch.jit.load"},
    {".distcp", Promise::pickle, "torch.load"},
    {".metadata", Promise::pickle, "torch.distributed.checkpoint"},
    {".tar", Promise::model, "tarfile"},
    {".mar", Promise::model, "TorchServe"},
    {".nemo", Promise::model, "NeMo"},
    {".pkl", Promise::pickle, "pickle.load"},
    {".pickle", Promise::pickle, "pickle.load"},
    {".pck", Promise::pickle, "pickle.load"},
    {".p", Promise::pickle, "pickle.load"},
    {".dill", Promise::pickle, "dill.load"},
    {".cloudpickle", Promise::pickle, "cloudpickle.load"},
    {".sav", Promise::pickle, "pickle.load or joblib.load"},
    {".joblib", Promise::pickle, "joblib.load"},
    {".jbl", Promise::pickle, "joblib.load"},
    {".pdparams", Promise::pickle, "paddle.load"},
    {".pdopt", Promise::pickle, "paddle.load"},
    {".npy", Promise::pickle, "numpy.load"},
    {".npz", Promise::pickle, "numpy.load"},
    {".model", Promise::model, "sentencepiece, gensim, xgboost"},
    {".safetensors", Promise::data, "safetensors"},
    {".gguf", Promise::data, "llama.cpp"},
    {".ggml", Promise::data, "llama.cpp"},
    {".h5", Promise::data, "h5py"},
    {".hdf5", Promise::data, "h5py"},
    {".keras", Promise::model, "keras"},
    {".onnx", Promise::data, "onnx"},
    {".ort", Promise::data, "onnxruntime"},
    {".pb", Promise::model, "TensorFlow"},
    {".tflite", Promise::data, "TensorFlow Lite"},
    {".lite", Promise::data, "TensorFlow Lite"},
    {".mlmodel", Promise::data, "Core ML"},
    {".pte", Promise::model, "ExecuTorch"},
    {".ptd", Promise::model, "ExecuTorch"},
    {".skops", Promise::model, "skops"},
    {".msgpack", Promise::model, "flax"},
    {".llamafile", Promise::model, "llamafile"},
    {".engine", Promise::model, "TensorRT"},
    {".plan", Promise::model, "TensorRT"},
});

}  // namespace

std::string ascii_lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::span<const NameRow> name_rows() { return kRows; }

const NameRow* find_name(std::string_view lower_name) {
  const NameRow* best = nullptr;
  for (const NameRow& row : kRows) {
    if (lower_name.ends_with(row.ending) &&
        (best == nullptr || row.ending.size() > best->ending.size())) {
      best = &row;
    }
  }
  return best;
}

Promise promise_of(std::string_view lower_name) {
  const NameRow* row = find_name(lower_name);
  return row == nullptr ? Promise::nothing : row->promise;
}

}  // namespace brine::format
