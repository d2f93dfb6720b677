"""Runs the program on a pseudo-terminal, as a person would see it."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Screen:
    status: int
    text: str  # everything that was written, escape sequences included

    def plain(self) -> str:
        """What stays on the screen: without colours, and without lines that were erased."""
        out = []
        for line in self.text.replace("\r\n", "\n").split("\n"):
            line = line.split("\x1b[K")[-1] if "\x1b[K" in line else line
            while "\x1b[" in line:
                start = line.index("\x1b[")
                line = line[:start] + line[line.index("m", start) + 1 :]
            out.append(line)
        return "\n".join(out)


def run_on_terminal(
    command: list[str | Path],
    cwd: Path,
    env: dict[str, str],
    columns: int = 80,
    stdin_open_for: float = 0.0,
    stdin: bytes = b"",
    interrupt_after: float | None = None,
) -> Screen:
    """`stdin_open_for`: standard input gives `stdin` and ends after so many seconds."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen(
        command,
        cwd=cwd,
        stdin=subprocess.PIPE,
        stdout=theirs,
        stderr=theirs,
        env={**env, "TERM": "xterm"},
    )
    os.close(theirs)
    assert process.stdin is not None
    process.stdin.write(stdin)
    process.stdin.flush()
    begin = time.monotonic()
    seen = b""
    while time.monotonic() - begin < 60:
        now = time.monotonic() - begin
        if not process.stdin.closed and now >= stdin_open_for and interrupt_after is None:
            process.stdin.close()
        if interrupt_after is not None and now >= interrupt_after:
            process.send_signal(signal.SIGINT)
            interrupt_after = None
            stdin_open_for = 60
        readable, _, _ = select.select([ours], [], [], 0.05)
        if readable:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the other end is closed
                break
            if not piece:
                break
            seen += piece
    process.wait(timeout=10)
    os.close(ours)
    if not process.stdin.closed:
        process.stdin.close()
    return Screen(process.returncode, seen.decode("utf-8", "replace"))
