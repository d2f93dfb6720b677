"""Whatever tarfile lists, the program lists: name, type, place, size, link and the first bytes.

BRINE_TAR_COUNT tars (6,000 unless told) from seed BRINE_TAR_SEED and on, honest ones and such with
forged fields, go through the real tarfile and through the program's reader.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.tar import readers, tarforge  # noqa: E402

DRIVER = readers.find_driver()
pytestmark = pytest.mark.skipif(DRIVER is None, reason="brine-tar-driver is not built")
BATCH = 1000


def test_the_listing_has_what_tarfile_lists() -> None:
    assert DRIVER is not None
    count = int(os.environ.get("BRINE_TAR_COUNT", "6000"))
    first = int(os.environ.get("BRINE_TAR_SEED", "0"))
    missing: list[str] = []
    members = ended = 0
    for start in range(first, first + count, BATCH):
        seeds = range(start, min(start + BATCH, first + count))
        tars = [tarforge.forge(seed) for seed in seeds]
        listings = readers.driver_results(DRIVER, tars)
        assert len(listings) == len(tars)
        for seed, data, ours in zip(seeds, tars, listings, strict=True):
            real = readers.list_with_tarfile(data)
            members += len(real.members)
            ended += bool(real.error)
            missing += [f"seed {seed}: {miss}" for miss in readers.misses(real, ours)]
    print(f"{count} tars, {members} members, {ended} errors")
    assert not missing, f"{len(missing)} missing: " + "\n".join(missing[:20])
    assert members > count and ended > count // 20
