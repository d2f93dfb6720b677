"""Files whose loading does something, one for each way to hide it. All payloads are harmless."""

from __future__ import annotations

import collections
import pickle
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from pickleasm import assemble as asm  # noqa: E402

from samples.recipes import make_samples  # noqa: E402

TEXT = "UNICODE 'echo seen'"
RUN = asm("GLOBAL os system", "MARK", TEXT, "TUPLE", "REDUCE")
STOP = asm("STOP")
SOURCE = "BINUNICODE 'seen = 1'"


def extension() -> bytes:
    """Defines an extension code and uses it."""
    return asm(
        "PROTO 2", "GLOBAL copyreg add_extension", "MARK", "UNICODE os", "UNICODE system"
    ) + asm("BININT1 77", "TUPLE", "REDUCE", "POP", "EXT1 77", TEXT, "TUPLE1", "REDUCE", "STOP")


def streams() -> dict[str, bytes]:
    return {
        "reduce": RUN + STOP,
        "broken": RUN + b"X\x04",
        "popped": asm("PROTO 2") + RUN + asm("POP", "EMPTY_DICT", "STOP"),
        "inst": asm("MARK", TEXT, "INST os system", "STOP"),
        "obj": asm("MARK", "GLOBAL posix system", TEXT, "OBJ", "STOP"),
        "python2": asm("GLOBAL __builtin__ eval", "UNICODE '1+1'", "TUPLE1", "REDUCE", "STOP"),
        "python2_proto4": asm("PROTO 4", "GLOBAL __builtin__ eval", "UNICODE 1", "TUPLE1", "REDUCE")
        + STOP,
        "stack_global": asm("PROTO 4", "SHORT_BINUNICODE posix", "SHORT_BINUNICODE system")
        + asm("STACK_GLOBAL", TEXT, "TUPLE1", "REDUCE", "STOP"),
        "dotted": asm("PROTO 4", "SHORT_BINUNICODE shutil", "SHORT_BINUNICODE os.system")
        + asm("STACK_GLOBAL", TEXT, "TUPLE1", "REDUCE", "STOP"),
        "proto_down": asm("PROTO 4", "PROTO 0", "GLOBAL __builtin__ exec", SOURCE, "TUPLE1")
        + asm("REDUCE", "STOP"),
        "memo": asm("GLOBAL os system", "PUT 200", "POP", TEXT, "TUPLE1", "PUT 3", "POP", "GET 200")
        + asm("GET 3", "REDUCE", "STOP"),
        "memo_twice": asm("GLOBAL os getcwd", "PUT 1", "POP", "GLOBAL os system", "PUT 1", "POP")
        + asm("GET 1", TEXT, "TUPLE1", "REDUCE", "STOP"),
        "exec": asm("GLOBAL builtins exec", SOURCE, "TUPLE1", "REDUCE", "STOP"),
        "compile": asm("GLOBAL builtins compile", "MARK", SOURCE, "UNICODE f", "UNICODE exec")
        + asm("TUPLE", "REDUCE", "STOP"),
        "getattr": asm("GLOBAL builtins getattr", "MARK", "GLOBAL builtins __import__")
        + asm("UNICODE os", "TUPLE1", "REDUCE", "UNICODE system", "TUPLE", "REDUCE", TEXT)
        + asm("TUPLE1", "REDUCE", "STOP"),
        "import_module": asm("GLOBAL operator attrgetter", "UNICODE system", "TUPLE1", "REDUCE")
        + asm("GLOBAL importlib import_module", "UNICODE os", "TUPLE1", "REDUCE", "TUPLE1")
        + asm("REDUCE", TEXT, "TUPLE1", "REDUCE", "STOP"),
        "partial": asm("GLOBAL functools partial", "MARK", "GLOBAL os system", TEXT, "TUPLE")
        + asm("REDUCE", "EMPTY_TUPLE", "REDUCE", "STOP"),
        "map": asm("GLOBAL builtins list", "GLOBAL builtins map", "MARK", "GLOBAL os system")
        + asm("MARK", TEXT, "LIST", "TUPLE", "REDUCE", "TUPLE1", "REDUCE", "STOP"),
        "nested": asm("GLOBAL pickle loads", b"B" + len(RUN + STOP).to_bytes(4, "little"))
        + RUN
        + STOP
        + asm("TUPLE1", "REDUCE", "STOP"),
        "extension": extension(),
        "popen": asm("GLOBAL subprocess Popen", "MARK", "MARK", "UNICODE true", "LIST", "TUPLE")
        + asm("REDUCE", "STOP"),
        "remove": asm("GLOBAL os remove", "UNICODE /nowhere/at/all", "TUPLE1", "REDUCE", "STOP"),
        "socket": asm("GLOBAL socket create_connection", "UNICODE c2.invalid", "BININT2 4444")
        + asm("TUPLE2", "TUPLE1", "REDUCE", "STOP"),
        "dlopen": asm("GLOBAL ctypes CDLL", "UNICODE /nowhere.so", "TUPLE1", "REDUCE", "STOP"),
        "build": asm("GLOBAL types SimpleNamespace", "EMPTY_TUPLE", "NEWOBJ", "EMPTY_DICT")
        + asm("UNICODE a", "BININT1 1", "SETITEM", "BUILD", "STOP"),
        "frame": asm("PROTO 4", f"FRAME {len(RUN) + 1}") + RUN + STOP,
        "frame_long": asm("PROTO 4", "FRAME 4000") + RUN + STOP,
        "bytes_string": asm("SHORT_BINSTRING b'\\xff'", "POP") + RUN + STOP,
        "list_arguments": asm("GLOBAL os system", "MARK", TEXT, "LIST", "REDUCE", "STOP"),
        "persistent": asm("UNICODE id", "BINPERSID", "POP") + RUN + STOP,
        "stacked": asm("NONE", "STOP") + RUN + STOP,
    }


def write_all(folder: Path) -> list[Path]:
    """Bare, and in torch's two containers; honest pickles too."""
    paths = []

    def write(name: str, data: bytes) -> None:
        (folder / name).write_bytes(data)
        paths.append(folder / name)

    for name, data in streams().items():
        write(f"{name}.pkl", data)
        write(f"{name}_zip.pt", make_samples.model_zip(data))
        write(f"{name}_legacy.pt", make_samples.legacy_beginning() + data)
    honest = {"a": [1, 2.5, (3, "x")], "o": collections.OrderedDict(b=b"y"), "s": {1}}
    for protocol in range(6):
        write(f"honest{protocol}.pkl", pickle.dumps(honest, protocol))
    for sample in sorted((ROOT / "samples").glob("*/*")):
        if sample.suffix in (".pkl", ".pt", ".bin"):
            write(f"sample_{sample.parent.name}_{sample.name}", sample.read_bytes())
    return paths
