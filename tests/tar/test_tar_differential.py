"""Whatever tarfile lists, the program lists: name, type, place, size, link and the first bytes.

BRINE_TAR_COUNT tars (6,000 unless told) from seed BRINE_TAR_SEED and on, honest ones and such with
forged fields, go through the real tarfile and through the program's reader.
"""

from __future__ import annotations

import io
import os
import random
import sys
import tarfile
import warnings
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


def tangled(seed: int) -> bytes:
    """A sparse file whose parts stand anywhere."""
    rng = random.Random(seed)
    parts = [(rng.randrange(40), rng.randrange(1, 20)) for _ in range(rng.randrange(1, 5))]
    size = rng.choice([max(offset + count for offset, count in parts), rng.randrange(60)])
    text = b",".join(b"%d,%d" % part for part in parts)
    data = bytes(rng.choices(b"abcdefghij", k=sum(count for _, count in parts)))
    head = tarforge.pax(
        tarforge.record(b"GNU.sparse.map", text), tarforge.record(b"GNU.sparse.size", b"%d" % size)
    )
    return tarforge.archive(head, tarforge.Header(b"a", data=data))


def negative(size: int) -> bytes:
    header = tarforge.Header(b"a", size=tarforge.base256(size))
    return tarforge.archive(header, b"q" * 512 * 40)


def test_what_comes_out_is_what_extract_writes(tmp_path: Path) -> None:
    assert DRIVER is not None
    tars = [tangled(seed) for seed in range(500)]
    tars += [negative(size) for size in (-1, -5, -511, -600, -1000, -16384, -16385)]
    written = 0
    for data, ours in zip(tars, readers.driver_results(DRIVER, tars), strict=True):
        with tarfile.open(fileobj=io.BytesIO(data)) as tar, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                tar.extract("a", tmp_path)
            except (tarfile.TarError, OSError, ValueError):
                continue
        real = (tmp_path / "a").read_bytes()[: readers.SHOWN]
        assert bytes.fromhex(ours["members"][0][5]) == real
        written += 1
    assert written >= 500
