"""Estimators of scikit-learn, each fitted and in a file of its own."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from tests.honest.people.shared import kept, numbers
from tests.honest.writers import File, Make, possible


def estimator_files() -> Iterator[File]:
    """scikit-learn: one fitted model per file."""
    import numpy as np
    from scipy.spatial import distance
    from sklearn import (
        calibration,
        cluster,
        covariance,
        cross_decomposition,
        decomposition,
        discriminant_analysis,
        dummy,
        ensemble,
        feature_selection,
        gaussian_process,
        isotonic,
        kernel_approximation,
        kernel_ridge,
        linear_model,
        manifold,
        mixture,
        multiclass,
        multioutput,
        naive_bayes,
        neighbors,
        neural_network,
        preprocessing,
        random_projection,
        semi_supervised,
        svm,
        tree,
    )
    from sklearn.gaussian_process import kernels as gk

    x, y = numbers()
    positive = np.abs(x)
    real = x[:, 0] * 2 + x[:, 1]
    three = np.digitize(real, [-1, 1])
    partly = np.where(np.arange(60) % 3 == 0, -1, y)
    two = np.column_stack([real, real**2])
    labels = np.column_stack([y, three > 1]).astype(int)
    forest = ensemble.RandomForestClassifier(4, max_depth=3, random_state=0)
    logistic = linear_model.LogisticRegression()
    mixed = gk.ConstantKernel(1.0) * gk.RBF([1.0] * 4) + gk.WhiteKernel(0.1)

    xy: dict[str, Any] = {
        "svc_probability": svm.SVC(probability=True, random_state=0),
        "svc_poly": svm.SVC(kernel="poly", degree=2, class_weight="balanced"),
        "nu_svc": svm.NuSVC(nu=0.3),
        "linear_svc": svm.LinearSVC(C=0.5),
        "mlp_early": neural_network.MLPClassifier((8, 4), early_stopping=True, max_iter=20),
        "mlp_sgd": neural_network.MLPClassifier(
            (5,), solver="sgd", learning_rate="adaptive", max_iter=10
        ),
        "mlp_lbfgs": neural_network.MLPClassifier((5,), solver="lbfgs", max_iter=10),
        "hist": ensemble.HistGradientBoostingClassifier(max_iter=5, early_stopping=True),
        "hist_mono": ensemble.HistGradientBoostingClassifier(
            max_iter=3, monotonic_cst=[1, 0, 0, -1], max_bins=16
        ),
        "forest": forest,
        "forest_oob": ensemble.ExtraTreesClassifier(5, bootstrap=True, oob_score=True),
        "gbm": ensemble.GradientBoostingClassifier(
            n_estimators=4, subsample=0.8, n_iter_no_change=2
        ),
        "ada": ensemble.AdaBoostClassifier(
            tree.DecisionTreeClassifier(max_depth=1), n_estimators=4
        ),
        "bagging": ensemble.BaggingClassifier(
            neighbors.KNeighborsClassifier(3), 3, max_features=0.5
        ),
        "gpc": gaussian_process.GaussianProcessClassifier(1.0 * gk.RBF(1.0)),
        "gpc_many": gaussian_process.GaussianProcessClassifier(gk.DotProduct() + gk.Matern(nu=1.5)),
        "lda": discriminant_analysis.LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto"),
        "qda": discriminant_analysis.QuadraticDiscriminantAnalysis(reg_param=0.1),
        "knn_kd": neighbors.KNeighborsClassifier(algorithm="kd_tree", weights="distance"),
        "knn_ball": neighbors.KNeighborsClassifier(algorithm="ball_tree", metric="chebyshev"),
        "knn_cosine": neighbors.KNeighborsClassifier(metric="cosine"),
        "knn_function": neighbors.KNeighborsClassifier(metric=distance.braycurtis),
        "radius": neighbors.RadiusNeighborsClassifier(5.0),
        "centroid": neighbors.NearestCentroid(),
        "nca": neighbors.NeighborhoodComponentsAnalysis(2, max_iter=5),
        "bernoulli": naive_bayes.BernoulliNB(),
        "sgd_log": linear_model.SGDClassifier(
            "log_loss", penalty="elasticnet", early_stopping=True
        ),
        "sgd_huber": linear_model.SGDClassifier("modified_huber", random_state=3),
        "perceptron": linear_model.Perceptron(),
        "passive": linear_model.PassiveAggressiveClassifier(),
        "logistic_cv": linear_model.LogisticRegressionCV(Cs=2, cv=2),
        "logistic_saga": linear_model.LogisticRegression(solver="saga", l1_ratio=0.5, max_iter=50),
        "ridge_classifier": linear_model.RidgeClassifierCV(),
        "stack": ensemble.StackingClassifier(
            [("rf", forest), ("lr", logistic)], passthrough=True, cv=3
        ),
        "vote_soft": ensemble.VotingClassifier(
            [("rf", forest), ("lr", logistic)], voting="soft", weights=[2, 1]
        ),
        "calibrated_isotonic": calibration.CalibratedClassifierCV(forest, method="isotonic", cv=3),
        "calibrated_sigmoid": calibration.CalibratedClassifierCV(svm.LinearSVC(), cv=2),
        "select_model": feature_selection.SelectFromModel(forest, threshold="median"),
        "rfe": feature_selection.RFE(logistic, n_features_to_select=2),
        "sequential": feature_selection.SequentialFeatureSelector(
            logistic, n_features_to_select=2, cv=2
        ),
        "univariate": feature_selection.GenericUnivariateSelect(
            feature_selection.mutual_info_classif, mode="k_best", param=2
        ),
        "fdr": feature_selection.SelectFdr(feature_selection.f_classif),
        "dummy": dummy.DummyClassifier(strategy="stratified"),
        "extra_tree": tree.ExtraTreeClassifier(max_depth=3),
        "tree_pruned": tree.DecisionTreeClassifier(ccp_alpha=0.01, class_weight={0: 1, 1: 3}),
    }
    others: dict[str, tuple[Any, ...]] = {
        "isolation": (ensemble.IsolationForest(n_estimators=5, contamination=0.1), x),
        "local_outlier": (neighbors.LocalOutlierFactor(novelty=True), x),
        "elliptic": (covariance.EllipticEnvelope(random_state=0), x),
        "one_class": (svm.OneClassSVM(nu=0.2), x),
        "sgd_one_class": (linear_model.SGDOneClassSVM(), x),
        "gmm": (mixture.GaussianMixture(3, covariance_type="tied", random_state=0), x),
        "bgmm": (mixture.BayesianGaussianMixture(n_components=3, random_state=0), x),
        "kmeans": (cluster.KMeans(4, n_init=3, random_state=1), x),
        "kmeans_mini": (cluster.MiniBatchKMeans(3, batch_size=16), x),
        "kmeans_bisecting": (cluster.BisectingKMeans(3), x),
        "dbscan": (cluster.DBSCAN(eps=0.8, min_samples=3), x),
        "hdbscan": (cluster.HDBSCAN(min_cluster_size=5), x),
        "optics": (cluster.OPTICS(min_samples=4), x),
        "agglomerative": (cluster.AgglomerativeClustering(3, compute_distances=True), x),
        "feature_agglomeration": (cluster.FeatureAgglomeration(2), x),
        "birch": (cluster.Birch(n_clusters=3), x),
        "spectral": (cluster.SpectralClustering(2, affinity="nearest_neighbors"), x),
        "mean_shift": (cluster.MeanShift(), x),
        "affinity": (cluster.AffinityPropagation(), x),
        "tsne": (manifold.TSNE(2, perplexity=5, max_iter=250), x),
        "isomap": (manifold.Isomap(n_neighbors=5), x),
        "lle": (manifold.LocallyLinearEmbedding(n_neighbors=5), x),
        "mds": (manifold.MDS(n_init=1, max_iter=5), x),
        "spectral_embedding": (manifold.SpectralEmbedding(2), x),
        "neighbors_kd": (neighbors.NearestNeighbors(algorithm="kd_tree", leaf_size=10), x),
        "neighbors_ball": (
            neighbors.NearestNeighbors(algorithm="ball_tree", metric="minkowski", p=1),
            x,
        ),
        "neighbors_brute": (neighbors.NearestNeighbors(metric="cosine", algorithm="brute"), x),
        "neighbors_haversine": (
            neighbors.NearestNeighbors(metric="haversine", algorithm="ball_tree"),
            x[:, :2],
        ),
        "density": (neighbors.KernelDensity(bandwidth=0.5, kernel="tophat"), x),
        "svr": (svm.SVR(epsilon=0.2), x, real),
        "linear_svr": (svm.LinearSVR(), x, real),
        "kernel_ridge": (kernel_ridge.KernelRidge(kernel="rbf"), x, real),
        "mlp_regressor": (
            neural_network.MLPRegressor(hidden_layer_sizes=(6,), max_iter=10),
            x,
            real,
        ),
        "hist_quantile": (
            ensemble.HistGradientBoostingRegressor(loss="quantile", quantile=0.9, max_iter=3),
            x,
            real,
        ),
        "hist_category": (
            ensemble.HistGradientBoostingClassifier(max_iter=2, categorical_features=[0]),
            np.column_stack([three, x]),
            y,
        ),
        "gbr_huber": (ensemble.GradientBoostingRegressor(loss="huber", n_estimators=3), x, real),
        "ada_regressor": (ensemble.AdaBoostRegressor(n_estimators=2, loss="square"), x, real),
        "forest_regressor": (
            ensemble.ExtraTreesRegressor(n_estimators=3, min_samples_leaf=2),
            x,
            real,
        ),
        "forest_multi": (ensemble.RandomForestRegressor(3, criterion="absolute_error"), x, two),
        "trees_embedding": (ensemble.RandomTreesEmbedding(n_estimators=3), x),
        "vote_regressor": (
            ensemble.VotingRegressor([("a", linear_model.Ridge()), ("b", svm.SVR())]),
            x,
            real,
        ),
        "gpr": (
            gaussian_process.GaussianProcessRegressor(
                mixed, n_restarts_optimizer=1, normalize_y=True
            ),
            x,
            real,
        ),
        "gpr_periodic": (
            gaussian_process.GaussianProcessRegressor(
                gk.ExpSineSquared() * gk.RationalQuadratic() ** 2, optimizer=None
            ),
            x[:, :1],
            real,
        ),
        "elastic_cv": (linear_model.ElasticNetCV(l1_ratio=[0.2, 0.8], cv=2), x, real),
        "lasso_lars": (linear_model.LassoLarsIC(), x, real),
        "lasso_multi": (linear_model.MultiTaskLassoCV(cv=2, alphas=3), x, two),
        "omp": (linear_model.OrthogonalMatchingPursuit(n_nonzero_coefs=2), x, real),
        "bayes_ridge": (linear_model.BayesianRidge(compute_score=True), x, real),
        "ard": (linear_model.ARDRegression(), x, real),
        "huber": (linear_model.HuberRegressor(), x, real),
        "ransac": (linear_model.RANSACRegressor(random_state=0), x, real),
        "theil": (linear_model.TheilSenRegressor(max_subpopulation=20), x, real),
        "quantile": (linear_model.QuantileRegressor(quantile=0.8, alpha=0.1), x, real),
        "poisson": (linear_model.PoissonRegressor(), x, positive[:, 0]),
        "gamma": (linear_model.GammaRegressor(), x, positive[:, 0] + 0.1),
        "sgd_regressor": (linear_model.SGDRegressor(loss="epsilon_insensitive"), x, real),
        "nonnegative": (linear_model.LinearRegression(positive=True), x, real),
        "pls": (cross_decomposition.PLSRegression(2), x, two),
        "cca": (cross_decomposition.CCA(1), x, two),
        "isotonic": (isotonic.IsotonicRegression(out_of_bounds="clip"), real, y),
        "nmf": (decomposition.NMF(2, init="nndsvda", max_iter=20), positive),
        "ica": (decomposition.FastICA(2, fun="cube", max_iter=20), x),
        "dictionary": (decomposition.MiniBatchDictionaryLearning(n_components=3, max_iter=3), x),
        "topics": (decomposition.LatentDirichletAllocation(3, max_iter=2), positive),
        "kernel_pca": (decomposition.KernelPCA(2, kernel="rbf", fit_inverse_transform=True), x),
        "incremental_pca": (decomposition.IncrementalPCA(2, batch_size=20), x),
        "sparse_pca": (decomposition.SparsePCA(2, max_iter=5), x),
        "factors": (decomposition.FactorAnalysis(2, rotation="varimax"), x),
        "rbm": (neural_network.BernoulliRBM(3, n_iter=2), positive / positive.max()),
        "nystroem": (kernel_approximation.Nystroem(n_components=5), x),
        "rbf_sampler": (kernel_approximation.RBFSampler(n_components=5), x),
        "chi2_sampler": (kernel_approximation.AdditiveChi2Sampler(), positive),
        "gaussian_projection": (random_projection.GaussianRandomProjection(2), x),
        "sparse_projection": (random_projection.SparseRandomProjection(2), x),
        "label_spreading": (semi_supervised.LabelSpreading(kernel="knn"), x, partly),
        "self_training": (semi_supervised.SelfTrainingClassifier(logistic), x, partly),
        "one_vs_one": (multiclass.OneVsOneClassifier(svm.LinearSVC()), x, three),
        "one_vs_rest": (multiclass.OneVsRestClassifier(linear_model.SGDClassifier()), x, labels),
        "output_code": (multiclass.OutputCodeClassifier(logistic, random_state=1), x, three),
        "multi_output": (multioutput.MultiOutputClassifier(forest), x, labels),
        "multi_regressor": (multioutput.MultiOutputRegressor(linear_model.Ridge()), x, two),
        "chain": (multioutput.ClassifierChain(logistic, order=[1, 0]), x, labels),
        "multinomial": (naive_bayes.ComplementNB(), positive, three),
        "bins": (preprocessing.KBinsDiscretizer(3, encode="ordinal", strategy="kmeans"), x),
        "polynomial": (preprocessing.PolynomialFeatures(2, interaction_only=True), x),
        "splines": (preprocessing.SplineTransformer(4, extrapolation="periodic"), x),
        "quantiles": (
            preprocessing.QuantileTransformer(n_quantiles=10, output_distribution="normal"),
            x,
        ),
        "power": (preprocessing.PowerTransformer(method="box-cox"), positive + 0.1),
        "robust": (preprocessing.RobustScaler(quantile_range=(5, 95)), x),
        "binary_labels": (preprocessing.LabelBinarizer(sparse_output=True), three),
        "tags": (preprocessing.MultiLabelBinarizer(), [{"a", "b"}, {"c"}]),
        "centerer": (preprocessing.KernelCenterer(), x @ x.T),
        "ledoit": (covariance.LedoitWolf(), x),
        "graph_lasso": (covariance.GraphicalLasso(0.5), x),
        "bicluster": (cluster.SpectralBiclustering(2), positive),
    }
    things: dict[str, Make] = {
        name: lambda model=model: copy.deepcopy(model).fit(x, y) for name, model in xy.items()
    }
    things.update(
        {
            name: lambda model=model, data=data: model.fit(*data)
            for name, (model, *data) in others.items()
        }
    )
    yield from possible(things, kept)
