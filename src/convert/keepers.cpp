#include "convert/keepers.h"

#include <algorithm>
#include <array>

#include "catalogue/blob.h"

namespace brine::convert {
namespace {

// Of gymnasium's spaces (spaces/space.py:132), Box (spaces/box.py:534) and MultiDiscrete.
constexpr auto kOldNames = std::to_array<std::string_view>({"shape", "np_random"});
constexpr auto kShownBounds = std::to_array<std::string_view>({"low_repr", "high_repr"});
constexpr auto kStart = std::to_array<std::string_view>({"start"});

constexpr auto kKeepers = std::to_array<Keeper>({
    {"argparse.Namespace"},
    {"types.SimpleNamespace"},
    {"collections.deque"},
    {"torch.nn.utils.rnn.PackedSequence", true, true},
    {"torch.return_types.", true, true},
    {"torch.optim.swa_utils.AveragedModel", false},
    {"torch.optim."},
    {"torch.distributions."},
    {"torch.utils.data."},
    {"__torch__.torch.classes.", false},  // TorchScript: classes of C++
    {"__torch__."},
    {"sklearn.utils._bunch.", false},
    {"sklearn.ensemble._hist_gradient_boosting.predictor.", false},
    {"sklearn.callback.", false},
    {"sklearn.isotonic.", false},  // builds its function anew
    {"sklearn.tree._tree.Tree", true, true},
    {"sklearn."},
    {"scipy.sparse._coo.", false},
    {"scipy.sparse."},
    {"scipy.interpolate._bsplines.BSpline"},
    {"torch_geometric.data.data.Data"},
    {"torch_geometric.data.hetero_data.HeteroData"},
    {"torch_geometric.data.storage.", true, false, "_parent"},
    {"torch_geometric.data.batch.Batch", true, true},  // the two classes that it is made of
    {"gymnasium.spaces.box.Box", true, false, {}, kShownBounds, kOldNames},
    {"gymnasium.spaces.multi_discrete.MultiDiscrete", true, false, {}, kStart, kOldNames},
    {"gymnasium.spaces.", true, false, {}, {}, kOldNames},
    {"xarray.core.dataarray.DataArray"},  // slots, set through a __setattr__ that sets the slot
    {"xarray.core.dataset.Dataset"},
    {"transformers.trainer_utils.EvalPrediction"},
    {"transformers.trainer_utils.EvalLoopOutput", true, true},
    {"transformers.trainer_utils.PredictionOutput", true, true},
});

// Of Adam, ASGD, NAdam and most others.
constexpr auto kSteps = std::to_array<std::string_view>({"step", "eta", "mu", "mu_product"});
constexpr auto kLeavesNumbers = std::to_array<std::string_view>(
    {"torch.optim.sparse_adam.SparseAdam", "torch.optim.sgd.SGD", "torch.optim.lbfgs.LBFGS"});

bool keeps_by_facts(std::string_view cls) {
  const std::size_t dot = cls.rfind('.');
  if (dot == std::string_view::npos) return false;
  const auto facts =
      catalogue::Blob::embedded().class_facts(cls.substr(0, dot), cls.substr(dot + 1));
  return facts && facts->keeps;
}

}  // namespace

const Keeper* keeper_of(std::string_view cls) {
  const auto* row = std::ranges::find_if(kKeepers, [&](const Keeper& keeper) {
    return keeper.name.ends_with('.') ? cls.starts_with(keeper.name) : cls == keeper.name;
  });
  if (row != kKeepers.end()) return row->keeps ? row : nullptr;
  static constexpr Keeper kPlain{""};
  return keeps_by_facts(cls) ? &kPlain : nullptr;
}

bool makes_tensor_of(std::string_view optimizer, std::string_view part) {
  return optimizer.starts_with("torch.optim.") &&
         std::ranges::find(kLeavesNumbers, optimizer) == kLeavesNumbers.end() &&
         std::ranges::find(kSteps, part) != kSteps.end();
}

std::size_t result_fields(std::string_view cls) {
  if (cls == "transformers.trainer_utils.EvalLoopOutput") return 4;
  if (cls == "transformers.trainer_utils.PredictionOutput") return 3;
  constexpr std::string_view kModule = "torch.return_types.", kOut = "_out";
  if (!cls.starts_with(kModule)) return 0;
  cls.remove_prefix(kModule.size());
  if (cls.ends_with(kOut)) cls.remove_suffix(kOut.size());
  struct Row {
    std::string_view name;
    std::size_t fields;
  };
  static constexpr auto kRows = std::to_array<Row>({
      {"_linalg_det", 3},
      {"_linalg_slogdet", 4},
      {"_linalg_solve_ex", 4},
      {"_linalg_svd", 3},
      {"_lu_with_info", 3},
      {"_scaled_dot_product_cudnn_attention", 9},
      {"_scaled_dot_product_efficient_attention", 4},
      {"_scaled_dot_product_flash_attention", 9},
      {"linalg_ldl_factor_ex", 3},
      {"linalg_lstsq", 4},
      {"linalg_lu", 3},
      {"linalg_lu_factor_ex", 3},
      {"linalg_svd", 3},
      {"lu_unpack", 3},
      {"svd", 3},
  });
  const auto* row = std::ranges::find(kRows, cls, &Row::name);
  return row == kRows.end() ? 2 : row->fields;  // max, sort, topk ...
}

std::span<const std::string_view> output_fields(std::string_view cls) {
  constexpr std::string_view kModule = "transformers.modeling_outputs.";
  static constexpr auto kBase =
      std::to_array<std::string_view>({"last_hidden_state", "hidden_states", "attentions"});
  static constexpr auto kBare =
      std::to_array<std::string_view>({"last_hidden_state", "hidden_states"});
  static constexpr auto kPooled = std::to_array<std::string_view>(
      {"last_hidden_state", "pooler_output", "hidden_states", "attentions"});
  static constexpr auto kBarePooled =
      std::to_array<std::string_view>({"last_hidden_state", "pooler_output", "hidden_states"});
  static constexpr auto kLoss =
      std::to_array<std::string_view>({"loss", "logits", "hidden_states", "attentions"});
  static constexpr auto kBareLoss =
      std::to_array<std::string_view>({"loss", "logits", "hidden_states"});
  static constexpr auto kSpan = std::to_array<std::string_view>(
      {"loss", "start_logits", "end_logits", "hidden_states", "attentions"});
  struct Row {
    std::string_view name;
    std::span<const std::string_view> fields;
  };
  static constexpr auto kRows = std::to_array<Row>({
      {"BaseModelOutput", kBase},
      {"BaseModelOutputWithNoAttention", kBare},
      {"BaseModelOutputWithPooling", kPooled},
      {"BaseModelOutputWithPoolingAndNoAttention", kBarePooled},
      {"CausalLMOutput", kLoss},
      {"ImageClassifierOutput", kLoss},
      {"ImageClassifierOutputWithNoAttention", kBareLoss},
      {"MaskedLMOutput", kLoss},
      {"MultipleChoiceModelOutput", kLoss},
      {"NextSentencePredictorOutput", kLoss},
      {"QuestionAnsweringModelOutput", kSpan},
      {"SequenceClassifierOutput", kLoss},
      {"TokenClassifierOutput", kLoss},
  });
  if (!cls.starts_with(kModule)) return {};
  const auto* row = std::ranges::find(kRows, cls.substr(kModule.size()), &Row::name);
  return row == kRows.end() ? std::span<const std::string_view>() : row->fields;
}

bool is_generator(std::string_view cls) { return cls.starts_with("numpy.random."); }

}  // namespace brine::convert
