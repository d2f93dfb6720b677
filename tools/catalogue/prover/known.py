"""Functions outside a library that its methods of unpickling may call: known to be harmless."""

from __future__ import annotations

# With plain arguments (constants, and built-in containers of them), and with none.
HARMLESS = {
    "warnings.warn", "warnings.simplefilter", "collections.OrderedDict", "collections.defaultdict",
    "threading.Lock", "threading.RLock", "weakref.WeakKeyDictionary",
    "weakref.WeakValueDictionary", "weakref.WeakSet", "copy.copy", "torch.is_tensor",
    "typing.cast",
}  # fmt: skip
# Of these, those that do nothing with an argument but keep it or ask for its type.
LOOKS_AT_TYPE_ONLY = {"torch.is_tensor", "typing.cast"}
# Classes whose facts are written by hand, and that others inherit from: a class that overrides
# nothing that unpickling them runs (special methods, and the names given here, which those call or
# look into) has the same facts.
INHERITED: dict[str, set[str]] = {
    # Its __getattribute__ and __setattr__ look into the class's `attribute_map`, a table of names.
    "transformers.configuration_utils.PreTrainedConfig": set(),
    # Its constructor and its stores keep fields of a dataclass.
    "transformers.utils.generic.ModelOutput": {
        "__init__", "__post_init__", "__setitem__", "_replace_old_cache_name",
    },
    # Its __getattribute__ finds what the instance and its class have before it asks the results.
    "statsmodels.base.wrapper.ResultsWrapper": set(),
    # Their __setstate__ runs the source text of the state, which the contract spells out, and makes
    # functions of the methods named here.
    "scipy.stats._distn_infrastructure.rv_continuous": {
        "_attach_methods", "_attach_argparser_methods",
    },
    "torch.nn.modules.module.Module": {
        "register_parameter", "register_buffer", "register_module", "add_module", "_parameters",
        "_buffers", "_modules", "_non_persistent_buffers_set", "flatten_parameters",
        "padding_mode",
    },
    # Its __setstate__ wraps the method `step` of the class for the profiler.
    "torch.optim.optimizer.Optimizer": {
        "_patch_step_function", "profile_hook_step", "defaults", "param_groups", "state",
    },
    # Its __setstate__ wraps the methods `update` and `compute` of the class.
    "torchmetrics.metric.Metric": {"_wrap_update", "_wrap_compute"},
    # Its __setattr__ looks into `base_dist`.
    "gpytorch.priors.prior.Prior": {"base_dist"},
    # Its __setstate__ makes weak references of `_parents`.
    "matplotlib.transforms.TransformNode": set(),
    # Its __getattr__ looks into a table of the class, and into the instance's own attributes.
    "transformers.tokenization_utils_base.PreTrainedTokenizerBase": {"SPECIAL_TOKENS_ATTRIBUTES"},
    # Its __getattr__ looks into a table of the class.
    "sentence_transformers.base.modules.module.Module": {"_DEPRECATED_METHOD_RENAMES"},
}  # fmt: skip
# Classes of INHERITED that inherit from others of them, whose facts theirs include.
ROOTS_ABOVE: dict[str, set[str]] = {
    "torchmetrics.metric.Metric": {"torch.nn.modules.module.Module"},
    "gpytorch.priors.prior.Prior": {"torch.nn.modules.module.Module"},
    "sentence_transformers.base.modules.module.Module": {"torch.nn.modules.module.Module"},
}
# What `torch.nn.Module.state_dict()` calls and looks into: a class that has none of these of its
# own gives what stands in its dictionaries.
LAYER = "torch.nn.modules.module:Module"
STATE_DICT = {
    "state_dict", "_save_to_state_dict", "get_extra_state", "_parameters", "_buffers", "_modules",
    "_non_persistent_buffers_set", "_state_dict_hooks", "_state_dict_pre_hooks",
}  # fmt: skip
# Classes that write their own, as their base does, or as `brine convert` knows for classes of the
# same package (src/convert/layers.cpp).
SAME_STATE_DICT = {"torch.nn.modules.lazy:LazyModuleMixin"}
KNOWN_TO_CONVERT = (
    "torch.ao.", "torchmetrics.metric:Metric", "torch_geometric.nn.dense.linear:Linear",
)  # fmt: skip
# Metaclasses that were read: what they do to a class when it is made, no instance runs.
READ_METACLASSES = {
    # Wraps the constructor that the dataclass decorator sets.
    "transformers.utils.generic:_BCCacheNameMeta",
    # Keeps the constructor's signature; its __call__ coerces arguments.
    "pyro.distributions.distribution:DistributionMeta",
    # Adds `in`, which asks for the member of that value and catches the error.
    "accelerate.utils.dataclasses:EnumWithContains",
}
# Decorators of classes that were read: they give the class back.
READ_DECORATORS = {
    # These put the class into a module, or into a table of names, as well.
    "monai.utils.module:export",
    "monai.utils.aliases:alias",
    # Its constructor warns first; of late its __new__ warns, and calls object's.
    "sklearn.utils.deprecation:deprecated",
    # Gives its constructor another signature.
    "econml.sklearn_extensions.linear_model:_add_normalize",
}
# Modules that give methods to a class under names that are computed, and which names these are.
NAMED_IN_LOOPS = {"scipy.sparse._data": "NumPy's functions of one argument: sin, sqrt, floor ..."}
# Extensions that modules take all names from, and builtins that were looked for and not found in
# them: where no statement binds these, they still mean themselves.
STARS = {"torch._C", "torch._C._VariableFunctions"}
NOT_IN_STARS = {
    "isinstance", "getattr", "hasattr", "callable", "type", "len", "str", "super", "TypeError",
    "ValueError", "KeyError", "RuntimeError", "AttributeError",
}  # fmt: skip
# Methods of text, bytes and numbers.
SAFE_METHODS = {
    "startswith", "endswith", "format", "join", "split", "rsplit", "strip", "lstrip", "rstrip",
    "replace", "lower", "upper", "title", "partition", "rpartition", "find", "index", "count",
    "encode", "decode", "isidentifier", "isdigit", "zfill", "capitalize", "removeprefix",
    "removesuffix", "keys", "items", "values", "get",
}  # fmt: skip
