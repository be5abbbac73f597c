"""Reading documents in a process of their own, so that no file can take the chat down with it.

    read_document(content, suffix) ─ stdin: one line "suffix length", then the bytes ▶ child
                                   ◀ stdout: 8 bytes of length, then JSON ─ extract

One child serves file after file. A file that takes too long, eats too much memory or crashes a
library costs that child, and is named; the next file gets a new one. The child ends with its
parent, whose end closes its stdin.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from index.errors import Unreadable
from index.formats.documents import Document, extract
from index.messages import Said, said

SECONDS = 5.0  # A small file, which takes hundredths of one, has so long.
SECONDS_PER_MB = 5.0  # more for a large one: 1,250 dense pages in 2.2 MB took 9 on 2 busy cores
MAX_SECONDS = 60.0  # whatever the size
START_SECONDS = 60.0  # The child loads its libraries, perhaps from a slow disk.
MEMORY = 1_000_000_000  # bytes of address space, where the system can limit it
LENGTH_BYTES = 8  # before the JSON, little-endian

# The child gets the package without its __init__, which would load the search engines as well.
CHILD = """
import sys, types
sys.path[0] = sys.argv[1]
index = sys.modules["index"] = types.ModuleType("index")
index.__path__ = [sys.argv[1] + "/index"]
from index.formats.isolated import serve
from index.messages import Said, said
serve()
"""


def read_document(content: bytes, suffix: str) -> Document:
    """The text of one document, read by a child process; safe to call from several threads.

    Raises:
        Unreadable: extract's reasons, or the child took too long, too much memory, or crashed.
    """
    return shared_reader.read(content, suffix)


class Reader:
    """Keeps one child alive; see the module."""

    def __init__(self, child: str = CHILD, seconds: float = SECONDS) -> None:
        """Nothing is started yet.

        Args:
            child: Python source that the child runs; its first argument is the package's folder.
            seconds: limit for a small file; larger ones have SECONDS_PER_MB more.
        """
        self._source = child
        self._seconds = seconds
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._close: Callable[[], object] = lambda: None

    def read(self, content: bytes, suffix: str) -> Document:
        """As read_document."""
        with self._lock:
            child = self._started()
            try:
                reply = self._ask(child, f"{suffix} {len(content)}\n".encode(), content)
            except BaseException:  # also ^C: what it answers later belongs to no question
                self._close()
                raise
        if "reason" in reply:
            raise Unreadable(Said(*reply["reason"]))
        headings = tuple((line, level) for line, level in reply.pop("headings"))
        pages, tags = tuple(reply.pop("pages")), tuple(reply.pop("tags"))
        return Document(**reply, headings=headings, pages=pages, tags=tags)

    def close(self) -> None:
        """End the child; the next file starts another."""
        with self._lock:
            self._close()

    @property
    def pid(self) -> int | None:
        """The child's process id, None before the first file."""
        return self._child.pid if self._child else None

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child and self._child.poll() is None:
            return self._child
        self._close()
        package = Path(__file__).resolve().parent.parent.parent
        child = subprocess.Popen(
            [sys.executable, "-c", self._source, str(package)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # what libraries say of damaged files helps no reader
            start_new_session=True,  # ^C in the terminal is for the chat alone
        )
        self._child = child
        self._close = weakref.finalize(self, _end, child)
        try:
            _exchange(child, b"", START_SECONDS)
        except Unreadable as reason:
            self._close()
            raise Unreadable(said("reader_does_not_start"), lasting=False) from reason
        except BaseException:
            self._close()
            raise
        return child

    def _ask(self, child: subprocess.Popen[bytes], *request: bytes) -> dict[str, Any]:
        seconds = _limit(self._seconds, sum(map(len, request)))
        reply: dict[str, Any] = json.loads(_exchange(child, b"".join(request), seconds))
        if reply.get("ends"):  # out of memory: what it still holds is unknown
            self._close()
        return reply


def serve(read: Callable[[bytes, str], Document] = extract) -> None:
    """The child: answer until stdin closes.

    After twice a file's time it ends itself, in case its parent is no longer there to do it.
    """
    requests, replies = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - what libraries print is no reply
        os.dup2(nowhere.fileno(), 1)
    import docx  # noqa: F401 - loading is not part of a file's time
    import lxml.etree  # noqa: F401
    import pypdfium2  # noqa: F401

    _limit_memory()
    _send(replies, {})
    while head := requests.readline().split():
        size = int(head[1])
        _alarm(2 * _limit(SECONDS, size))
        reply = _reply(read, requests.read(size), head[0].decode())
        _alarm(0)
        _send(replies, reply)
        if "ends" in reply:
            return


def _alarm(seconds: float) -> None:
    """End this process after so many seconds; 0 takes it back. Nothing on Windows."""
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _limit(seconds: float, size: int) -> float:
    """Seconds for a file of so many bytes."""
    return min(seconds + SECONDS_PER_MB * size / 1_000_000, MAX_SECONDS)


def _reply(read: Callable[[bytes, str], Document], content: bytes, suffix: str) -> dict[str, Any]:
    try:
        return asdict(read(content, suffix))
    except Unreadable as unreadable:
        return {"reason": unreadable.reason}
    except MemoryError:
        return {"reason": said("too_much_memory"), "ends": True}


def _send(stream: IO[bytes], reply: dict[str, Any]) -> None:
    written = json.dumps(reply).encode()
    stream.write(len(written).to_bytes(LENGTH_BYTES, "little") + written)
    stream.flush()


def _limit_memory() -> None:
    with suppress(ImportError, ValueError, OSError):  # Windows has no resource, macOS may refuse
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def _exchange(child: subprocess.Popen[bytes], request: bytes, seconds: float) -> bytes:
    """Send the bytes and wait for a reply.

    Raises:
        Unreadable: none came in time, or the child ended.
    """
    assert child.stdin
    assert child.stdout
    late = threading.Event()

    def stop() -> None:
        late.set()
        child.kill()  # ends the read below; a pipe has no time limit on Windows

    timer = threading.Timer(seconds, stop)
    timer.daemon = True
    timer.start()
    try:
        with suppress(OSError):  # it may have ended; then there is no reply either
            child.stdin.write(request)
            child.stdin.flush()
        length = child.stdout.read(LENGTH_BYTES)
        reply = child.stdout.read(int.from_bytes(length, "little"))
    finally:
        timer.cancel()
    if len(length) == LENGTH_BYTES and len(reply) == int.from_bytes(length, "little"):
        return reply
    if late.is_set():
        raise Unreadable(said("too_slow", seconds=seconds))
    raise Unreadable(said("reader_crashed"))


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill the child and close its pipes; harmless where it has ended."""
    child.kill()
    child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe:
            with suppress(OSError):  # what was not yet sent is lost on purpose
                pipe.close()


shared_reader = Reader()
