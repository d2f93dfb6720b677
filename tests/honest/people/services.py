"""Models as services keep them, with what they need to answer."""

from __future__ import annotations

import collections
import datetime
import functools
import operator
from collections.abc import Iterator
from typing import Any

from tests.honest.people.shared import MOODS, REVIEWS, kept, numbers, table
from tests.honest.writers import File, Make, possible


def service_files() -> Iterator[File]:
    """Models as services keep them: pipelines of text and columns, searches, bundles."""
    import nltk
    import numpy as np
    import pandas as pd
    from scipy import stats
    from sklearn import (
        calibration,
        compose,
        datasets,
        decomposition,
        ensemble,
        feature_extraction,
        feature_selection,
        frozen,
        impute,
        linear_model,
        metrics,
        model_selection,
        naive_bayes,
        pipeline,
        preprocessing,
        svm,
    )
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.feature_extraction import text

    frame = table()
    x, y = numbers()
    real = x[:, 0] * 2
    logistic = linear_model.LogisticRegression()
    forest = ensemble.RandomForestClassifier(3, max_depth=2, random_state=0)

    def columns() -> Any:
        return compose.ColumnTransformer(
            [
                ("log", preprocessing.FunctionTransformer(np.log1p), ["income"]),
                (
                    "num",
                    pipeline.Pipeline(
                        [
                            ("imp", impute.SimpleImputer(add_indicator=True)),
                            ("sc", preprocessing.RobustScaler()),
                        ]
                    ),
                    ["age"],
                ),
                (
                    "cat",
                    preprocessing.OneHotEncoder(
                        min_frequency=2, sparse_output=False, handle_unknown="infrequent_if_exist"
                    ),
                    compose.make_column_selector(pattern="town|grade"),
                ),
                ("keep", "passthrough", ["id"]),
            ],
            verbose_feature_names_out=False,
            n_jobs=1,
        )

    def house_prices() -> Any:
        return compose.TransformedTargetRegressor(
            pipeline.make_pipeline(columns(), ensemble.HistGradientBoostingRegressor(max_iter=3)),
            func=np.log1p,
            inverse_func=np.expm1,
        ).fit(frame, frame["income"])

    def random_search() -> Any:
        space = {
            "model__C": stats.loguniform(1e-2, 1e2),
            "model__max_iter": stats.randint(50, 90),
            "model__l1_ratio": stats.uniform(0, 1),
        }
        pipe = pipeline.Pipeline(
            [
                ("sc", preprocessing.StandardScaler()),
                ("model", linear_model.LogisticRegression(solver="saga")),
            ]
        )
        return model_selection.RandomizedSearchCV(
            pipe,
            space,
            n_iter=2,
            cv=model_selection.StratifiedKFold(2, shuffle=True, random_state=0),
            scoring={"auc": "roc_auc", "f1": metrics.make_scorer(metrics.f1_score)},
            refit="auc",
            return_train_score=True,
            random_state=0,
        ).fit(x, y)

    def hybrid() -> Any:
        union = pipeline.FeatureUnion(
            [
                ("word", text.TfidfVectorizer(stop_words="english", max_features=50)),
                (
                    "char",
                    text.CountVectorizer(
                        analyzer="char_wb", ngram_range=(2, 3), dtype=np.float32, max_features=30
                    ),
                ),
            ],
            transformer_weights={"word": 2.0},
        )
        return pipeline.Pipeline(
            [
                ("f", union),
                ("k", feature_selection.SelectKBest(feature_selection.chi2, k=10)),
                ("c", calibration.CalibratedClassifierCV(svm.LinearSVC(), cv=2)),
            ]
        ).fit(REVIEWS, MOODS)

    def mixed_frame() -> Any:
        data = pd.DataFrame({"review": REVIEWS, "n": range(24)})
        return pipeline.make_pipeline(
            compose.make_column_transformer(
                (text.TfidfVectorizer(), "review"), (preprocessing.MinMaxScaler(), ["n"])
            ),
            linear_model.RidgeClassifier(),
        ).fit(data, MOODS)

    things: dict[str, Make] = {
        "churn": lambda: pipeline.Pipeline([("prep", columns()), ("clf", forest)]).fit(
            frame, frame["target"]
        ),
        "house_prices": house_prices,
        "random_search": random_search,
        "grid_pipeline": lambda: model_selection.GridSearchCV(
            pipeline.make_pipeline(decomposition.PCA(), svm.SVC()),
            [
                {"svc__kernel": ["linear"]},
                {"svc__C": np.logspace(-1, 1, 2), "pca": [decomposition.PCA(2), "passthrough"]},
            ],
            cv=2,
        ).fit(x, y),
        "halving": lambda: model_selection.HalvingGridSearchCV(
            forest, {"max_depth": [1, 2]}, min_resources=20, cv=2, random_state=0
        ).fit(x, y),
        "halving_random": lambda: model_selection.HalvingRandomSearchCV(
            logistic, {"C": stats.expon(scale=2)}, cv=2, random_state=0
        ).fit(x, y),
        "spam": lambda: pipeline.Pipeline(
            [
                ("vect", text.CountVectorizer(lowercase=True, binary=True)),
                ("tfidf", text.TfidfTransformer(use_idf=False)),
                ("clf", naive_bayes.MultinomialNB(alpha=0.1)),
            ]
        ).fit(REVIEWS, np.array(["ham", "spam"])[MOODS]),
        "hybrid_text": hybrid,
        "mixed_frame": mixed_frame,
        "hashing": lambda: pipeline.make_pipeline(
            text.HashingVectorizer(n_features=64), linear_model.SGDClassifier()
        ).fit(REVIEWS, MOODS),
        "word_tokenize": lambda: text.CountVectorizer(
            tokenizer=nltk.tokenize.wordpunct_tokenize, token_pattern=None
        ).fit(REVIEWS),
        "stemmed": lambda: {
            "vec": text.TfidfVectorizer().fit(REVIEWS),
            "stemmer": nltk.stem.PorterStemmer(),
            "stop": set(text.ENGLISH_STOP_WORDS),
            "split": nltk.tokenize.RegexpTokenizer(r"\w+").tokenize,
        },
        "analyzer": lambda: text.CountVectorizer(analyzer=str.split).fit(REVIEWS),
        "built": lambda: text.TfidfVectorizer(ngram_range=(1, 2)).fit(REVIEWS).build_analyzer(),
        "patterns": lambda: text.CountVectorizer(
            token_pattern=r"(?u)\b[a-z]{3,}\b",
            strip_accents="unicode",
            preprocessor=operator.methodcaller("lower"),
        ).fit(REVIEWS),
        "dicts": lambda: pipeline.make_pipeline(
            feature_extraction.DictVectorizer(sparse=False), logistic
        ).fit([{"city": "Oslo", "t": float(i)} for i in range(24)], MOODS),
        "feature_hasher": lambda: feature_extraction.FeatureHasher(8, input_type="string"),
        "functions": lambda: pipeline.make_pipeline(
            preprocessing.FunctionTransformer(np.nan_to_num),
            preprocessing.FunctionTransformer(functools.partial(np.power, 2.0)),
            preprocessing.FunctionTransformer(pd.DataFrame),
            preprocessing.FunctionTransformer(np.reshape, kw_args={"newshape": (-1, 1)}),
        ),
        "accessors": lambda: [
            preprocessing.FunctionTransformer(f)
            for f in (
                np.asarray,
                np.sqrt,
                np.ravel,
                np.squeeze,
                np.abs,
                np.float32,
                np.cbrt,
                np.sign,
                pd.to_datetime,
                pd.to_numeric,
                pd.get_dummies,
                np.vstack,
                np.isnan,
                np.where,
            )
        ],
        "to_dense": lambda: preprocessing.FunctionTransformer(
            operator.methodcaller("toarray"), accept_sparse=True
        ),
        "pick": lambda: preprocessing.FunctionTransformer(operator.itemgetter("review")),
        "threshold": lambda: model_selection.TunedThresholdClassifierCV(
            logistic, scoring="f1", cv=2
        ).fit(x, y),
        "fixed_threshold": lambda: model_selection.FixedThresholdClassifier(
            forest, threshold=0.3
        ).fit(x, y),
        "frozen": lambda: calibration.CalibratedClassifierCV(
            frozen.FrozenEstimator(forest.fit(x, y))
        ).fit(x, y),
        "pandas_out": lambda: columns().set_output(transform="pandas").fit(frame),
        "stacked": lambda: ensemble.StackingRegressor(
            [
                ("r", linear_model.RidgeCV()),
                ("h", ensemble.HistGradientBoostingRegressor(max_iter=2)),
            ],
            ensemble.GradientBoostingRegressor(n_estimators=2),
            cv=2,
        ).fit(x, real),
        "cross_validated": lambda: model_selection.cross_validate(
            forest,
            x,
            y,
            cv=2,
            scoring=["accuracy", "neg_log_loss"],
            return_estimator=True,
            return_indices=True,
        ),
        "learning_curve": lambda: model_selection.learning_curve(
            logistic, x, y, cv=2, train_sizes=[0.5, 1.0]
        ),
        "scorers": lambda: {
            "mae": metrics.make_scorer(metrics.mean_absolute_error, greater_is_better=False),
            "r2": metrics.get_scorer("r2"),
            "fn": metrics.cohen_kappa_score,
            "ap": metrics.make_scorer(
                metrics.average_precision_score, response_method="predict_proba"
            ),
        },
        "displays": lambda: [
            metrics.ConfusionMatrixDisplay(metrics.confusion_matrix(y, y)),
            metrics.RocCurveDisplay(fpr=x[:, 0], tpr=x[:, 1]),
        ],
        "wine": lambda: datasets.load_wine(as_frame=True),
        "diabetes": lambda: datasets.load_diabetes(return_X_y=True),
        "linnerud": datasets.load_linnerud,
        "bunch": lambda: datasets.make_blobs(10, random_state=1),
        "service": lambda: {
            "model": forest.fit(x, y),
            "features": [f"f{i}" for i in range(4)],
            "threshold": 0.42,
            "version": (1, 2, 0),
            "trained_on": datetime.date(2024, 2, 29),
            "classes": forest.classes_.tolist(),
            "schema": {"age": "int64", "income": np.dtype("float64")},
            "metrics": {"auc": metrics.roc_auc_score(y, x[:, 0])},
        },
        "tuple": lambda: (logistic.fit(x, y), preprocessing.StandardScaler().fit(x), ["a", "b"]),
        "per_town": lambda: {
            town: linear_model.Ridge().fit(g[["age"]], g["income"])
            for town, g in frame.groupby("town")
        },
        "named_steps": lambda: (
            pipeline.make_pipeline(preprocessing.StandardScaler(), logistic).fit(x, y).named_steps
        ),
        "monthly": lambda: collections.OrderedDict(
            (pd.Period("2023-01", "M") + i, linear_model.LinearRegression().fit(x, real))
            for i in range(3)
        ),
    }
    yield from possible(things, kept)
