"""Libraries around the large ones, each with what its users save: the later part of the corpus."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from tests.honest.further import table, tiny
from tests.honest.writers import File, Make, both, few, pickles, possible, torch_files


def classes_of(module: Any, base: type | None = None) -> dict[str, Any]:
    """The public classes of a module."""
    return {
        name: cls
        for name, cls in vars(module).items()
        if inspect.isclass(cls)
        and not name.startswith("_")
        and (base is None or issubclass(cls, base))
    }


def fits(prefix: str, found: dict[str, Any], *arguments: Any) -> Iterator[File]:
    """Classes with fit(...), made without arguments."""
    yield from possible(
        {f"{prefix}_{name}": lambda cls=cls: cls().fit(*arguments) for name, cls in found.items()},
        both,
    )


def resampling_files() -> Iterator[File]:
    import imblearn.combine
    import imblearn.ensemble
    import imblearn.over_sampling
    import imblearn.pipeline
    import imblearn.under_sampling
    from sklearn.linear_model import LogisticRegression

    x, y = table()
    for module in (
        imblearn.over_sampling,
        imblearn.under_sampling,
        imblearn.combine,
        imblearn.ensemble,
    ):
        yield from fits("imbx", classes_of(module), x, y)
    yield from possible(
        {
            "imbx_pipe": lambda: imblearn.pipeline.make_pipeline(
                imblearn.over_sampling.SMOTE(), LogisticRegression()
            ).fit(x, y)
        },
        both,
    )


def survival_files() -> Iterator[File]:
    import lifelines
    import pandas as pd

    frame = pd.DataFrame(
        {"t": [1.0, 2, 3, 4, 5, 6], "e": [1, 1, 0, 1, 0, 1], "x": [1.0, 3, 2, 5, 4, 6]}
    )
    univariate = {
        name: cls
        for name, cls in classes_of(lifelines).items()
        if "Fitter" in name and "Cox" not in name
    }
    yield from fits("llx", univariate, frame["t"], frame["e"])
    for name in ("CoxPHFitter", "WeibullAFTFitter", "LogNormalAFTFitter", "AalenAdditiveFitter"):
        yield from possible(
            {f"llx_{name}": lambda name=name: getattr(lifelines, name)().fit(frame, "t", "e")}, few
        )


def configuration_files() -> Iterator[File]:
    """transformers: every configuration, what the Trainer leaves, outputs, tokenizers."""
    import transformers
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    names = list(CONFIG_MAPPING.keys())[::4]
    yield from possible(
        {f"hfx_config_{name}": lambda name=name: CONFIG_MAPPING[name]() for name in names},
        lambda a, b: pickles(a, b, (4,)),
    )
    import numpy as np
    import torch
    from transformers import modeling_outputs, trainer_callback, trainer_utils

    things: dict[str, Make] = {
        "args": lambda: transformers.TrainingArguments(
            output_dir="x", report_to=[], fp16=False, lr_scheduler_type="cosine"
        ),
        "seq_args": lambda: transformers.Seq2SeqTrainingArguments(output_dir="x", report_to=[]),
        "state": lambda: trainer_callback.TrainerState(epoch=1.0, log_history=[{"loss": 1.0}]),
        "control": lambda: trainer_callback.TrainerControl(),
        "outputs": lambda: modeling_outputs.BaseModelOutput(last_hidden_state=torch.ones(1, 2)),
        "batch": lambda: transformers.BatchEncoding({"input_ids": [[1, 2]]}),
        "prediction": lambda: trainer_utils.EvalPrediction(np.ones(2), np.zeros(2)),
        "generation": lambda: transformers.GenerationConfig(max_length=4, do_sample=True),
        "schedule": lambda: transformers.get_linear_schedule_with_warmup(
            torch.optim.AdamW(torch.nn.Linear(1, 1).parameters()), 1, 2
        ),
        "adafactor": lambda: transformers.Adafactor(
            torch.nn.Linear(1, 1).parameters()
        ).state_dict(),
        "quantization": lambda: transformers.BitsAndBytesConfig(load_in_4bit=True),
        "albert": lambda: tiny("AlbertConfig", "AlbertModel", embedding_size=4),
        "electra": lambda: tiny("ElectraConfig", "ElectraForTokenClassification", embedding_size=4),
        "mistral": lambda: tiny("MistralConfig", "MistralForCausalLM", num_key_value_heads=2),
        "qwen": lambda: tiny("Qwen2Config", "Qwen2ForCausalLM", num_key_value_heads=2),
        "gemma": lambda: tiny("GemmaConfig", "GemmaForCausalLM", num_key_value_heads=2, head_dim=4),
        "phi": lambda: tiny("PhiConfig", "PhiForCausalLM"),
        "opt": lambda: tiny("OPTConfig", "OPTForCausalLM", ffn_dim=8, word_embed_proj_dim=8),
        "bart": lambda: tiny(
            "BartConfig",
            "BartForConditionalGeneration",
            d_model=8,
            encoder_layers=1,
            decoder_layers=1,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=8,
            decoder_ffn_dim=8,
        ),
        "deit": lambda: tiny("DeiTConfig", "DeiTModel", image_size=16, patch_size=8),
        "clip": lambda: tiny("CLIPTextConfig", "CLIPTextModel"),
        "swin": lambda: transformers.SwinModel(
            transformers.SwinConfig(
                image_size=16, patch_size=4, embed_dim=8, depths=[1], num_heads=[1], window_size=2
            )
        ),
        "wav2vec": lambda: tiny(
            "Wav2Vec2Config",
            "Wav2Vec2Model",
            conv_dim=(8,),
            conv_stride=(2,),
            conv_kernel=(3,),
            num_conv_pos_embeddings=4,
            num_conv_pos_embedding_groups=2,
        ),
        "whisper": lambda: tiny(
            "WhisperConfig",
            "WhisperModel",
            d_model=8,
            encoder_layers=1,
            decoder_layers=1,
            encoder_attention_heads=2,
            pad_token_id=0,
            decoder_attention_heads=2,
            encoder_ffn_dim=8,
            decoder_ffn_dim=8,
        ),
    }
    yield from possible({f"hfx_{key}": make for key, make in things.items()}, torch_files)


def graph_files() -> Iterator[File]:
    import torch
    import torch_geometric.nn
    from torch_geometric import data, transforms

    nodes, edges = torch.ones(3, 2), torch.tensor([[0, 1], [1, 2]])
    graph = data.Data(x=nodes, edge_index=edges, y=torch.tensor([1]))
    hetero = data.HeteroData({"a": {"x": nodes}})
    things: dict[str, Make] = {
        "data": lambda: graph,
        "batch": lambda: data.Batch.from_data_list([graph, graph]),
        "hetero": lambda: hetero,
        "normal": lambda: transforms.NormalizeFeatures(),
        "collated": lambda: data.InMemoryDataset.collate([graph, graph]),
    }
    for name, cls in classes_of(torch_geometric.nn, torch.nn.Module).items():
        things[name] = lambda cls=cls: cls(2, 3)
    yield from possible({f"pygx_{key}": make for key, make in things.items()}, torch_files)


def metric_files() -> Iterator[File]:
    import torchmetrics

    def updated(cls: Any) -> Any:
        for options in ({}, {"task": "binary"}, {"task": "multiclass", "num_classes": 3}):
            try:
                return cls(**options)
            except (TypeError, ValueError):
                continue
        raise TypeError(cls.__name__)

    found = classes_of(torchmetrics, torchmetrics.Metric)
    things: dict[str, Make] = {f"tmx_{k}": lambda cls=cls: updated(cls) for k, cls in found.items()}
    things["tmx_collection"] = lambda: torchmetrics.MetricCollection([torchmetrics.MeanMetric()])
    yield from possible(things, lambda a, b: pickles(a, b, (2, 4)))


def network_files() -> Iterator[File]:
    """networkx, sympy, Pillow, patsy, formulaic."""
    import formulaic
    import networkx as nx
    import pandas as pd
    import patsy
    import sympy
    from PIL import Image

    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": ["x", "y", "x"]})
    x = sympy.Symbol("x")
    things: dict[str, Make] = {
        "graph": lambda: nx.path_graph(4),
        "digraph": lambda: nx.DiGraph([(1, 2), (2, 3)]),
        "weighted": lambda: nx.Graph([(1, 2, {"w": 0.5})]),
        "multi": lambda: nx.MultiGraph([(1, 2), (1, 2)]),
        "karate": nx.karate_club_graph,
        "image": lambda: Image.new("RGB", (2, 2), "red"),
        "symbol": lambda: x,
        "expression": lambda: sympy.sin(x) + x**2 / 3,
        "matrix": lambda: sympy.Matrix([[1, x], [0, 1]]),
        "design": lambda: patsy.dmatrix("a", frame),
        "formula": lambda: formulaic.Formula("a ~ b"),
    }
    yield from possible({f"net_{key}": make for key, make in things.items()}, few)


def space_files() -> Iterator[File]:
    import gymnasium
    import numpy as np
    from gymnasium import spaces

    things: dict[str, Make] = {
        "box": lambda: spaces.Box(-1.0, 1.0, (2,)),
        "image": lambda: spaces.Box(0, 255, (4, 4, 3), np.uint8),
        "discrete": lambda: spaces.Discrete(3, start=1),
        "multi_discrete": lambda: spaces.MultiDiscrete([2, 3]),
        "multi_binary": lambda: spaces.MultiBinary(3),
        "dict": lambda: spaces.Dict({"a": spaces.Discrete(2), "b": spaces.Box(0, 1, (1,))}),
        "tuple": lambda: spaces.Tuple([spaces.Discrete(2)]),
        "text": lambda: spaces.Text(3),
        "graph": lambda: spaces.Graph(spaces.Box(0, 1, (1,)), spaces.Discrete(2)),
        "sequence": lambda: spaces.Sequence(spaces.Discrete(2)),
        "sampled": lambda: (lambda s: (s.sample(), s)[1])(spaces.Discrete(3, seed=1)),
        "spec": lambda: gymnasium.spec("CartPole-v1"),
        "q_table": lambda: {"env_id": "FrozenLake-v1", "qtable": np.zeros((4, 2)), "gamma": 0.95},
    }
    yield from possible({f"gymx_{key}": make for key, make in things.items()}, few)


def statistics_files() -> Iterator[File]:
    import numpy as np
    import pandas as pd
    import statsmodels.api as sm
    import statsmodels.formula.api as smf
    from statsmodels.tsa.api import ExponentialSmoothing, SimpleExpSmoothing

    x, y = table()
    frame = pd.DataFrame(x, columns=["a", "b", "c"])
    things: dict[str, Make] = {
        "ols": lambda: sm.OLS(frame["a"], frame[["b", "c"]]).fit(),
        "wls": lambda: sm.WLS(x[:, 0], x[:, 1:]).fit(),
        "formula": lambda: smf.ols("a ~ b + c", frame).fit(),
        "logit": lambda: sm.Logit(y, x).fit(disp=0),
        "poisson": lambda: sm.Poisson(y, x).fit(disp=0),
        "robust": lambda: sm.RLM(x[:, 0], x[:, 1:]).fit(),
        "quantile": lambda: sm.QuantReg(x[:, 0], x[:, 1:]).fit(),
        "smooth": lambda: SimpleExpSmoothing(x[:, 0]).fit(),
        "winters": lambda: ExponentialSmoothing(x[:, 0], trend="add").fit(),
        "sarimax": lambda: sm.tsa.SARIMAX(x[:, 0], order=(1, 0, 0)).fit(disp=0),
        "kde": lambda: (lambda k: (k.fit(), k)[1])(sm.nonparametric.KDEUnivariate(x[:, 0])),
        "lowess": lambda: sm.nonparametric.lowess(y, x[:, 0]),
        "families": lambda: [sm.families.Binomial(), sm.families.Gamma(), np.float64(1)],
        "unfitted": lambda: sm.OLS(y, x),
    }
    yield from possible({f"smx_{key}": make for key, make in things.items()}, few)


def process_files() -> Iterator[File]:
    import gpytorch
    import torch

    class_maps = {
        "kernel": classes_of(gpytorch.kernels, gpytorch.kernels.Kernel),
        "mean": classes_of(gpytorch.means, gpytorch.means.Mean),
        "likelihood": classes_of(gpytorch.likelihoods, torch.nn.Module),
        "prior": classes_of(gpytorch.priors, torch.nn.Module),
        "constraint": classes_of(gpytorch.constraints, torch.nn.Module),
    }

    def built(cls: Any) -> Any:
        for arguments in ((), (1,), (2, 0.5), (0.0, 1.0)):
            try:
                return cls(*arguments)
            except Exception:  # other arguments, then
                continue
        raise TypeError(cls.__name__)

    for kind, found in class_maps.items():
        yield from possible(
            {f"gpx_{kind}_{name}": lambda cls=cls: built(cls) for name, cls in found.items()},
            torch_files,
        )


def language_files() -> Iterator[File]:
    """gensim, nltk and tokenizers again."""
    import gensim
    import nltk
    import tokenizers
    from gensim import models, similarities

    words = [["a", "b", "c"], ["b", "c", "d"], ["a", "d", "e"]] * 4
    bags = gensim.corpora.Dictionary(words)
    corpus = [bags.doc2bow(w) for w in words]
    tagged = [models.doc2vec.TaggedDocument(w, [i]) for i, w in enumerate(words)]
    things: dict[str, Make] = {
        "doc2vec": lambda: models.Doc2Vec(tagged, vector_size=4, min_count=1),
        "fasttext": lambda: models.FastText(words, vector_size=4, min_count=1, bucket=20),
        "vectors": lambda: models.Word2Vec(words, vector_size=4, min_count=1).wv,
        "lsi": lambda: models.LsiModel(corpus, bags, 2),
        "hdp": lambda: models.HdpModel(corpus, bags),
        "phrases": lambda: models.Phrases(words, min_count=1, threshold=0.1),
        "phraser": lambda: models.phrases.Phraser(models.Phrases(words, min_count=1)),
        "matrix": lambda: similarities.MatrixSimilarity(corpus, num_features=5),
        "bm25": lambda: models.OkapiBM25Model(corpus),
        "bigram": lambda: nltk.BigramTagger([[("a", "X"), ("b", "Y")]]),
        "default": lambda: nltk.DefaultTagger("NN"),
        "regexp": lambda: nltk.RegexpTagger([("a.*", "X")]),
        "stemmer": nltk.PorterStemmer,
        "snowball": lambda: nltk.SnowballStemmer("english"),
        "lancaster": nltk.LancasterStemmer,
        "punkt": lambda: nltk.tokenize.PunktSentenceTokenizer("One. Two. Three."),
        "conditional": lambda: nltk.ConditionalFreqDist([("a", 1), ("b", 2)]),
        "tree": lambda: nltk.Tree.fromstring("(S (NP a) (VP b))"),
        "ngrams": lambda: nltk.lm.MLE(2),
        "vocabulary": lambda: nltk.lm.Vocabulary(["a", "b"], unk_cutoff=1),
        "decision": lambda: nltk.DecisionTreeClassifier.train([({"a": 1}, "x"), ({"a": 2}, "y")]),
        "wordpiece": lambda: tokenizers.Tokenizer(
            tokenizers.models.WordPiece({"[UNK]": 0}, unk_token="[UNK]")
        ),
        "unigram": lambda: tokenizers.Tokenizer(tokenizers.models.Unigram([("a", -1.0)])),
        "word_level": lambda: tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0}, "a")),
        "added": lambda: tokenizers.AddedToken("<x>"),
        "parts": lambda: [
            tokenizers.normalizers.Lowercase(),
            tokenizers.pre_tokenizers.Whitespace(),
        ],
    }
    yield from possible({f"nlpx_{key}": make for key, make in things.items()}, few)


def trained_files() -> Iterator[File]:
    """skorch, omegaconf, category-encoders and hdbscan again."""
    import category_encoders
    import numpy as np
    import pandas as pd
    import skorch
    import torch
    from omegaconf import OmegaConf
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = table()
    x = x.astype(np.float32)
    net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Softmax(-1))
    classifier = skorch.NeuralNetClassifier(net, max_epochs=1, verbose=0)
    things: dict[str, Make] = {
        "classifier": lambda: classifier.fit(x, y.astype(np.int64)),
        "pipeline": lambda: make_pipeline(StandardScaler(), classifier).fit(x, y.astype(np.int64)),
        "history": lambda: skorch.history.History([{"epoch": 1, "batches": [{"loss": 1.0}]}]),
        "callback": lambda: skorch.callbacks.EarlyStopping(patience=2),
        "oc_list": lambda: OmegaConf.create([1, {"a": "${b}"}, None]),
        "oc_yaml": lambda: OmegaConf.create("model: {name: x, dim: 8}\ntrain: [1, 2]"),
        "oc_flags": lambda: OmegaConf.create({"a": 1}, flags={"readonly": True}),
    }
    yield from possible({f"skor_{key}": make for key, make in things.items()}, few)
    frame = pd.DataFrame({"a": ["x", "y"] * 20, "b": ["u", "v"] * 20})
    yield from fits("cex", classes_of(category_encoders), frame, y)


def further_estimators() -> Iterator[File]:
    """Libraries that follow scikit-learn's ways."""
    x, y = table()
    for package, modules in {
        "mlxtend": ("mlxtend.classifier", "mlxtend.regressor", "mlxtend.preprocessing"),
        "feature_engine": (
            "feature_engine.imputation",
            "feature_engine.scaling",
            "feature_engine.discretisation",
            "feature_engine.outliers",
            "feature_engine.transformation",
            "feature_engine.selection",
        ),
        "ngboost": ("ngboost",),
        "hmmlearn": ("hmmlearn.hmm",),
        "pygam": ("pygam",),
        "pyod": (
            "pyod.models.iforest",
            "pyod.models.knn",
            "pyod.models.lof",
            "pyod.models.hbos",
            "pyod.models.ecod",
            "pyod.models.copod",
            "pyod.models.pca",
            "pyod.models.abod",
        ),
        "umap": ("umap",),
        "pynndescent": ("pynndescent",),
        "quantile_forest": ("quantile_forest",),
        "kmodes": ("kmodes.kmodes",),
    }.items():
        for name in modules:
            try:
                module = __import__(name, fromlist=["x"])
            except Exception:  # not installed, or for other versions of what it needs
                break
            for arguments in ((x, y), (x,), (pandas_frame(x), y)):
                found = list(fits(package, fitting_of(module), *arguments))
                yield from found
                if found:
                    break


def pandas_frame(x: Any) -> Any:
    """The same numbers with column names."""
    import pandas as pd

    return pd.DataFrame(x, columns=["a", "b", "c"])


def fitting_of(module: Any) -> dict[str, Any]:
    """The classes that can be fitted."""
    return {name: cls for name, cls in classes_of(module).items() if hasattr(cls, "fit")}


def study_files() -> Iterator[File]:
    """Hyperparameter searches, labelled arrays, probabilistic programs, adapters."""

    def optuna_things() -> dict[str, Make]:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)

        def study() -> Any:
            out = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=1))
            out.optimize(lambda trial: trial.suggest_float("x", 0, 1), 3)
            return out

        return {
            "study": study,
            "trials": lambda: study().trials,
            "sampler": optuna.samplers.TPESampler,
            "random": lambda: optuna.samplers.RandomSampler(1),
            "pruner": optuna.pruners.MedianPruner,
        }

    def skopt_things() -> dict[str, Make]:
        import skopt

        return {
            "space": lambda: skopt.space.Space([(0.0, 1.0), ["a", "b"]]),
            "result": lambda: skopt.dummy_minimize(len, [["a", "bb"]], n_calls=2),
            "real": lambda: skopt.space.Real(0.1, 1.0, "log-uniform"),
        }

    def xarray_things() -> dict[str, Make]:
        import xarray as xr

        return {
            "array": lambda: xr.DataArray([1.0, 2.0], dims="x", coords={"x": [1, 2]}),
            "set": lambda: xr.Dataset({"a": ("x", [1, 2])}),
        }

    def pyro_things() -> dict[str, Make]:
        import pyro.distributions
        import pyro.nn
        import torch

        return {
            "normal": lambda: pyro.distributions.Normal(torch.zeros(1), torch.ones(1)),
            "dense": lambda: pyro.nn.DenseNN(2, [3], [1]),
            "auto": lambda: pyro.nn.AutoRegressiveNN(2, [3]),
        }

    def peft_things() -> dict[str, Make]:
        import peft

        return {
            "lora": lambda: peft.LoraConfig(r=2),
            "prompt": peft.PromptTuningConfig,
            "ia3": peft.IA3Config,
            "model": lambda: peft.get_peft_model(
                tiny("LlamaConfig", "LlamaForCausalLM", num_key_value_heads=2), peft.LoraConfig(r=2)
            ),
        }

    def baselines_things() -> dict[str, Make]:
        import stable_baselines3 as sb3

        ppo = sb3.PPO("MlpPolicy", "CartPole-v1", n_steps=8, batch_size=8)
        return {
            "policy": lambda: ppo.policy,
            "state": lambda: ppo.policy.state_dict(),
            "optimizer": lambda: ppo.policy.optimizer.state_dict(),
            "buffer": lambda: ppo.rollout_buffer,
        }

    def lightning_things() -> dict[str, Make]:
        import pytorch_lightning as pl

        return {
            "attributes": lambda: pl.utilities.parsing.AttributeDict(lr=0.1),
            "callback": lambda: pl.callbacks.EarlyStopping("val"),
            "checkpoint": lambda: pl.callbacks.ModelCheckpoint(monitor="val"),
            "module": pl.LightningModule,
        }

    def sentence_things() -> dict[str, Make]:
        from sentence_transformers import models

        return {
            "pooling": lambda: models.Pooling(8),
            "dense": lambda: models.Dense(8, 4),
            "normalize": models.Normalize,
            "dropout": models.Dropout,
        }

    def accelerate_things() -> dict[str, Make]:
        import accelerate
        import torch

        return {
            "plugin": lambda: accelerate.utils.GradientAccumulationPlugin(num_steps=2),
            "project": lambda: accelerate.utils.ProjectConfiguration("x"),
            "scheduler": lambda: accelerate.scheduler.AcceleratedScheduler(
                torch.optim.lr_scheduler.StepLR(
                    torch.optim.SGD(torch.nn.Linear(1, 1).parameters(), 0.1), 1
                ),
                [],
            ).state_dict(),
        }

    for prefix, find in {
        "optuna": optuna_things,
        "skopt": skopt_things,
        "xarray": xarray_things,
        "pyro": pyro_things,
        "peft": peft_things,
        "sb3": baselines_things,
        "lightning": lightning_things,
        "sentence": sentence_things,
        "accelerate": accelerate_things,
    }.items():
        try:
            things = find()
        except Exception:  # not installed, or for other versions of what it needs
            continue
        yield from possible({f"{prefix}_{key}": make for key, make in things.items()}, torch_files)
        yield from possible({f"{prefix}_{key}": make for key, make in things.items()}, few)
