"""Bringing a store up to date with its notes folder: what changed is read, what is gone goes.

    scan ▶ compare with the store ▶ read, split ▶ one transaction for each batch of notes

A batch is there whole or not at all: an update that is killed goes on from whole notes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from filelock import FileLock, Timeout

from index.errors import NotesFolderError, Unreadable
from index.folder import Listing, NoteFile, Skipped, check_folder, scan
from index.messages import Said, packed, said, unpacked
from index.notes import read_note
from index.splitting import split
from index.storage import writing
from index.storage.store import KnownFile, Store
from index.storage.writing import ReadNote, SkippedFile, write_refused

NOTES_A_BATCH = 64  # one commit each: often enough to search early, seldom enough to stay fast
BYTES_A_BATCH = 2_000_000  # at most, unless one note is larger; some 2 s of work
STEP_SECONDS = 10.0  # how long to wait for the batch at hand before a store is emptied
NAMED = 5  # changed notes that a report names

Stage = Literal["notes", "vectors"]
Progress = Callable[[Stage, int, int], object]  # (what is done, how many so far, of how many)


def silent(stage: Stage, done: int, total: int) -> None:
    """No progress wanted."""


@dataclass(frozen=True, slots=True)
class Update:
    """What bringing the notes up to date found; counts of notes."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    skipped: tuple[Skipped, ...] = ()
    remarks: tuple[Said, ...] = ()  # for the reader: what was mended, what is missing
    names: tuple[str, ...] = ()  # paths of the first few notes that it was about
    unread: int = 0  # left for the next update


class Differences(NamedTuple):
    """How a folder differs from its store, by names, sizes and times; counts of files."""

    new: int
    changed: int
    gone: int
    unsure: int  # the same, but written so shortly before they were read that times cannot tell


def update_notes(
    store: Store,
    folder: Path,
    *,
    progress: Progress = silent,
    rebuild: bool = False,
    wait_seconds: float = math.inf,
    stopped: Callable[[], bool] = lambda: False,
) -> Update | None:
    """Read what is new or changed in the notes folder, and forget what is gone.

    None when another process is at the same, and did not end in time.

    Args:
        store: the folder's.
        folder: the notes folder, absolute.
        progress: called as work goes on.
        rebuild: whether an empty folder is meant to be one.
        wait_seconds: how long to wait for another process that is at the same.
        stopped: asked between two commits; the next update goes on from there.

    Raises:
        NotesFolderError: the notes folder is missing or unreadable, or was emptied since.
    """
    store.counts()  # raises where the store is gone: the lock would make its folder anew
    lock = store.writing()
    if not acquire(lock, wait_seconds):
        return None
    try:
        store.must_be_of(folder)  # another process may have made it another folder's
        return _Pass(store, folder, progress, stopped).run(rebuild=rebuild)
    finally:
        lock.release()


def start_over(store: Store, folder: Path) -> bool:
    """Forget everything, for `update_notes` to read again; False while others are at the store.

    Raises:
        NotesFolderError: the notes folder is missing or unreadable; the store is kept.
    """
    check_folder(folder)
    store.counts()  # raises where the store is gone: the locks would make its folder anew
    reading, encoding = store.writing(), store.encoding()
    try:
        if not (acquire(reading, STEP_SECONDS) and acquire(encoding, STEP_SECONDS)):
            return False
        store.must_be_of(folder)
        writing.empty(store, folder)
        return True
    finally:
        reading.release()
        encoding.release()


def differences(store: Store) -> Differences:
    """What an update would look at; costs one listing of the folder.

    Raises:
        NotesFolderError: the notes folder is missing or unreadable.
    """
    folder = store.notes_folder
    if folder is None:
        return Differences(0, 0, 0, 0)
    listing, known = scan(folder, leave_out=store.folder), store.known_files()
    there = [file for file in listing.files if file.path in known]
    same = [file for file in there if known[file.path].same_stat(file)]
    return Differences(
        new=len(listing.files) - len(there),
        changed=len(there) - len(same),
        gone=len(_gone(listing, known)),
        unsure=sum(not known[file.path].unchanged_by_stat(file) for file in same),
    )


class _Pass:
    """One pass over the folder, within the writer's lock."""

    def __init__(
        self, store: Store, folder: Path, progress: Progress, stopped: Callable[[], bool]
    ) -> None:
        self.store = store
        self.folder = folder
        self.progress = progress
        self.stopped = stopped
        self.known = store.known_files()
        self.skipped: dict[str, SkippedFile] = {}
        self.added = self.changed = self.removed = self.unread = 0
        self.names: list[str] = []

    def run(self, *, rebuild: bool) -> Update:
        """Do it; see `update_notes`."""
        listing = scan(self.folder, leave_out=self.store.folder)
        stored = sum(not file.reason for file in self.known.values())
        if stored and not listing.files and not _refused(listing) and not rebuild:
            raise NotesFolderError(said("folder_emptied", folder=self.folder, count=stored))
        remarks = []
        difference = self.store.version_difference()
        if difference:
            remarks.append(said("other_version", difference=difference))
        self.skipped |= {
            item.path: SkippedFile(item.path, packed(item.reason)) for item in listing.skipped
        }
        to_read = []
        for file in listing.files:
            before = self.known.get(file.path)
            if difference or not before or not before.unchanged_by_stat(file):
                to_read.append(file)
            elif before.reason:
                self._skip(file, before.reason, before.read_ns)
        gone = _gone(listing, self.known)
        self.names += gone[:NAMED]
        self._read(to_read, gone, anew=bool(difference))
        writing.set_skipped(self.store, self.skipped.values())
        if difference and not self.unread:
            writing.set_versions(self.store)
        if not self.store.counts().notes:
            remarks.append(said("no_notes", folder=self.folder))
        skipped = (Skipped(item.path, unpacked(item.reason)) for item in self.skipped.values())
        return Update(
            added=self.added,
            changed=self.changed,
            removed=self.removed,
            skipped=tuple(sorted(skipped, key=lambda item: item.path)),
            remarks=tuple(remarks),
            names=tuple(self.names[:NAMED]),
            unread=self.unread,
        )

    def _read(self, to_read: Sequence[NoteFile], gone: Sequence[str], *, anew: bool) -> None:
        """Read what is new or changed, batch by batch.

        A note that was moved is never missing: it goes from its old place with the batch that
        brings it to its new one. What else is gone goes with the first.
        """
        leaving = _leaving(gone, to_read, self.known)
        self.progress("notes", 0, len(to_read))
        done = 0
        for batch in _batches(to_read):
            read, touched = [], []
            removed = [path for file in batch for path in leaving.get(file.path, ())]
            removed += leaving[""] if done == 0 else []
            self.removed += len(removed)
            for file in batch:
                before, when = self.known.get(file.path), time.time_ns()
                try:
                    note = read_note(self.folder, file)
                except Unreadable as no:
                    self._skip(file, packed(no.reason), when if no.lasting else 0)
                    if no.lasting and before and not before.reason:
                        removed.append(file.path)
                    continue
                if before and before.sha256 == note.sha256 and not anew:
                    touched.append((file, when))
                    continue
                read.append(ReadNote(file, note, split(note), when))
                is_new = before is None or bool(before.reason)
                self.added += is_new
                self.changed += not is_new
                self.names.append(file.path)
            if read or removed or touched:
                writing.update(self.store, self.folder, read, touched, removed)
            done += len(batch)
            self.progress("notes", done, len(to_read))
            if done < len(to_read) and self.stopped():
                self.unread = len(to_read) - done
                break

    def _skip(self, file: NoteFile, reason: str, when: int) -> None:
        """Name a file that is no note; unless `when` is 0, not to be tried before it changes."""
        size, mtime_ns = (file.size, file.mtime_ns) if when else (0, 0)
        self.skipped[file.path] = SkippedFile(file.path, reason, size, mtime_ns, when)


def acquire(lock: FileLock, seconds: float) -> bool:
    """Take a lock that may be another process's; False when it cannot be had in so many seconds.

    Raises:
        StoreError: the store's folder cannot be written.
    """
    try:
        lock.acquire(timeout=-1 if math.isinf(seconds) else seconds)
    except Timeout:
        return False
    except OSError as error:
        raise write_refused(Path(lock.lock_file).parent, error) from error
    return True


def _refused(listing: Listing) -> list[str]:
    """Files and folders (with a slash) that the system does not let be read just now."""
    return [item.path for item in listing.skipped if not item.lasting]


def _gone(listing: Listing, known: Mapping[str, KnownFile]) -> list[str]:
    """Notes that are there no more; those that the system refuses just now are not among them."""
    refused, listed = _refused(listing), {file.path for file in listing.files}
    return sorted(
        path
        for path, file in known.items()
        if not file.reason and path not in listed and not _is_below(path, refused)
    )


def _leaving(
    gone: Sequence[str], to_read: Sequence[NoteFile], known: Mapping[str, KnownFile]
) -> dict[str, list[str]]:
    """Which notes that are gone leave the store with which file: what is moved keeps size and time.

    With the last file that they may have become; with "" those that have become none.
    """
    last = {(file.size, file.mtime_ns): file.path for file in to_read}
    leaving: dict[str, list[str]] = {"": []}
    for path in gone:
        became = last.get((known[path].size, known[path].mtime_ns), "")
        leaving.setdefault(became, []).append(path)
    return leaving


def _is_below(path: str, places: Sequence[str]) -> bool:
    """Whether a note is one of these files, or lies in one of these folders (with a slash)."""
    return any(
        path == place or (place.endswith("/") and path.startswith(place)) for place in places
    )


def _batches(files: Sequence[NoteFile]) -> Iterator[list[NoteFile]]:
    """Files to read between two commits; one empty batch where there are none."""
    batch: list[NoteFile] = []
    size = 0
    for file in files:
        if batch and (len(batch) == NOTES_A_BATCH or size + file.size > BYTES_A_BATCH):
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += file.size
    yield batch
