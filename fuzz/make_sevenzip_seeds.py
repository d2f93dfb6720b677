"""Writes the seeds of the 7z fuzzer: small archives of each method, and forged ones."""

from __future__ import annotations

import io
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import py7zr  # noqa: E402

from tests.worker.test_readings import CASES  # noqa: E402
from tests.worker.test_worker import FILTERS  # noqa: E402


def packed(kind: str, encoded: bool) -> bytes:
    out = io.BytesIO()
    with py7zr.SevenZipFile(out, "w", filters=FILTERS[kind]) as archive:
        archive.set_encoded_header_mode(encoded)
        archive.writestr(b"text\n" * 20, "README.txt")
        archive.writestr(b"N.", "data.pkl")
    return out.getvalue()


def main() -> None:
    folder = HERE / "seeds" / "sevenzip"
    folder.mkdir(parents=True, exist_ok=True)
    for kind in FILTERS:
        for encoded in (False, True):
            name = f"{kind}-{'encoded' if encoded else 'plain'}"
            (folder / name).write_bytes(packed(kind, encoded))
    for name, archive in CASES.items():
        (folder / name.replace(" ", "-").replace("'", "")).write_bytes(archive.pack())


if __name__ == "__main__":
    main()
