"""How a store stands, for its owner: what is in it, how old, how large, and what was left out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from index.errors import NotesError
from index.messages import Said, said, same
from index.storage.store import Store
from index.sync.update import differences


def status_lines(store: Store) -> Iterator[tuple[Said, Said]]:
    """(what, how it stands) for each fact about a store, in the order a reader wants them."""
    yield said("status_notes"), same(str(store.notes_folder))
    yield said("status_store"), same(str(store.folder))
    sizes = [path.stat().st_size for path in store.folder.iterdir() if path.is_file()]
    yield said("status_size"), same(_size(sum(sizes)))
    yield said("status_content"), said("status_counts", **store.counts()._asdict())
    yield said("status_changed"), _age(time.time() - store.changed)
    yield said("status_difference"), _difference(store)
    yield said("status_model"), same(store.encoder_name) or said("none")
    if difference := store.version_difference():
        yield said("status_version"), said("status_other_version", difference=difference)
    encodings = ", ".join(f"{name} {count:,}" for name, count in store.encodings().items())
    yield said("status_encodings"), same(encodings or "–")
    at_work = [name for name in ("writer", "encoding") if _held(store.folder / f"{name}.lock")]
    yield said("status_at_work"), same(", ".join(at_work)) or said("none")


def _difference(store: Store) -> Said:
    try:
        now = differences(store)
    except NotesError as error:
        return error.said
    differs = now.new or now.changed or now.gone
    return said("folder_differs", **now._asdict()) if differs else said("none")


def _held(lock: Path) -> bool:
    """Whether a living process holds a lock."""
    if not lock.exists():
        return False
    try:
        with FileLock(lock).acquire(timeout=0):
            return False
    except Timeout:
        return True


def _size(size: float) -> str:
    for unit in ("B", "KB", "MB"):
        if size < 1_000:
            return f"{size:.0f} {unit}"
        size /= 1_000
    return f"{size:.1f} GB"


def _age(seconds: float) -> Said:
    for length, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * length:
            return said(f"{unit}_ago", count=seconds // length)
    return said("seconds_ago", count=max(seconds, 0))
