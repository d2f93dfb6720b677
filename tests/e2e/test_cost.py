"""Plain data costs passes over its bytes: no value is spelled out that nobody asks about."""

from __future__ import annotations

import json
import pickle
import resource
import subprocess
from pathlib import Path

import pytest

from tests.e2e.program import BRINE

MEMORY = 64 << 20  # beyond twice the file's size
PASSES = 3.1  # the unrestricted unpickler's, torch's restricted one's, what that says of the file

VALUES: dict[str, object] = {
    "a list of records": [{"name": f"item {i}", "value": i, "of": [i]} for i in range(200_000)],
    "a list of numbers": list(range(2_000_000)),
    "a tuple of tuples": tuple((i, str(i)) for i in range(500_000)),
    "a dict of lists": {str(i): [i, None] for i in range(300_000)},
}


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES.keys())
def test_plain_data_is_never_spelled_out(value: object, protocol: int, tmp_path: Path) -> None:
    data = pickle.dumps(value, protocol)
    (tmp_path / "data.pkl").write_bytes(data)
    limit = MEMORY + 2 * len(data)
    done = subprocess.run(
        [BRINE, "scan", "--jobs", "1", "--format", "json", tmp_path / "data.pkl"],
        capture_output=True,
        check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (limit, limit)),
    )
    report = json.loads(done.stdout)
    assert report["files"][0]["verdict"] == "clean"
    assert report["summary"]["bytes_read"] <= PASSES * len(data)
