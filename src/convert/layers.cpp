#include "convert/layers.h"

#include <algorithm>
#include <array>

#include "catalogue/blob.h"

namespace brine::convert {
namespace {

constexpr auto kScale = std::to_array<std::string_view>({"scale", "zero_point"});
constexpr auto kRange = std::to_array<std::string_view>({"min_val", "max_val"});

constexpr auto kLinear = std::to_array<std::string_view>({"weight", "bias"});

constexpr auto kOwn = std::to_array<OwnStateDict>({
    {"torch.ao.nn.quantized.modules.functional_modules.QFunctional", kScale},
    {"torch.nn.quantized.modules.functional_modules.QFunctional", kScale},
    {"torch.ao.quantization.fake_quantize.", kScale},
    {"torch.quantization.fake_quantize.", kScale},
    {"torch.ao.quantization.observer.HistogramObserver", kRange},
    {"torch.quantization.observer.HistogramObserver", kRange},
    {"torch.ao.nn.quantized.modules.linear.", {}},
    {"torch.ao.nn.quantized.modules.conv.", {}},
    {"torch.ao.nn.quantized.modules.embedding_ops.EmbeddingPackedParams", {}},
    {"torch.ao.nn.quantized.dynamic.modules.", {}},
    {"torch.ao.nn.quantized.reference.modules.", {}},
    {"torch.ao.nn.sparse.quantized.", {}},
    {"torch.ao.nn.intrinsic.quantized.", {}},
    {"torch.ao.pruning.", {}},
    {"torch.nn.quantized.modules.linear.", {}},
    {"torch.nn.quantized.modules.conv.", {}},
    {"torch.nn.quantized.modules.embedding_ops.EmbeddingPackedParams", {}},
    {"torch.nn.quantized.dynamic.modules.", {}},
    {"torch.nn.intrinsic.quantized.", {}},
    {"torchmetrics.", {}, "_persistent"},  // metric.py: Metric.state_dict, and no other
    // nn/dense/linear.py: Linear._save_to_state_dict
    {"torch_geometric.nn.dense.linear.Linear", {}, {}, kLinear},
    {"bitsandbytes.nn.", {}},
});

}  // namespace

LayerClass layer_class(std::string_view module, std::string_view name) {
  const auto facts = catalogue::Blob::embedded().class_facts(module, name);
  return !facts || facts->layer ? LayerClass::layer : LayerClass::other;
}

const OwnStateDict* own_state_dict(std::string_view cls) {
  const auto* row = std::ranges::find_if(kOwn, [&](const OwnStateDict& own) {
    return own.name.ends_with('.') ? cls.starts_with(own.name) : cls == own.name;
  });
  return row == kOwn.end() ? nullptr : row;
}

}  // namespace brine::convert
