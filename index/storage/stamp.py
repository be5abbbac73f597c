"""Checked caches: what generation a cache holds, and proof that its files are as they were written.

A cache (tantivy's folder, FAISS's file) is only ever a copy of the SQLite store. Its stamp is a
small JSON file beside it. A cache whose stamp is missing, from a state that the store was never in,
or at odds with a file's SHA-256 is not used: it is made again from SQLite.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple

from index.storage.private import open_new


class Commit(NamedTuple):
    """One state of one store.

    The token is drawn anew for each commit. A number alone does not tell a state: after a power
    cut the file may come back a few commits younger, and count on from there.
    """

    store: str  # identity of the SQLite file
    generation: int  # 0 is the empty store
    token: str


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a cache holds, and the SHA-256 of each of its files by name."""

    commit: Commit
    made_by: str  # tokenizer or encoder fingerprint: what its content depends on
    files: Mapping[str, str] = field(default_factory=dict)


def write_stamp(path: Path, stamp: Stamp) -> None:
    """Replace the stamp in one step, so that a reader sees the old or the new one whole."""
    temporary = path.with_suffix(".new")
    try:
        with open_new(temporary) as stream:
            stream.write(json.dumps(asdict(stamp)).encode())
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read_stamp(path: Path) -> Stamp | None:
    """The stamp, or None when it is missing or damaged."""
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        return Stamp(**{**fields, "commit": Commit(*fields["commit"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def checksums(
    folder: Path, names: list[str], known: Mapping[str, str] | None = None
) -> dict[str, str]:
    """SHA-256 of each file by name; those known from before are not read again.

    Raises:
        OSError: a file is missing or cannot be read.
    """
    known = known or {}
    return {name: known.get(name) or sha256(folder / name) for name in names}


def sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
