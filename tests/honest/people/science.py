"""What users of SciPy keep."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.honest.people.shared import kept
from tests.honest.writers import File, Make, possible


def science_files() -> Iterator[File]:
    """SciPy: matrices of every format, splines, distributions, results, filters, geometry."""
    import numpy as np
    from scipy import cluster, fft, integrate, interpolate, optimize, signal, sparse, spatial, stats

    rng = np.random.default_rng(4)
    x = np.linspace(0, 3, 20)
    wave = np.sin(x)
    cloud = rng.random((15, 2))
    rare = sparse.random(6, 5, 0.3, random_state=1)

    def odd(t: Any, y: Any) -> Any:
        return -0.5 * y

    formats: dict[str, Make] = {
        f"sparse_{form}": lambda form=form: rare.asformat(form)
        for form in ("csr", "csc", "coo", "lil", "dok", "dia", "bsr")
    }
    arrays: dict[str, Make] = {
        f"array_{form}": lambda form=form: sparse.csr_array(rare).asformat(form)
        for form in ("csr", "csc", "coo", "lil", "dok", "dia", "bsr")
    }
    things: dict[str, Make] = {
        **formats,
        **arrays,
        "tfidf": lambda: {"X": sparse.hstack([rare, rare]).tocsr(), "ids": ["a"] * 6},
        "adjacency": lambda: [sparse.eye(3, format="csr", dtype="f4"), sparse.diags([1, 2, 3])],
        "norm_fit": lambda: stats.norm(*stats.norm.fit(wave)),
        "distributions": lambda: {
            "lognorm": stats.lognorm(0.5),
            "t": stats.t(3),
            "g": stats.gamma,
            "weibull": stats.weibull_min(1.5, scale=2),
            "b": stats.binom(5, 0.3),
        },
        "skew": lambda: [
            stats.skewnorm(3),
            stats.genextreme(0.1),
            stats.truncnorm(-1, 1),
            stats.expon(),
            stats.uniform(0, 2),
            stats.nbinom(3, 0.4),
        ],
        "multi": lambda: [
            stats.multivariate_normal(np.zeros(2), np.eye(2)),
            stats.dirichlet([1, 2, 3]),
            stats.matrix_normal(np.eye(2)),
            stats.wishart(3, np.eye(2)),
        ],
        "kde": lambda: stats.gaussian_kde(cloud.T, bw_method="silverman"),
        "tests": lambda: [
            stats.ks_2samp(wave, x),
            stats.mannwhitneyu(wave, x),
            stats.spearmanr(wave, x),
            stats.chi2_contingency([[3, 4], [5, 6]]),
            stats.wilcoxon(wave, x),
        ],
        "bootstrap": lambda: stats.bootstrap((wave,), np.mean, n_resamples=9, rng=0),
        "regression": lambda: [stats.linregress(x, wave), stats.theilslopes(wave, x)],
        "qmc": lambda: stats.qmc.Sobol(2, rng=1),
        "histogram": lambda: stats.rv_histogram(np.histogram(wave, 5)),
        "discrete": lambda: stats.rv_discrete(values=([1, 2], [0.4, 0.6])),
        "minimum": lambda: optimize.minimize(np.linalg.norm, [1.0, 2.0], method="Nelder-Mead"),
        "minimum_slsqp": lambda: optimize.minimize(
            np.linalg.norm, [1.0], method="SLSQP", bounds=[(0, 1)]
        ),
        "evolution": lambda: optimize.differential_evolution(
            np.linalg.norm, [(-1, 1)] * 2, maxiter=2, rng=1
        ),
        "curve_fit": lambda: {"popt": np.polyfit(x, wave, 2), "f": np.polyval},
        "assignment": lambda: optimize.linear_sum_assignment(rng.random((4, 4))),
        "milp": lambda: optimize.linprog([1, 1], [[-1, -2]], [-1]),
        "root": lambda: optimize.root(np.cos, [1.0]),
        "ode": lambda: integrate.solve_ivp(odd, (0, 1), [1.0, 2.0]),
        "interp1d": lambda: interpolate.interp1d(x, wave, fill_value="extrapolate"),
        "interp1d_bounds": lambda: interpolate.interp1d(
            x, wave, kind="quadratic", bounds_error=False, fill_value=(0, 1)
        ),
        "cubic": lambda: interpolate.CubicSpline(x, wave, bc_type="natural"),
        "pchip": lambda: interpolate.PchipInterpolator(x, wave),
        "univariate": lambda: interpolate.UnivariateSpline(x, wave, s=0.1),
        "tck": lambda: interpolate.splrep(x, wave),
        "bspline": lambda: interpolate.make_lsq_spline(x, wave, np.r_[[0] * 4, 1.5, [3] * 4]),
        "grid": lambda: interpolate.RegularGridInterpolator(
            (x, x), np.outer(wave, wave), method="nearest"
        ),
        "linear_nd": lambda: interpolate.LinearNDInterpolator(cloud, cloud[:, 0]),
        "clough": lambda: interpolate.CloughTocher2DInterpolator(cloud, cloud[:, 0]),
        "rbf": lambda: interpolate.RBFInterpolator(
            cloud, cloud[:, 0], kernel="gaussian", epsilon=1
        ),
        "rbf_old": lambda: interpolate.Rbf(cloud[:, 0], cloud[:, 1], cloud[:, 0]),
        "ppoly": lambda: interpolate.PPoly(np.ones((2, 3)), np.arange(4.0)),
        "butter": lambda: {
            "ba": signal.butter(3, 0.2),
            "sos": signal.butter(3, 0.2, output="sos"),
            "zi": signal.lfilter_zi(*signal.butter(3, 0.2)),
            "fs": 16000,
        },
        "system": lambda: [
            signal.dlti([1.0], [1.0, 0.5], dt=0.1),
            signal.ZerosPolesGain([], [1], 2),
        ],
        "spectrogram": lambda: signal.spectrogram(rng.random(256)),
        "stft": lambda: signal.ShortTimeFFT(signal.windows.hann(8), 4, 100.0),
        "peaks": lambda: signal.find_peaks(wave, height=0),
        "fft": lambda: fft.rfft(wave),
        "kdtree": lambda: spatial.KDTree(cloud),
        "ckdtree": lambda: {"tree": spatial.cKDTree(cloud), "names": ["p"] * 15},
        "hull": lambda: {"v": spatial.ConvexHull(cloud).vertices},
        "rotation": lambda: spatial.transform.Rotation.random(3, rng=1),
        "distances": lambda: spatial.distance.squareform(spatial.distance.pdist(cloud)),
        "procrustes": lambda: spatial.procrustes(cloud, cloud * 2),
        "linkage": lambda: cluster.hierarchy.linkage(cloud, "ward"),
        "cluster_tree": lambda: cluster.hierarchy.to_tree(cluster.hierarchy.linkage(cloud)),
        "codebook": lambda: cluster.vq.kmeans(cloud, 3, rng=0),
    }
    yield from possible(things, kept)
