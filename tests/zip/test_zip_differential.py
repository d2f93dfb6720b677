"""Whatever PyTorch's zip reader or CPython's zipfile returns, the views offer it.

BRINE_ZIP_COUNT zips (20,000 unless told) from seeds BRINE_ZIP_SEED and on, each with a few fields
of its structures changed, go through both real readers and through the program's views.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.zip import compare, mutations, odd_deflate, readers, zipforge  # noqa: E402

DRIVER = readers.find_driver()
pytestmark = pytest.mark.skipif(DRIVER is None, reason="brine-zip-driver is not built")
BATCH = 1000


def test_views_offer_what_readers_return() -> None:
    assert DRIVER is not None
    count = int(os.environ.get("BRINE_ZIP_COUNT", "20000"))
    first = int(os.environ.get("BRINE_ZIP_SEED", "0"))
    misses: list[str] = []
    opened = {"torch": 0, "zipfile": 0}
    for start in range(first, first + count, BATCH):
        zips = list(mutations.forge_many(min(BATCH, first + count - start), start))
        views = readers.driver_results(DRIVER, zips)
        from_torch = readers.torch_results(zips)
        assert len(views) == len(zips) == len(from_torch)
        for i, data in enumerate(zips):
            from_zipfile = readers.read_with_zipfile(data)
            opened["torch"] += from_torch[i].names is not None
            opened["zipfile"] += from_zipfile is not None
            found = compare.torch_misses(views[i], from_torch[i])
            found += compare.zipfile_misses(views[i], from_zipfile)
            misses += [f"seed {start + i}: {miss}" for miss in found]
    print(f"{count} zips; torch opened {opened['torch']}, zipfile {opened['zipfile']}")
    assert not misses, f"{len(misses)} missing: " + "; ".join(misses[:20])
    assert opened["torch"] > count // 10 and opened["zipfile"] > count // 10


def test_inflating_gives_what_pytorch_gives() -> None:
    """A quarter as many deflate streams, honest, broken, and such as only tinfl takes."""
    assert DRIVER is not None
    count = int(os.environ.get("BRINE_ZIP_COUNT", "20000")) // 4
    first = int(os.environ.get("BRINE_ZIP_SEED", "0"))
    misses: list[str] = []
    for start in range(first, first + count, BATCH):
        zips = []
        for seed in range(start, min(start + BATCH, first + count)):
            data = odd_deflate.forge(seed)
            size = (seed * 7) % 40 + 1
            archive = zipforge.torch_like(method=8, raw=data, uncompressed=size)
            zips.append(zipforge.build(archive))
        views = readers.driver_results(DRIVER, zips)
        for i, real in enumerate(readers.torch_results(zips)):
            misses += [f"seed {start + i}: {m}" for m in compare.torch_misses(views[i], real)]
    assert not misses, f"{len(misses)} missing: " + "; ".join(misses[:20])
