"""Makers of further libraries, for whoever has them (tests/honest/requirements.txt)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tests.honest.writers import File, Make, both, made, pickles, torch_files


def table() -> tuple[Any, Any]:
    """Numbers and two classes."""
    import numpy as np

    return np.random.default_rng(1).random((40, 3)), np.array([0, 1] * 20)


def fitted(prefix: str, classes: list[Any]) -> Iterator[File]:
    """Models with fit(X, y)."""
    x, y = table()
    for cls in classes:
        yield from both(f"{prefix}_{cls.__name__}", lambda cls=cls: cls().fit(x, y))


def xgboost_files() -> Iterator[File]:
    import xgboost as xgb

    x, y = table()
    for cls in (xgb.XGBClassifier, xgb.XGBRegressor, xgb.XGBRFClassifier):
        yield from both(f"xgb_{cls.__name__}", lambda cls=cls: cls(n_estimators=3).fit(x, y))
    yield from both("xgb_train", lambda: xgb.train({}, xgb.DMatrix(x, y), 2))


def lightgbm_files() -> Iterator[File]:
    import lightgbm as lgb

    x, y = table()
    for cls in (lgb.LGBMClassifier, lgb.LGBMRegressor):
        yield from both(
            f"lgb_{cls.__name__}", lambda cls=cls: cls(n_estimators=3, verbose=-1).fit(x, y)
        )
    yield from both("lgb_train", lambda: lgb.train({"verbose": -1}, lgb.Dataset(x, y), 2))


def catboost_files() -> Iterator[File]:
    import catboost

    x, y = table()
    for cls in (catboost.CatBoostClassifier, catboost.CatBoostRegressor):
        yield from both(
            f"cat_{cls.__name__}",
            lambda cls=cls: cls(iterations=2, verbose=0, allow_writing_files=False).fit(x, y),
        )


def statsmodels_files() -> Iterator[File]:
    import statsmodels.api as sm

    x, y = table()
    yield from pickles("sm_ols", lambda: sm.OLS(y, sm.add_constant(x)).fit(), (2, 4, 5))
    yield from pickles("sm_glm", lambda: sm.GLM(y, x).fit(), (2, 4, 5))
    yield from pickles("sm_arima", lambda: sm.tsa.ARIMA(x[:, 0], order=(1, 0, 0)).fit(), (2, 4))


def imblearn_files() -> Iterator[File]:
    import imblearn.ensemble
    import imblearn.over_sampling
    import imblearn.under_sampling

    yield from fitted("imb", [imblearn.over_sampling.SMOTE,
                              imblearn.over_sampling.RandomOverSampler,
                              imblearn.under_sampling.RandomUnderSampler,
                              imblearn.ensemble.BalancedRandomForestClassifier])  # fmt: skip


def skorch_files() -> Iterator[File]:
    import numpy as np
    import torch
    from skorch import NeuralNetRegressor

    x, y = table()
    net = NeuralNetRegressor(torch.nn.Linear, module__in_features=3, module__out_features=1,
                             max_epochs=1, verbose=0)  # fmt: skip
    net.fit(x.astype(np.float32), y.reshape(-1, 1).astype(np.float32))
    yield from pickles("skorch_net", lambda: net, (4, 5))


def encoders_files() -> Iterator[File]:
    import category_encoders as ce
    import pandas as pd

    frame = pd.DataFrame({"a": ["x", "y"] * 5, "b": ["u", "v"] * 5})
    for cls in (
        ce.OneHotEncoder,
        ce.OrdinalEncoder,
        ce.TargetEncoder,
        ce.BinaryEncoder,
        ce.CountEncoder,
    ):
        yield from both(f"ce_{cls.__name__}", lambda cls=cls: cls().fit(frame, [0, 1] * 5))


def timm_files() -> Iterator[File]:
    import timm

    for name in ("resnet18", "mobilenetv3_small_050", "vit_tiny_patch16_224", "efficientnet_b0",
                 "convnext_atto", "swin_tiny_patch4_window7_224", "regnetx_002"):  # fmt: skip
        yield from torch_files(
            f"timm_{name}", lambda name=name: timm.create_model(name, num_classes=2)
        )


def torchvision_files() -> Iterator[File]:
    import torchvision

    for name in (
        "resnet18",
        "mobilenet_v3_small",
        "squeezenet1_0",
        "shufflenet_v2_x0_5",
        "googlenet",
    ):
        yield from torch_files(f"tv_{name}", lambda name=name: torchvision.models.get_model(name))


def tiny(config_name: str, model_name: str, **options: Any) -> Any:
    """A model of transformers with hardly any weights."""
    import transformers

    sizes = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
             "intermediate_size": 8, "vocab_size": 20, **options}  # fmt: skip
    return getattr(transformers, model_name)(getattr(transformers, config_name)(**sizes))


def transformers_files() -> Iterator[File]:
    import transformers

    models: dict[str, Make] = {
        "bert": lambda: tiny("BertConfig", "BertForSequenceClassification"),
        "roberta": lambda: tiny("RobertaConfig", "RobertaModel"),
        "distilbert": lambda: tiny("DistilBertConfig", "DistilBertModel", dim=8, hidden_dim=8,
                                   n_layers=1, n_heads=2),
        "gpt2": lambda: tiny("GPT2Config", "GPT2LMHeadModel", n_embd=8, n_layer=1, n_head=2),
        "llama": lambda: tiny("LlamaConfig", "LlamaForCausalLM", num_key_value_heads=2),
        "t5": lambda: tiny("T5Config", "T5ForConditionalGeneration", d_model=8, d_kv=4, d_ff=8,
                           num_layers=1, num_heads=2),
        "vit": lambda: tiny("ViTConfig", "ViTForImageClassification", image_size=16, patch_size=8),
    }  # fmt: skip
    for label, make in models.items():
        yield from torch_files(f"hf_{label}", make)
        yield from torch_files(f"hf_{label}_state", lambda make=make: made(make).state_dict())
    yield from torch_files(
        "hf_training_args", lambda: transformers.TrainingArguments(output_dir="x", report_to=[])
    )
    yield from pickles("hf_config", lambda: transformers.BertConfig(hidden_size=8), (2, 4, 5))
    yield from pickles("hf_generation", lambda: transformers.GenerationConfig(max_length=3), (2, 4))


def geometric_files() -> Iterator[File]:
    import torch
    from torch_geometric.data import Data
    from torch_geometric.nn import GATConv, GCNConv, SAGEConv

    graph = Data(x=torch.ones(3, 2), edge_index=torch.tensor([[0, 1], [1, 2]]))
    yield from torch_files("pyg_data", lambda: graph)
    yield from torch_files("pyg_list", lambda: [graph, graph])
    for cls in (GCNConv, SAGEConv, GATConv):
        yield from torch_files(f"pyg_{cls.__name__}", lambda cls=cls: cls(2, 3))


def gpytorch_files() -> Iterator[File]:
    import gpytorch

    yield from torch_files(
        "gp_kernel", lambda: gpytorch.kernels.ScaleKernel(gpytorch.kernels.RBFKernel())
    )
    yield from torch_files("gp_likelihood", lambda: gpytorch.likelihoods.GaussianLikelihood())
    yield from torch_files(
        "gp_state", lambda: gpytorch.likelihoods.GaussianLikelihood().state_dict()
    )


def omegaconf_files() -> Iterator[File]:
    from omegaconf import OmegaConf

    yield from pickles("oc_dict", lambda: OmegaConf.create({"a": 1, "b": {"c": [1, 2]}}), (2, 4, 5))
    yield from torch_files(
        "oc_checkpoint", lambda: {"hyper_parameters": OmegaConf.create({"lr": 0.1})}
    )


def gensim_files() -> Iterator[File]:
    from gensim.corpora import Dictionary
    from gensim.models import LdaModel, TfidfModel, Word2Vec

    words = [["a", "b", "c"], ["b", "c", "d"]] * 5
    bags = Dictionary(words)
    corpus = [bags.doc2bow(w) for w in words]
    yield from pickles("gs_dictionary", lambda: bags, (2, 4, 5))
    yield from pickles(
        "gs_word2vec", lambda: Word2Vec(words, vector_size=4, min_count=1), (2, 4, 5)
    )
    yield from pickles("gs_tfidf", lambda: TfidfModel(corpus), (2, 4))
    yield from pickles("gs_lda", lambda: LdaModel(corpus, 2, id2word=bags), (2, 4))


def nltk_files() -> Iterator[File]:
    import nltk

    train = [({"a": 1}, "x"), ({"a": 2}, "y")]
    yield from pickles("nltk_bayes", lambda: nltk.NaiveBayesClassifier.train(train), (2, 4, 5))
    yield from pickles(
        "nltk_tagger", lambda: nltk.UnigramTagger([[("a", "X"), ("b", "Y")]]), (2, 4)
    )
    yield from pickles("nltk_freq", lambda: nltk.FreqDist("abc"), (2, 4))
    yield from pickles("nltk_grammar", lambda: nltk.CFG.fromstring("S -> 'a' S | 'b'"), (2, 4))


def metrics_files() -> Iterator[File]:
    import torchmetrics

    yield from torch_files("tm_accuracy", lambda: torchmetrics.Accuracy("binary"))
    yield from torch_files("tm_mean", lambda: torchmetrics.MeanMetric())


def lifelines_files() -> Iterator[File]:
    import lifelines

    yield from pickles("ll_km", lambda: lifelines.KaplanMeierFitter().fit([1, 2, 3]), (2, 4, 5))
    yield from pickles("ll_weibull", lambda: lifelines.WeibullFitter(), (2, 4))


def sentence_files() -> Iterator[File]:
    from sentence_transformers import models

    yield from torch_files("st_pooling", lambda: models.Pooling(8))
    yield from torch_files("st_dense", lambda: models.Dense(8, 4))


def tokenizers_files() -> Iterator[File]:
    import tokenizers

    yield from pickles(
        "tok_bpe", lambda: tokenizers.Tokenizer(tokenizers.models.BPE({"a": 0}, [])), (2, 4, 5)
    )


def hdbscan_files() -> Iterator[File]:
    import hdbscan

    x, _ = table()
    yield from both("hdb", lambda: hdbscan.HDBSCAN(min_cluster_size=3).fit(x))


def baselines_files() -> Iterator[File]:
    import numpy as np
    from gymnasium import spaces

    yield from pickles("gym_box", lambda: spaces.Box(0, 1, (3,), np.float32), (2, 4, 5))
    yield from pickles("gym_discrete", lambda: spaces.Discrete(4), (2, 4, 5))


FURTHER: dict[str, Callable[[], Iterator[File]]] = {
    "xgboost": xgboost_files,
    "lightgbm": lightgbm_files,
    "catboost": catboost_files,
    "statsmodels": statsmodels_files,
    "imbalanced-learn": imblearn_files,
    "skorch": skorch_files,
    "category-encoders": encoders_files,
    "timm": timm_files,
    "torchvision": torchvision_files,
    "transformers": transformers_files,
    "torch-geometric": geometric_files,
    "gpytorch": gpytorch_files,
    "omegaconf": omegaconf_files,
    "gensim": gensim_files,
    "nltk": nltk_files,
    "torchmetrics": metrics_files,
    "lifelines": lifelines_files,
    "sentence-transformers": sentence_files,
    "tokenizers": tokenizers_files,
    "hdbscan": hdbscan_files,
    "gymnasium": baselines_files,
}
