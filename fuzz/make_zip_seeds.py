"""Writes the seeds of the zip fuzzer: one small file for each way in which zip readers disagree."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from tests.zip import test_zip_rows  # noqa: E402

LARGEST = 4096


def main() -> None:
    folder = HERE / "seeds" / "zip"
    folder.mkdir(parents=True, exist_ok=True)
    for row in test_zip_rows.ROWS:
        if len(row.data) <= LARGEST:
            (folder / (row.name.replace(" ", "_").replace(",", "") + ".zip")).write_bytes(row.data)


if __name__ == "__main__":
    main()
