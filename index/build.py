"""Bringing a store up to date with its notes folder: only what changed is read and encoded.

    scan ▶ compare with the store ▶ read, split, tokenise ▶ keyword rows ▶ encode ▶ vectors

    build         both halves, for scripts and the command
    update_notes  the first half: what changed is found by its words at once
    encode        the second half, as far as time allows
    freshen       before a question: the first half, where nobody follows the folder

Each batch is one transaction, so a build that is killed leaves whole notes and goes on from there.
"""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from filelock import FileLock, Timeout

from index.errors import (
    ModelUnavailable,
    NotesError,
    NotesFolderError,
    StoreDamaged,
    StoreError,
    StoreMissing,
    Unreadable,
)
from index.folder import Listing, NoteFile, Skipped, check_folder, scan
from index.models.encoder import (
    Encoder,
    configured_model,
    encoder_ready,
    for_passages,
    load_encoder,
)
from index.notes import read_note
from index.passages import split
from index.storage import writing
from index.storage.database import SCHEMA
from index.storage.searcher import Counts
from index.storage.store import KnownNote, Store
from index.storage.writing import ReadNote, refused_writes, write_refused

NOTES_A_BATCH = 64  # one commit each: often enough to search early, seldom enough to stay fast
BYTES_A_BATCH = 2_000_000  # at most, unless one note is larger; some 2 s of work
TEXTS_A_BATCH = 32  # encoded between two commits: some 3 s of work that a kill can cost
TEXTS_A_ROUND = 2_048  # looked up at once: finding what lacks a vector reads the whole table
FRESHEN_SECONDS = 2.0  # what a question may spend on reading notes before it is answered
MENDING_SECONDS = 60.0  # how long to wait for another process before a damaged store is set aside
STEP_SECONDS = 10.0  # how long to wait for the batch at hand before a store is emptied
NAMED = 5  # changed notes that a report names

BUSY = (
    "ほかのプロセスが索引を更新しているので、今ある分を使います。"
    "(Another process is updating the store; this goes on with what is there.)"
)

WAS_OPEN = (
    "索引のフォルダをほかの人も読めたので、自分だけが読めるようにしました: {}\n"
    "(Others could read the store's folder; now only you can.)"
)

SET_ASIDE = {
    "damaged": (
        "索引が壊れていたので、ノートから作り直します。壊れたものは {} として残しました。\n"
        "(The store was damaged; it is made again from the notes, and what it was is kept.)"
    ),
    "older": (
        "前の版の索引なので、ノートから作り直します。前のものは {} として残しました。\n"
        "(The store is of a former version; it is made again from the notes, and what it was is "
        "kept.)"
    ),
}

Stage = Literal["notes", "vectors"]
Progress = Callable[[Stage, int, int], None]  # (what is done, how many so far, of how many)


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What one build found and did. The first four count notes."""

    added: int
    changed: int
    removed: int
    unchanged: int
    skipped: tuple[Skipped, ...]
    passages: int  # in the store now
    encoded: int  # passages that were turned into vectors by this build
    seconds: float
    remarks: tuple[str, ...] = ()  # for the reader: what was mended, what is missing
    names: tuple[str, ...] = ()  # paths of the first few notes that were added, changed or removed


def build(
    notes: str | os.PathLike[str],
    store: str | os.PathLike[str],
    *,
    encoder: Encoder | None = None,
    progress: Progress | None = None,
    rebuild: bool = False,
    encode_seconds: float = math.inf,
    wait_seconds: float = math.inf,
) -> BuildReport:
    """Make a store of a notes folder, or bring the one there up to date.

    Args:
        notes: the notes folder; it is only read.
        store: the store's folder; made if need be.
        encoder: turns passages into vectors; the configured model when None.
        progress: called as work goes on.
        rebuild: read and encode everything again.
        encode_seconds: stop encoding after about so long; the next build goes on from there.
        wait_seconds: how long to wait for another process that is bringing the same store up to
            date; after that, go on with what is there.

    Raises:
        NotesFolderError: the notes folder is missing or unreadable, or was emptied since.
        StoreMismatch: the store belongs to another folder.
        StoreError: the store's folder cannot be used.
    """
    with Store(Path(store), encoder=encoder) as opened:
        return bring_up_to_date(
            opened,
            check_folder(Path(notes)),
            progress=progress,
            rebuild=rebuild,
            encode_seconds=encode_seconds,
            wait_seconds=wait_seconds,
        )


def bring_up_to_date(
    store: Store,
    folder: Path,
    *,
    progress: Progress | None = None,
    rebuild: bool = False,
    encode_seconds: float = math.inf,
    wait_seconds: float = math.inf,
) -> BuildReport:
    """What `build` does, for a store that is open; damage that is met is mended on the way."""
    started = time.monotonic()
    remarks: tuple[str, ...] = ()
    while True:
        try:
            remarks += prepare(store, folder, rebuild=rebuild)
            update = update_notes(
                store, folder, progress=progress, rebuild=rebuild, wait_seconds=wait_seconds
            )
            if update is None:
                update = Update(skipped=tuple(store.skipped()), remarks=(BUSY,))
            encoded, missing = encode(store, progress=progress, seconds=encode_seconds)
            writing.tidy(store)
            remarks += (*update.remarks, *missing)
            return build_report(update, store.counts(), encoded, started, remarks)
        except StoreDamaged:
            if not store.database.met_damage:  # it could not be noted, so it cannot be mended
                raise


def prepare(store: Store, folder: Path, *, rebuild: bool = False) -> tuple[str, ...]:
    """Make the store of a folder where there is none or none that can be used; what was mended.

    A damaged file, and one of another version's tables, is set aside. To rebuild, it is emptied.

    Raises:
        StoreMismatch: it belongs to another folder.
        StoreError: its folder cannot be used.
    """
    remarks: tuple[str, ...] = ()
    if why := _unusable(store):
        lock = store.writing()
        if not _acquire(lock, MENDING_SECONDS):
            raise StoreError(BUSY)
        try:
            if why := _unusable(store):  # no other process has mended it meanwhile
                with refused_writes(store.folder):
                    kept = store.database.set_aside(why)
                    _forget_former_caches(store.folder)
                remarks = (SET_ASIDE[why].format(kept.name),)
        finally:
            lock.release()
    if store.make():
        remarks += (WAS_OPEN.format(store.folder),)
    if rebuild:
        writing.empty(store, folder)
    else:
        writing.bind(store, folder)
    return remarks


def _forget_former_caches(folder: Path) -> None:
    """Delete what versions before schema 4 kept beside the SQLite file; it was made from that."""
    shutil.rmtree(folder / "keywords", ignore_errors=True)
    for name in ("keywords.stamp", "vectors.faiss", "vectors.faiss.stamp", "caches.lock"):
        (folder / name).unlink(missing_ok=True)


def _unusable(store: Store) -> Literal["damaged", "older", ""]:
    """What is wrong with a store's file, so that it has to be made anew; empty when nothing."""
    if store.database.met_damage:
        return "damaged"
    try:
        return "" if store.database.meta("schema") == str(SCHEMA) else "older"
    except StoreMissing:
        return ""
    except StoreDamaged:
        return "damaged"


@dataclass(frozen=True, slots=True)
class Update:
    """What bringing the notes up to date found; counts of notes."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    skipped: tuple[Skipped, ...] = ()
    remarks: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    unread: int = 0  # left for the next update


def build_report(
    update: Update, counts: Counts, encoded: int, started: float, remarks: tuple[str, ...]
) -> BuildReport:
    """What an update and the encoding after it did; started is of time.monotonic."""
    return BuildReport(
        added=update.added,
        changed=update.changed,
        removed=update.removed,
        unchanged=counts.notes - update.added - update.changed,
        skipped=update.skipped,
        passages=counts.passages,
        encoded=encoded,
        seconds=time.monotonic() - started,
        remarks=remarks,
        names=update.names,
    )


def update_notes(
    store: Store,
    folder: Path,
    *,
    progress: Progress | None = None,
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
    lock = store.writing()
    store.counts()  # raises where the store is gone: the lock would make its folder anew
    if not _acquire(lock, wait_seconds):
        return None
    try:
        store.must_be_of(folder)  # another process may have made it another folder's
        return _Reading(store, folder, progress or _silent, stopped).run(rebuild=rebuild)
    finally:
        lock.release()


def start_over(store: Store, folder: Path) -> bool:
    """Forget everything, for `update_notes` to read again; False while others are at the store.

    Raises:
        NotesFolderError: the notes folder is missing or unreadable; the store is kept.
    """
    check_folder(folder)
    locks = store.writing(), store.encoding()
    store.counts()  # raises where the store is gone: the locks would make its folder anew
    with ExitStack() as held:
        for lock in locks:
            if not _acquire(lock, STEP_SECONDS):
                return False
            held.callback(lock.release)
        store.must_be_of(folder)
        writing.empty(store, folder)
    return True


def encode(
    store: Store,
    *,
    progress: Progress | None = None,
    seconds: float = math.inf,
    stopped: Callable[[], bool] = lambda: False,
) -> tuple[int, tuple[str, ...]]:
    """Give every passage its vector, the newest notes' first; how many, and what is missing.

    Args:
        store: where the passages and vectors are. The configured model is loaded, where the store
            was opened with no other, only if there is something to encode.
        progress: called as work goes on.
        seconds: stop after about so long.
        stopped: asked between two commits.
    """
    model = store.encoder.fingerprint if store.encoder else configured_model()
    total = store.counts()
    if not total.passages or (total.encoded == total.passages and store.model == model):
        return 0, ()
    try:
        encoder = store.encoder or for_passages(load_encoder(), total.passages - total.encoded)
    except ModelUnavailable as error:
        return 0, (str(error),)
    lock = store.encoding()
    if not _acquire(lock, 0):
        return 0, (
            "ほかのプロセスが意味検索の準備をしているので、ここではしませんでした。"
            "(Another process is making the vectors.)",
        )
    try:
        remarks: tuple[str, ...] = ()
        if difference := writing.use_encoder(store, encoder, model):
            remarks = (
                f"モデルが変わったので、ベクトルを作り直します: {difference}。"
                f"それまでは言葉で答えます。\n"
                f"(Another model: all passages are encoded again; words answer until then.)",
            )
        deadline = time.monotonic() + seconds
        encoded = 0
        for keys, texts in _text_batches(store):
            writing.add_vectors(store, keys, encoder.encode_passages(texts), encoder.fingerprint)
            encoded += len(keys)
            if progress:
                counts = store.counts()
                progress("vectors", counts.encoded, counts.passages)
            if stopped() or time.monotonic() > deadline:
                break
        return encoded, remarks
    finally:
        lock.release()


def freshen(store: Store) -> str:
    """See that a store holds the notes as they are now; costs one listing of the folder.

    Returns:
        Why that could not be done, because the folder is away, another process is at it or there
        is too much; empty when it was.
    """
    try:
        folder = store.notes_folder
        if folder is None or store.version_difference() or not any(differences(store)):
            return ""
        until = time.monotonic() + FRESHEN_SECONDS
        update = update_notes(
            store, folder, wait_seconds=0, stopped=lambda: time.monotonic() > until
        )
        encoder = store.encoder or (load_encoder() if encoder_ready() else None)
        missing = store.counts().passages - store.counts().encoded
        current = encoder is not None and store.encoder_fingerprint == encoder.fingerprint
        if current and 0 < missing <= TEXTS_A_BATCH:
            encode(store)
    except NotesError as error:
        return str(error)
    if update is None:
        return BUSY
    unread = f"まだ読んでいないノート {update.unread:,} 件 (notes still unread)"
    return unread if update.unread else ""


class _Reading:
    """One pass over the folder, within the writer's lock."""

    def __init__(
        self, store: Store, folder: Path, progress: Progress, stopped: Callable[[], bool]
    ) -> None:
        self.store = store
        self.folder = folder
        self.progress = progress
        self.stopped = stopped
        self.unread = 0  # files left for the next update
        self.skipped: list[Skipped] = []
        self.names: list[str] = []
        self.tried: dict[str, tuple[NoteFile, int]] = {}  # opened and no note: (file, when)

    def run(self, *, rebuild: bool) -> Update:
        store = self.store
        listing = scan(self.folder, leave_out=store.folder)
        stored = store.known_notes()
        refused = any(not item.lasting for item in listing.skipped)
        if stored and not listing.files and not refused and not rebuild:
            raise NotesFolderError(
                f"ノートが一つも見つかりません: {self.folder}\n"
                f"索引には {len(stored)} 件あります。フォルダが外れていませんか。"
                f"本当に空にするときは `python -m index --rebuild`。\n"
                f"(No notes there now, but {len(stored)} in the store: is the folder "
                f"unmounted? The store is kept.)"
            )
        difference = store.version_difference()
        remarks = []
        if difference:
            remarks.append(
                f"別の版の索引なので、ノートを読み直します: {difference}\n"
                f"(Built by another version: all notes are read again.)"
            )
        gone = _gone(listing, stored)
        self.names += gone[:NAMED]
        self.skipped += listing.skipped
        known = {} if difference else stored
        unreadable = {} if difference else store.known_unreadable()
        to_read = []
        for file in listing.files:
            reason, tried = unreadable.get(file.path, ("", None))
            if tried and tried.unchanged_by_stat(file):
                self.skipped.append(Skipped(file.path, reason))
                self.tried[file.path] = (file, tried.read_ns)
            elif not _is_known(file, known):
                to_read.append(file)
        added, changed, removed = self._read(to_read, known, stored, gone)
        writing.set_skipped(store, self.skipped, self.tried)
        if difference and not self.unread:
            writing.set_versions(store)
        if not store.counts().notes:
            remarks.append(
                f"読めるノートがありません: {self.folder} (.txt や .md、.pdf などを置いて)\n"
                f"(No readable notes there; put .txt, .md, .pdf or other notes in it.)"
            )
        return Update(
            added,
            changed,
            removed,
            tuple(sorted(self.skipped, key=lambda item: item.path)),
            tuple(remarks),
            tuple(self.names[:NAMED]),
            self.unread,
        )

    def _read(
        self,
        to_read: Sequence[NoteFile],
        known: dict[str, KnownNote],
        stored: dict[str, KnownNote],
        gone: Sequence[str],
    ) -> tuple[int, int, int]:
        """Read what is new or changed; returns how many notes were added, changed and removed.

        A note that was moved is never missing: it goes from its old place with the batch that
        brings it to its new one. What else is gone goes with the first.
        """
        added = changed = forgotten = 0
        leaving = _leaving(gone, to_read, stored)
        self.progress("notes", 0, len(to_read))
        done = 0
        for batch in _note_batches(to_read):
            read, touched = [], []
            removed = [path for file in batch for path in leaving.get(file.path, ())]
            removed += leaving[""] if done == 0 else []
            forgotten += len(removed)
            for file in batch:
                when = time.time_ns()
                try:
                    note = read_note(self.folder, file)
                except Unreadable as reason:
                    self.skipped.append(Skipped(file.path, str(reason), lasting=reason.lasting))
                    self.tried[file.path] = (file, when)
                    if reason.lasting and file.path in stored:
                        removed.append(file.path)
                    continue
                if file.path in known and known[file.path].sha256 == note.sha256:
                    touched.append((file, when))
                    continue
                read.append(ReadNote(file, note, split(note), when))
                added += file.path not in stored
                changed += file.path in stored
                self.names.append(file.path)
            if read or removed or touched:
                writing.update(self.store, self.folder, read, touched, removed)
            done += len(batch)
            self.progress("notes", done, len(to_read))
            if done < len(to_read) and self.stopped():
                self.unread = len(to_read) - done
                break
        return added, changed, forgotten


class Differences(NamedTuple):
    """How a folder differs from its store, by names, sizes and times; counts of files."""

    new: int
    changed: int
    gone: int
    unsure: int  # the same, but written so shortly before they were read that times cannot tell


def differences(store: Store) -> Differences:
    """What an update would look at; costs one listing of the folder.

    Raises:
        NotesFolderError: the notes folder is missing or unreadable.
    """
    folder = store.notes_folder
    if folder is None:
        return Differences(0, 0, 0, 0)
    listing = scan(folder, leave_out=store.folder)
    notes = store.known_notes()
    known = {**notes, **{path: tried for path, (_, tried) in store.known_unreadable().items()}}
    there = [file for file in listing.files if file.path in known]
    same = [file for file in there if known[file.path].same_stat(file)]
    return Differences(
        new=len(listing.files) - len(there),
        changed=len(there) - len(same),
        gone=len(_gone(listing, notes)),
        unsure=sum(not _is_known(file, known) for file in same),
    )


def _is_known(file: NoteFile, known: dict[str, KnownNote]) -> bool:
    return file.path in known and known[file.path].unchanged_by_stat(file)


def _gone(listing: Listing, stored: dict[str, KnownNote]) -> list[str]:
    """Notes that are there no more; those that the system refuses just now are not among them."""
    unreadable = [item.path for item in listing.skipped if not item.lasting]
    missing = stored.keys() - {file.path for file in listing.files}
    return sorted(path for path in missing if not _below(path, unreadable))


def _leaving(
    gone: Sequence[str], to_read: Sequence[NoteFile], stored: dict[str, KnownNote]
) -> dict[str, list[str]]:
    """Which notes that are gone leave the store with which file: what is moved keeps size and time.

    With the last file that they may have become; with "" those that have become none.
    """
    last = {(file.size, file.mtime_ns): file.path for file in to_read}
    leaving: dict[str, list[str]] = {"": []}
    for path in gone:
        became = last.get((stored[path].size, stored[path].mtime_ns), "")
        leaving.setdefault(became, []).append(path)
    return leaving


def _below(path: str, places: Sequence[str]) -> bool:
    """Whether a note is one of these files, or lies in one of these folders (with a slash)."""
    return any(
        path == place or (place.endswith("/") and path.startswith(place)) for place in places
    )


def _note_batches(files: Sequence[NoteFile]) -> Iterator[list[NoteFile]]:
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


def _text_batches(store: Store) -> Iterator[tuple[list[bytes], list[str]]]:
    """Texts still to encode, of like length in each batch so that little of it is padding.

    What is to be encoded is looked up again as soon as anyone else changed the store: a note that
    was saved just now goes first.
    """
    while True:
        if not (missing := writing.without_vector(store, TEXTS_A_ROUND)):
            return
        newest = store.notes_generation
        for at in range(0, len(missing), TEXTS_A_BATCH):
            batch = sorted(missing[at : at + TEXTS_A_BATCH], key=lambda item: len(item[1]))
            yield [key for key, _ in batch], [text for _, text in batch]
            if store.notes_generation != newest:
                break


def _acquire(lock: FileLock, seconds: float) -> bool:
    try:
        lock.acquire(timeout=-1 if math.isinf(seconds) else seconds)
    except Timeout:
        return False
    except OSError as error:
        raise write_refused(Path(lock.lock_file).parent, error) from error
    return True


def _silent(stage: Stage, done: int, total: int) -> None:
    """No progress wanted."""
