"""Taking a new note into the notes folder: the one place where anything is written there.

    arriving(folder, name) ▶ write, write, … ▶ keep ▶ Kept      or NotKept with the reason

What arrives stands under a hidden name, which `scan` passes over, until it is whole. Its own name
is then made without ever replacing a file: one that is taken gets a number.
"""

from __future__ import annotations

import errno
import filecmp
import os
import re
import secrets
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from index import folder as rules
from index.errors import NotesError
from index.messages import Said, said
from index.names import visible

BESIDE = ".kikigaki-{}.part"  # hidden: neither scan nor the follower looks at it
LEFT_SECONDS = 3_600  # what has not grown for so long was left by a process that died
LONGEST = 255  # bytes of a file's name on nearly every file system
# Windows opens a device or another stream of the file for these, and syncing to it fails.
DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\..*)?", re.I)
UNUSABLE = re.compile(r'[<>:"|?*]' if os.name == "nt" else r"(?!)")
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS)


class NotKept(NotesError):
    """Raised when a file is not taken into the folder; nothing of it is left there."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A note that is in the folder now."""

    path: str  # its name there
    was_there: bool  # the very same note was there before, and nothing was written


class Arriving:
    """A note on its way into the folder; `arriving` makes one."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self._size = 0
        self._place = folder / BESIDE.format(secrets.token_hex(8))
        self._stream = self._place.open("xb")

    def write(self, block: bytes) -> None:
        """Take in the next bytes.

        Raises:
            NotKept: it is too large, or the system refuses.
        """
        self._size += len(block)
        if self._size > rules.MAX_BYTES:
            raise NotKept(f"{self._name}: {rules.too_large()}")
        with _refused(self._name):
            self._stream.write(block)

    def keep(self, modified: float = 0.0) -> Kept:
        """Give the whole note its name, or the first free one: 会議.md, 会議 (2).md, 会議 (3).md.

        Args:
            modified: when it was last written where it comes from, in seconds since 1970; notes
                that name no day are found by this one. 0 stands for now.

        Raises:
            NotKept: it is empty, or the system refuses.
        """
        if not self._size:
            raise NotKept(said("not_kept", name=self._name, reason=said("empty")))
        with _refused(self._name):
            self._stream.flush()
            if 0 < modified < time.time():
                os.utime(self._place, (modified, modified))
            os.fsync(self._stream.fileno())
            self._stream.close()
            taken = {_alike(name): name for name in os.listdir(self._folder)}  # noqa: PTH208
            for number in count(1):
                name = _numbered(self._name, number)
                there = taken.get(_alike(name))
                if there is None and self._named(name):
                    return Kept(name, was_there=False)
                if self._is_same(self._folder / (there or name)):
                    return Kept(unicodedata.normalize("NFC", there or name), was_there=True)
        raise AssertionError  # count never ends

    def drop(self) -> None:
        """Leave nothing of it but its name, if it has got one."""
        with suppress(OSError):  # closing writes what is left, and a full disk refuses that
            self._stream.close()
        with suppress(OSError):
            self._place.unlink()

    def _named(self, name: str) -> bool:
        """Give it a name; False when that is taken, be it since a moment ago."""
        target = self._folder / name
        try:
            os.link(self._place, target)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno in (errno.EDQUOT, errno.ENOSPC, errno.EROFS, errno.ENAMETOOLONG):
                raise
            return self._renamed(target)  # exFAT and some network shares have no hard links
        _sync(self._folder)
        return True

    def _renamed(self, target: Path) -> bool:
        try:
            target.open("xb").close()  # an empty file holds the name: renaming would replace
        except FileExistsError:
            return False
        try:
            self._place.replace(target)
        except OSError:
            target.unlink()
            raise
        _sync(self._folder)
        return True

    def _is_same(self, other: Path) -> bool:
        return (
            other.is_file()
            and not other.is_symlink()
            and filecmp.cmp(self._place, other, shallow=False)
        )


@contextmanager
def arriving(folder: Path, name: str) -> Iterator[Arriving]:
    """A new note for the folder itself; what is not kept within the block leaves nothing behind.

    Args:
        folder: the notes folder.
        name: what the note is called where it comes from. A name too long for a file system is
            shortened, and composed to NFC.

    Raises:
        NotKept: a file of that name is no note here or cannot be one, or the system refuses.
    """
    name = unicodedata.normalize("NFC", name).strip()
    if reason := _unusable(name) or rules.why_not(folder, name):
        raise NotKept(said("not_kept", name=_shown(name), reason=reason))
    with _refused(name):
        _clean(folder)
        note = Arriving(folder, name)
    try:
        yield note
    finally:
        note.drop()


def _unusable(name: str) -> Said | None:
    """Why no file can have this name; None when one can."""
    if name in ("", ".", "..") or re.search(r"[/\\]", name):
        return said("not_a_name")
    if any(unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") for sign in name):
        return said("unusable_signs")
    if visible(name) != name:
        return said("unseen_signs")
    if DEVICE.fullmatch(name) or UNUSABLE.search(name):
        return said("windows_name")
    return None


def _shown(name: str) -> str:
    shown = visible(name)
    return shown[:80] + ("…" if len(shown) > 80 else "")


def _numbered(name: str, number: int) -> str:
    """「会議.md」, 「会議 (2).md」; what is too long loses the end of its stem."""
    stem, suffix = os.path.splitext(name)  # noqa: PTH122
    end = suffix if number == 1 else f" ({number}){suffix}"
    room = LONGEST - len(end.encode())
    return stem.encode()[:room].decode("utf-8", "ignore").rstrip() + end


def _alike(name: str) -> str:
    """Equal for names that are one on some file system: が as one letter or two, MD and md."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def _clean(folder: Path) -> None:
    """Remove what processes that died left half arrived."""
    for left in folder.glob(BESIDE.format("*")):
        with suppress(OSError):
            if left.lstat().st_mtime + LEFT_SECONDS < time.time():
                left.unlink()


def _sync(folder: Path) -> None:
    """Have the folder itself on the disk, where the system can be asked for that."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _refused(name: str) -> Iterator[None]:
    """The system's refusals, named for the reader."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            reason = said("disk_full")
        elif error.errno in CLOSED:
            reason = said("folder_unwritable")
        else:
            reason = said("not_saved", reason=error.strerror or error)
        raise NotKept(said("not_kept", name=_shown(name), reason=reason)) from error
