#!/usr/bin/env python3
"""Times other readers of a pickle inside this process (processor time); prints one JSON object.

rivals.py loads FILE ROUNDS        C pickle.loads, the garbage collector on as by default
rivals.py picklescan FILE ROUNDS   picklescan's scan of the same bytes
"""

from __future__ import annotations

import io
import json
import pickle
import sys
import time
from collections.abc import Callable
from pathlib import Path


def reader(kind: str) -> Callable[[bytes], object]:
    if kind == "loads":
        return pickle.loads
    from picklescan.scanner import scan_pickle_bytes

    return lambda data: scan_pickle_bytes(io.BytesIO(data), "stream.pkl")


def main(arguments: list[str]) -> int:
    if len(arguments) != 3 or arguments[0] not in ("loads", "picklescan"):
        print(__doc__, file=sys.stderr)
        return 2
    read = reader(arguments[0])
    data = Path(arguments[1]).read_bytes()
    seconds = []
    for _ in range(int(arguments[2])):
        begin = time.process_time()
        result = read(data)
        seconds.append(time.process_time() - begin)
        del result
    print(json.dumps({"seconds": seconds}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
