"""Writes the seeds of the tar fuzzer: torch's tars and some with forged fields."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from tests.tar import tarforge, torchtar  # noqa: E402

LARGEST = 4096
FORGED = 40


def main() -> None:
    folder = HERE / "seeds" / "tar"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = ("sparse", "long_name", "pax_path", "hard_link", "unknown_type")
    named = {name: data for name, data in torchtar.attacks().items() if name in wanted}
    named |= {f"forged-{seed}": tarforge.forge(seed) for seed in range(FORGED)}
    for name, data in named.items():
        (folder / name).write_bytes(data[:LARGEST])


if __name__ == "__main__":
    main()
