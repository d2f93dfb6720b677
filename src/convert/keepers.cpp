#include "convert/keepers.h"

#include <algorithm>
#include <array>

namespace brine::convert {
namespace {

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
});

// Of Adam, ASGD, NAdam and most others.
constexpr auto kSteps = std::to_array<std::string_view>({"step", "eta", "mu", "mu_product"});
constexpr auto kLeavesNumbers = std::to_array<std::string_view>(
    {"torch.optim.sparse_adam.SparseAdam", "torch.optim.sgd.SGD", "torch.optim.lbfgs.LBFGS"});

}  // namespace

const Keeper* keeper_of(std::string_view cls) {
  const auto* row = std::ranges::find_if(kKeepers, [&](const Keeper& keeper) {
    return keeper.name.ends_with('.') ? cls.starts_with(keeper.name) : cls == keeper.name;
  });
  return row != kKeepers.end() && row->keeps ? row : nullptr;
}

bool makes_tensor_of(std::string_view optimizer, std::string_view part) {
  return optimizer.starts_with("torch.optim.") &&
         std::ranges::find(kLeavesNumbers, optimizer) == kLeavesNumbers.end() &&
         std::ranges::find(kSteps, part) != kSteps.end();
}

bool is_generator(std::string_view cls) { return cls.starts_with("numpy.random."); }

}  // namespace brine::convert
