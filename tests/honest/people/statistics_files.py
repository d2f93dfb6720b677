"""Results of statistics and of the smaller libraries around them."""

from __future__ import annotations

from collections.abc import Iterator

from tests.honest.people.shared import Pairs, kept, numbers, table
from tests.honest.writers import File, possible


def statistic_files() -> Iterator[File]:
    """Results of statistics: statsmodels, survival, additive models, outliers, sequences."""
    import numpy as np
    import pandas as pd

    x, y = numbers()
    real = x[:, 0] * 2 + 0.1 * x[:, 1]
    months = pd.Series(
        np.sin(np.arange(48) / 2) + 5, pd.date_range("2018-01", periods=48, freq="MS")
    )
    people = table()[["age", "income", "target"]]

    def classical() -> Pairs:
        import statsmodels.api as sm
        import statsmodels.formula.api as smf
        from statsmodels.discrete.count_model import ZeroInflatedPoisson
        from statsmodels.regression.rolling import RollingOLS
        from statsmodels.stats.anova import anova_lm
        from statsmodels.stats.multicomp import pairwise_tukeyhsd
        from statsmodels.tsa.api import (
            VAR,
            AutoReg,
            ExponentialSmoothing,
            Holt,
            STLForecast,
        )
        from statsmodels.tsa.arima.model import ARIMA
        from statsmodels.tsa.seasonal import STL, seasonal_decompose
        from statsmodels.tsa.stattools import adfuller

        yield "formula", lambda: smf.ols("income ~ age + C(target)", people).fit()
        yield "logit_formula", lambda: smf.logit("target ~ age", people).fit(disp=0)
        yield "robust", lambda: sm.OLS(real, sm.add_constant(x)).fit(cov_type="HC3")
        yield (
            "glm_gamma",
            lambda: sm.GLM(
                np.abs(real) + 1, np.abs(x), sm.families.Gamma(sm.families.links.Log())
            ).fit(),
        )
        yield "negative_binomial", lambda: sm.GLM(y, x, sm.families.NegativeBinomial()).fit()
        yield "probit", lambda: sm.Probit(y, x).fit(disp=0)
        yield "multinomial", lambda: sm.MNLogit(y + (x[:, 1] > 0), x).fit(disp=0)
        yield "mixed", lambda: smf.mixedlm("income ~ age", people, groups=people["target"]).fit()
        yield "gee", lambda: smf.gee("target ~ age", "target", people).fit()
        yield "arima", lambda: ARIMA(months, order=(1, 1, 1)).fit()
        yield (
            "sarima",
            lambda: sm.tsa.SARIMAX(months, order=(1, 0, 0), seasonal_order=(1, 0, 0, 12)).fit(
                disp=0, maxiter=5
            ),
        )
        yield (
            "winters",
            lambda: ExponentialSmoothing(
                months, trend="add", seasonal="add", seasonal_periods=12
            ).fit(),
        )
        yield (
            "holt",
            lambda: Holt(months, damped_trend=True, initialization_method="estimated").fit(),
        )
        yield "autoreg", lambda: AutoReg(months, 3).fit()
        yield "var", lambda: VAR(x).fit(2)
        yield "stl", lambda: STL(months, period=12).fit()
        yield (
            "stl_forecast",
            lambda: STLForecast(months, ARIMA, model_kwargs={"order": (1, 0, 0)}, period=12).fit(),
        )
        yield "decompose", lambda: seasonal_decompose(months, period=12)
        yield "unobserved", lambda: sm.tsa.UnobservedComponents(months, "local level").fit(disp=0)
        yield "adf", lambda: adfuller(months)
        yield "tukey", lambda: pairwise_tukeyhsd(real, y)
        yield "anova", lambda: anova_lm(smf.ols("income ~ age", people).fit())
        yield "kde", lambda: (lambda k: (k.fit(), k)[1])(sm.nonparametric.KDEUnivariate(real))
        yield "kde_many", lambda: sm.nonparametric.KDEMultivariate(x[:, :2], "cc")
        yield "inflated", lambda: ZeroInflatedPoisson(y, x).fit(disp=0)
        yield "summary", lambda: smf.ols("income ~ age", people).fit().summary()
        yield "pca", lambda: sm.multivariate.PCA(x, 2)
        yield "robust_norm", lambda: sm.RLM(real, x, M=sm.robust.norms.TukeyBiweight()).fit()
        yield "data", lambda: sm.datasets.longley.load()
        yield "rolling", lambda: RollingOLS(real, x, 20).fit()

    def survival() -> Pairs:
        import lifelines

        frame = people.assign(T=people["age"] + 1, E=people["target"])[["T", "E", "income"]]
        frame["income"] = np.log(frame["income"])
        yield "cox", lambda: lifelines.CoxPHFitter(penalizer=0.1).fit(frame, "T", "E")
        yield "weibull", lambda: lifelines.WeibullAFTFitter().fit(frame, "T", "E")
        yield "kaplan", lambda: lifelines.KaplanMeierFitter().fit(frame["T"], frame["E"])
        yield "nelson", lambda: lifelines.NelsonAalenFitter().fit(frame["T"], frame["E"])
        yield "aalen", lambda: lifelines.AalenAdditiveFitter(1.0).fit(frame, "T", "E")
        yield "exponential", lambda: lifelines.ExponentialFitter().fit(frame["T"], frame["E"])
        yield "logrank", lambda: lifelines.statistics.logrank_test(frame["T"], frame["T"] + 3)

    def additive() -> Pairs:
        import pygam

        yield "linear", lambda: pygam.LinearGAM(pygam.s(0, n_splines=6) + pygam.l(1)).fit(x, real)
        yield "logistic", lambda: pygam.LogisticGAM(n_splines=5, max_iter=5).fit(x, y)

    def natural() -> Pairs:
        import ngboost
        from ngboost import distns, scores

        yield "normal", lambda: ngboost.NGBRegressor(n_estimators=3, verbose=False).fit(x, real)
        yield (
            "log_normal",
            lambda: ngboost.NGBRegressor(
                Dist=distns.LogNormal, Score=scores.CRPScore, n_estimators=2, verbose=False
            ).fit(x, np.abs(real) + 1),
        )
        yield "classes", lambda: ngboost.NGBClassifier(n_estimators=2, verbose=False).fit(x, y)

    def hidden() -> Pairs:
        from hmmlearn import hmm

        yield "gaussian", lambda: hmm.GaussianHMM(2, n_iter=3, random_state=0).fit(x)
        yield "mixture", lambda: hmm.GMMHMM(2, 2, n_iter=2).fit(x)
        yield "categorical", lambda: hmm.CategoricalHMM(2, n_iter=2).fit(y[:, None])

    def outliers() -> Pairs:
        from pyod.models import copod, ecod, hbos, iforest, knn, lof, mcd, ocsvm, pca

        for name, kind in (
            ("copod", copod.COPOD),
            ("ecod", ecod.ECOD),
            ("hbos", hbos.HBOS),
            ("knn", knn.KNN),
            ("lof", lof.LOF),
            ("mcd", mcd.MCD),
            ("pca", pca.PCA),
            ("ocsvm", ocsvm.OCSVM),
            ("iforest", iforest.IForest),
        ):
            yield name, lambda kind=kind: kind().fit(x)

    def alike() -> Pairs:
        import category_encoders as ce
        import feature_engine.encoding as fe
        import hdbscan
        import imblearn
        import kmodes.kmodes
        import kmodes.kprototypes
        import mlxtend.classifier as mc
        import mlxtend.frequent_patterns as fp
        import quantile_forest
        from feature_engine import creation, imputation, outliers
        from mlxtend.feature_selection import SequentialFeatureSelector
        from mlxtend.preprocessing import TransactionEncoder
        from sklearn.linear_model import LogisticRegression

        frame = table()[["town", "age", "income"]]
        target = table()["target"]
        yield (
            "quantile_forest",
            lambda: quantile_forest.RandomForestQuantileRegressor(3).fit(x, real),
        )
        yield "kmodes", lambda: kmodes.kmodes.KModes(2, n_init=1).fit(frame[["town"]])
        yield (
            "kprototypes",
            lambda: kmodes.kprototypes.KPrototypes(2, n_init=1).fit(
                frame.to_numpy(), categorical=[0]
            ),
        )
        yield "hdbscan", lambda: hdbscan.HDBSCAN(5, prediction_data=True).fit(x)
        yield (
            "baskets",
            lambda: (
                lambda e: (
                    e,
                    fp.apriori(
                        pd.DataFrame(e.transform([["milk", "egg"], ["milk"]]), columns=e.columns_),
                        0.5,
                        use_colnames=True,
                    ),
                )
            )(TransactionEncoder().fit([["milk", "egg"], ["milk"]])),
        )
        yield (
            "mlxtend_stack",
            lambda: mc.StackingCVClassifier([LogisticRegression()], LogisticRegression(), cv=2).fit(
                x, y
            ),
        )
        yield (
            "mlxtend_select",
            lambda: SequentialFeatureSelector(LogisticRegression(), 2, cv=2).fit(x, y),
        )
        for name in (
            "TargetEncoder",
            "CatBoostEncoder",
            "WOEEncoder",
            "CountEncoder",
            "HashingEncoder",
            "LeaveOneOutEncoder",
            "BinaryEncoder",
            "JamesSteinEncoder",
            "HelmertEncoder",
        ):
            yield (
                f"ce_{name}",
                lambda name=name: getattr(ce, name)(cols=["town"]).fit(frame, target),
            )
        yield "fe_rare", lambda: fe.RareLabelEncoder(0.1, 2, variables=["town"]).fit(frame)
        yield "fe_mean", lambda: fe.MeanEncoder(variables=["town"]).fit(frame, target)
        yield "fe_imputer", lambda: imputation.MeanMedianImputer(variables=["age"]).fit(frame)
        yield "fe_winsor", lambda: outliers.Winsorizer(variables=["income"]).fit(frame)
        yield "fe_cyclic", lambda: creation.CyclicalFeatures(variables=["age"]).fit(frame)
        yield "smote", lambda: imblearn.over_sampling.SMOTE(random_state=0, k_neighbors=3)
        yield (
            "smote_pipe",
            lambda: imblearn.pipeline.make_pipeline(
                imblearn.combine.SMOTETomek(random_state=0), LogisticRegression()
            ).fit(x, y),
        )
        yield "balanced", lambda: imblearn.ensemble.BalancedRandomForestClassifier(3).fit(x, y)
        yield "easy", lambda: imblearn.ensemble.EasyEnsembleClassifier(2).fit(x, y)
        yield "rus", lambda: imblearn.ensemble.RUSBoostClassifier(n_estimators=2).fit(x, y)

    for part in (classical, survival, additive, natural, hidden, outliers, alike):
        try:
            things = {f"{part.__name__}_{n}": make for n, make in part()}
        except ImportError:  # not installed
            continue
        yield from possible(things, kept)
