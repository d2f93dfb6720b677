"""Whether what a real reader returned is among what the views say it could return."""

from __future__ import annotations

from typing import Any

from tests.zip.readers import TorchResult, ZipfileMember


def is_among(value: bytes, offered: list[str]) -> bool:
    for text in offered:
        if text.startswith("!"):
            continue
        written, _, unwritten = text.partition("?")
        known = bytes.fromhex(written)
        if value.startswith(known) and len(value) == len(known) + int(unwritten or 0):
            return True
    return False


def lower(name: bytes) -> bytes:
    return bytes(b + 32 if 65 <= b <= 90 else b for b in name)


def offered_to_torch(view: dict[str, Any], name: str) -> list[str]:
    if name in view["lookups"]:
        return list(view["lookups"][name])
    wanted = bytes.fromhex(view["root"] or "") + b"/" + name.encode("utf-8", "surrogateescape")
    wanted = lower(wanted.split(b"\0")[0])
    return [m[1] for m in view["miniz"] if lower(bytes.fromhex(m[0])) == wanted]


def torch_misses(view: dict[str, Any], real: TorchResult) -> list[str]:
    if real.names is None:
        return []
    out = [] if view.get("torch_opens") else ["torch opens it"]
    for name, value in real.records.items():
        if not is_among(value, offered_to_torch(view, name)):
            out.append(f"torch record {name!r}: {len(value)} bytes {value[:40]!r}")
    return out


def zipfile_misses(view: dict[str, Any], real: list[ZipfileMember] | None) -> list[str]:
    if real is None:
        return []
    out = [] if view.get("zipfile_opens") else ["zipfile opens it"]
    for member in real:
        name = member.name.encode("utf-8", "surrogatepass")
        offered = [m[1] for m in view["zipfile"] if bytes.fromhex(m[0]) == name]
        if member.whole is not None and not is_among(member.whole, offered):
            out.append(f"zipfile {member.name!r}: {member.whole[:40]!r}")
        begins = [bytes.fromhex(t.partition("?")[0]) for t in offered if not t.startswith("!")]
        if member.streamed and not any(b.startswith(member.streamed) for b in begins):
            out.append(f"zipfile streamed {member.name!r}: {member.streamed[:40]!r}")
    return out
