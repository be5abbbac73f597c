"""What a store is made of: files and folders that nobody but their owner can read, whatever umask.

A store holds the notes' full text. On Windows, where modes say nothing, a user's own folders are
private by themselves.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock

from index.errors import StoreError
from index.messages import said

OTHERS = 0o077  # the mode bits of group and others


def make_folder(folder: Path) -> bool:
    """Make a folder, with those above it, or close one that others can look into.

    Returns:
        Whether it was there and others could.

    Raises:
        OSError: the system refuses.
        StoreError: it stays open to others.
    """
    for missing in [path for path in (folder, *folder.parents) if not path.exists()][::-1]:
        missing.mkdir(mode=0o700, exist_ok=True)
    return close_to_others(folder)


def close_to_others(path: Path) -> bool:
    """Take a file or folder away from everyone but its owner; whether others could open it.

    Raises:
        OSError: it is somebody else's.
        StoreError: the file system lets everyone in, whatever is asked of it.
    """
    if not is_open_to_others(path):
        return False
    path.chmod(path.stat().st_mode & ~OTHERS & 0o777)
    if is_open_to_others(path):
        raise StoreError(said("store_open_to_others", path=path))
    return True


def close_all_to_others(folder: Path) -> None:
    """Take what lies in a folder, at any depth, away from everyone but its owner.

    Raises:
        OSError, StoreError: as `close_to_others`.
    """
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):  # a merge or another process has just ended
            if not path.is_symlink():
                close_to_others(path)


def is_open_to_others(path: Path) -> bool:
    """Whether a file's or folder's mode lets anyone but its owner in."""
    return sys.platform != "win32" and bool(path.stat().st_mode & OTHERS)


def open_new(path: Path) -> BinaryIO:
    """A file to write from its beginning."""
    return open(path, "wb", opener=_opener)


def lock(path: Path) -> FileLock:
    """A lock between processes, which falls free when its holder ends, however it ends."""
    return FileLock(path, mode=0o600)


def _opener(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)
