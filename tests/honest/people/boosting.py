"""Boosted trees, and nets in the manner of scikit-learn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.honest.people.shared import MOODS, REVIEWS, kept, numbers
from tests.honest.writers import File, Make, possible


def boosting_files() -> Iterator[File]:
    """xgboost, lightgbm, catboost: boosters, estimators, in pipelines and searches; skorch."""
    import catboost
    import lightgbm as lgb
    import numpy as np
    import pandas as pd
    import skorch
    import torch
    import xgboost as xgb
    from scipy import stats
    from sklearn import compose, ensemble, model_selection, pipeline, preprocessing
    from skorch import callbacks

    x, y = numbers()
    real = x[:, 0] * 2
    frame = pd.DataFrame(x, columns=list("abcd")).assign(
        town=pd.Categorical(np.where(y, "Oslo", "Lima"))
    )
    quiet = {"verbose": -1, "n_estimators": 3, "min_child_samples": 2}
    silent = {"verbose": 0, "iterations": 3, "allow_writing_files": False, "thread_count": 1}

    def early() -> Any:
        out = lgb.LGBMRegressor(**{**quiet, "n_estimators": 20})
        return out.fit(
            x,
            real,
            eval_set=[(x, real)],
            eval_metric="mae",
            callbacks=[lgb.early_stopping(2, verbose=False)],
        )

    def fold_boosters() -> Any:
        out = {}
        for i, (train, _) in enumerate(model_selection.KFold(2).split(x)):
            out[i] = lgb.train(
                {"objective": "binary", "verbose": -1},
                lgb.Dataset(x[train], y[train], feature_name=list("abcd")),
                3,
            )
        return {"models": out, "features": list("abcd"), "oof": np.zeros(60)}

    things: dict[str, Make] = {
        "xgb": lambda: xgb.XGBClassifier(n_estimators=3, max_depth=2, eval_metric="auc").fit(x, y),
        "xgb_frame": lambda: xgb.XGBRegressor(
            n_estimators=2, tree_method="hist", enable_categorical=True
        ).fit(frame, real),
        "xgb_early": lambda: xgb.XGBClassifier(
            n_estimators=9,
            early_stopping_rounds=2,
            callbacks=[xgb.callback.EvaluationMonitor(period=5)],
        ).fit(x, y, eval_set=[(x, y)], verbose=False),
        "xgb_booster": lambda: xgb.train(
            {"objective": "multi:softprob", "num_class": 2}, xgb.DMatrix(x, y), 2
        ),
        "xgb_custom": lambda: xgb.XGBRegressor(n_estimators=1, eval_metric=np.mean),
        "xgb_nan": lambda: xgb.XGBRFClassifier(n_estimators=2, missing=np.nan).fit(x, y),
        "xgb_history": lambda: (
            lambda r: (
                xgb.train(
                    {},
                    xgb.DMatrix(x, y),
                    2,
                    evals=[(xgb.DMatrix(x, y), "t")],
                    evals_result=r,
                    verbose_eval=False,
                ),
                r,
            )
        )({}),
        "xgb_search": lambda: model_selection.RandomizedSearchCV(
            xgb.XGBClassifier(n_estimators=2), {"max_depth": stats.randint(1, 3)}, n_iter=1, cv=2
        ).fit(x, y),
        "xgb_stack": lambda: ensemble.StackingClassifier(
            [("x", xgb.XGBClassifier(n_estimators=2)), ("l", lgb.LGBMClassifier(**quiet))], cv=2
        ).fit(x, y),
        "xgb_pipe": lambda: pipeline.make_pipeline(
            compose.make_column_transformer(
                (preprocessing.OneHotEncoder(), ["town"]), remainder="passthrough"
            ),
            xgb.XGBClassifier(n_estimators=2),
        ).fit(frame, y),
        "lgb": lambda: lgb.LGBMClassifier(**quiet).fit(frame, y),
        "lgb_early": early,
        "lgb_dart": lambda: lgb.LGBMClassifier(boosting_type="dart", **quiet).fit(x, y),
        "lgb_folds": fold_boosters,
        "lgb_cv": lambda: lgb.cv(
            {"objective": "l2", "verbose": -1}, lgb.Dataset(x, real), 2, stratified=False
        ),
        "lgb_ranker": lambda: lgb.LGBMRanker(**quiet).fit(x, y, group=[30, 30]),
        "lgb_grid": lambda: model_selection.GridSearchCV(
            lgb.LGBMClassifier(**quiet), {"num_leaves": [3, 7]}, cv=2
        ).fit(x, y),
        "cat": lambda: catboost.CatBoostClassifier(**silent).fit(x, y),
        "cat_features": lambda: catboost.CatBoostRegressor(cat_features=["town"], **silent).fit(
            frame.astype({"town": str}), real
        ),
        "cat_text": lambda: catboost.CatBoostClassifier(**silent).fit(
            catboost.Pool(pd.DataFrame({"t": REVIEWS}), MOODS, text_features=["t"])
        ),
        "cat_pipe": lambda: pipeline.make_pipeline(
            preprocessing.StandardScaler(), catboost.CatBoostRegressor(**silent)
        ).fit(x, real),
        "models": lambda: {
            "xgb": xgb.XGBClassifier(n_estimators=2).fit(x, y),
            "lgb": lgb.LGBMClassifier(**quiet).fit(x, y),
            "cat": catboost.CatBoostClassifier(**silent).fit(x, y),
            "w": [0.3, 0.4, 0.3],
        },
        "skorch": lambda: skorch.NeuralNetRegressor(
            torch.nn.Linear,
            module__in_features=4,
            module__out_features=1,
            max_epochs=2,
            verbose=0,
            optimizer=torch.optim.Adam,
            callbacks=[
                callbacks.EarlyStopping(),
                ("lr", callbacks.LRScheduler("StepLR", step_size=1)),
            ],
        ).fit(x.astype("f4"), real.astype("f4")[:, None]),
        "skorch_binary": lambda: skorch.NeuralNetBinaryClassifier(
            torch.nn.Sequential(torch.nn.Linear(4, 1), torch.nn.Flatten(0)),
            max_epochs=1,
            verbose=0,
            train_split=skorch.dataset.ValidSplit(3),
        ).fit(x.astype("f4"), y.astype("f4")),
        "skorch_history": lambda: skorch.history.History([{"epoch": 1, "batches": []}]),
        "skorch_pipe": lambda: pipeline.make_pipeline(
            preprocessing.MinMaxScaler(),
            preprocessing.FunctionTransformer(np.float32),
            skorch.NeuralNetClassifier(
                torch.nn.Sequential(torch.nn.Linear(4, 2), torch.nn.Softmax(-1)),
                verbose=0,
                max_epochs=1,
            ),
        ).fit(x, y),
    }
    yield from possible(things, kept)
