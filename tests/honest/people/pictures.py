"""Figures, images, graphs and symbols."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.honest.people.shared import Pairs, kept, trained
from tests.honest.writers import File, possible


def picture_files() -> Iterator[File]:
    """Figures, images, graphs, symbols."""
    import numpy as np

    def figures() -> Pairs:
        import matplotlib

        matplotlib.use("agg")
        from matplotlib import cm, colors, ticker
        from matplotlib import pyplot as plt

        def lines() -> Any:
            figure, axes = plt.subplots()
            axes.plot([0, 1], [0.9, 0.4], label="loss")
            axes.legend()
            axes.set_title("training")
            plt.close(figure)
            return figure

        def bars() -> Any:
            figure, axes = plt.subplots(1, 2)
            axes[0].bar(["a", "b"], [1, 2])
            axes[1].imshow(np.eye(4), cmap="viridis")
            axes[1].scatter([1, 2], [1, 2], c=[0.1, 0.2])
            plt.close(figure)
            return figure

        yield "lines", lines
        yield "bars", bars
        yield (
            "colormap",
            lambda: [
                cm.viridis,
                colors.ListedColormap(["r", "g"]),
                colors.Normalize(0, 1),
                colors.LogNorm(1, 10),
                colors.LinearSegmentedColormap.from_list("x", ["b", "w"]),
            ],
        )
        yield (
            "ticks",
            lambda: [ticker.MaxNLocator(5), ticker.PercentFormatter(), plt.rcParams["axes.grid"]],
        )

    def charts() -> Pairs:
        import plotly.graph_objects as go

        yield "scatter", lambda: go.Figure(go.Scatter(x=[1, 2], y=[3, 4]), layout={"title": "t"})
        yield "heatmap", lambda: go.Figure([go.Heatmap(z=[[1, 2], [3, 4]])])

    def images() -> Pairs:
        from PIL import Image, ImageEnhance

        picture = Image.fromarray(np.arange(48, dtype="u1").reshape(4, 4, 3))
        yield "rgb", lambda: picture
        yield "list", lambda: [(picture.convert("L"), 0), (picture.convert("RGBA"), 1)]
        yield "modes", lambda: {m: picture.convert(m) for m in ("1", "P", "CMYK", "F", "HSV")}
        yield (
            "resample",
            lambda: [Image.Resampling.BILINEAR, Image.Transpose.ROTATE_90, ImageEnhance.Color],
        )

    def graphs() -> Pairs:
        import networkx as nx

        yield "social", lambda: nx.karate_club_graph()
        yield "weighted", lambda: nx.from_numpy_array(np.array([[0, 0.5], [0.5, 0]]))
        yield "directed", lambda: nx.DiGraph([("a", "b", {"w": np.float32(2)})], name="deps")
        yield "multi", lambda: nx.MultiDiGraph([(1, 2), (1, 2)])
        yield "pagerank", lambda: nx.pagerank(nx.path_graph(4))
        yield (
            "views",
            lambda: [nx.path_graph(3).degree, nx.path_graph(3).nodes, nx.path_graph(3).edges],
        )
        yield "subgraph", lambda: nx.path_graph(5).subgraph([1, 2, 3])
        yield "positions", lambda: nx.spring_layout(nx.path_graph(3), seed=1)

    def symbols() -> Pairs:
        import mpmath
        import sympy as sp

        a, b = sp.symbols("a b", positive=True)
        yield "formula", lambda: sp.integrate(sp.sin(a) * sp.exp(-a), a)
        yield "equation", lambda: [sp.Eq(a + b, 3), sp.Rational(1, 3), sp.pi, sp.oo, sp.I * a]
        yield "matrix", lambda: sp.Matrix([[a, 1], [0, b]])
        yield "function", lambda: sp.Function("f")(a).diff(a)
        yield "piecewise", lambda: sp.Piecewise((a, a > 1), (b, True))
        yield "mp", lambda: mpmath.mpf("1.5")

    def networks() -> Pairs:
        import torch
        import torch_geometric as pyg

        edges = torch.tensor([[0, 1, 2], [1, 2, 0]])
        item = pyg.data.Data(x=torch.randn(3, 4), edge_index=edges, y=torch.tensor([0]), name="m1")
        yield "data", lambda: [item, item.clone()]
        yield "batch", lambda: pyg.data.Batch.from_data_list([item, item])
        yield "hetero", lambda: pyg.data.HeteroData(user={"x": torch.ones(2, 1)})
        yield "gcn", lambda: pyg.nn.GCN(4, 8, 2, 2)
        yield "sage", lambda: pyg.nn.GraphSAGE(4, 8, 2, dropout=0.2, act="elu")
        yield "gat", lambda: pyg.nn.GATConv(4, 8, heads=2)
        yield "gin", lambda: pyg.nn.GINConv(torch.nn.Linear(4, 4), train_eps=True)
        yield "sequential", lambda: pyg.nn.Sequential("x, e", [(pyg.nn.GCNConv(4, 2), "x, e -> x")])
        yield (
            "transforms",
            lambda: pyg.transforms.Compose(
                [pyg.transforms.AddSelfLoops(), pyg.transforms.RandomNodeSplit()]
            ),
        )
        yield "node2vec", lambda: pyg.nn.MLP([4, 8, 2])
        yield "saved", lambda: (item.to_dict(), {"x": slice(0, 3)})

    for part in (figures, charts, images, graphs, symbols, networks):
        try:
            things = {f"{part.__name__}_{n}": make for n, make in part()}
        except ImportError:  # not installed
            continue
        yield from possible(things, trained if part is networks else kept)
