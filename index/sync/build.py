"""Bringing a store up to date with its notes folder: only what changed is read and encoded.

    prepare   the store is made, or made anew where it cannot be used
    update    what changed is read, and found by its words at once (update.py)
    encode    passages get their vectors, as far as time allows

`build` does all of it, for scripts and the command; `freshen` the first part before a question.
Each batch is one transaction, so a build that is killed goes on from where it was.
"""

from __future__ import annotations

import math
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from index.errors import ModelUnavailable, NotesError, StoreDamaged, StoreError, StoreMissing
from index.folder import check_folder
from index.messages import Said, said
from index.models.encoder import (
    Encoder,
    configured_model,
    encoder_ready,
    for_passages,
    load_encoder,
)
from index.storage import writing
from index.storage.database import SCHEMA
from index.storage.searcher import Counts
from index.storage.store import Store
from index.storage.writing import refused_writes
from index.sync.update import Progress, Update, acquire, differences, silent, update_notes

TEXTS_A_BATCH = 32  # encoded between two commits: some 3 s of work that a kill can cost
TEXTS_A_ROUND = 2_048  # looked up at once: finding what lacks a vector reads the whole table
FRESHEN_SECONDS = 2.0  # what a question may spend on reading notes before it is answered
MENDING_SECONDS = 60.0  # how long to wait for another process before a damaged store is set aside


@dataclass(frozen=True, slots=True)
class BuildReport(Update):
    """What one build found and did."""

    unchanged: int = 0  # notes
    passages: int = 0  # in the store now
    encoded: int = 0  # passages that were turned into vectors by this build
    seconds: float = 0.0


def build(
    notes: str | os.PathLike[str],
    store: str | os.PathLike[str],
    *,
    encoder: Encoder | None = None,
    progress: Progress = silent,
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
    progress: Progress = silent,
    rebuild: bool = False,
    encode_seconds: float = math.inf,
    wait_seconds: float = math.inf,
) -> BuildReport:
    """What `build` does, for a store that is open; damage that is met is mended on the way."""
    started = time.monotonic()
    remarks: tuple[Said, ...] = ()
    while True:
        try:
            remarks += prepare(store, folder, rebuild=rebuild)
            update = update_notes(
                store, folder, progress=progress, rebuild=rebuild, wait_seconds=wait_seconds
            )
            if update is None:
                update = Update(skipped=tuple(store.skipped()), remarks=(said("busy"),))
            encoded, missing = encode(store, progress=progress, seconds=encode_seconds)
            if encoded or update.added or update.changed or update.removed:
                writing.tidy(store)
            remarks += (*update.remarks, *missing)
            return build_report(update, store.counts(), encoded, started, remarks)
        except StoreDamaged:
            if not store.database.met_damage:  # it could not be noted, so it cannot be mended
                raise


def prepare(store: Store, folder: Path, *, rebuild: bool = False) -> tuple[Said, ...]:
    """Make the store of a folder where there is none or none that can be used; what was mended.

    A damaged file, and one of another version's tables, is set aside. To rebuild, it is emptied.

    Raises:
        StoreMismatch: it belongs to another folder.
        StoreError: its folder cannot be used.
    """
    remarks: tuple[Said, ...] = ()
    if why := _unusable(store):
        lock = store.writing()
        if not acquire(lock, MENDING_SECONDS):
            raise StoreError(said("busy"))
        try:
            if why := _unusable(store):  # no other process has mended it meanwhile
                with refused_writes(store.folder):
                    kept = store.database.set_aside(why)
                    _forget_former_caches(store.folder)
                remarks = (said(f"set_aside_{why}", name=kept.name),)
        finally:
            lock.release()
    if store.make():
        remarks += (said("was_open", folder=store.folder),)
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


def build_report(
    update: Update, counts: Counts, encoded: int, started: float, remarks: tuple[Said, ...]
) -> BuildReport:
    """What an update and the encoding after it did; started is of time.monotonic."""
    return BuildReport(
        added=update.added,
        changed=update.changed,
        removed=update.removed,
        skipped=update.skipped,
        remarks=remarks,
        names=update.names,
        unread=update.unread,
        unchanged=counts.notes - update.added - update.changed,
        passages=counts.passages,
        encoded=encoded,
        seconds=time.monotonic() - started,
    )


def encode(
    store: Store,
    *,
    progress: Progress = silent,
    seconds: float = math.inf,
    stopped: Callable[[], bool] = lambda: False,
) -> tuple[int, tuple[Said, ...]]:
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
        return 0, (error.said,)
    lock = store.encoding()
    if not acquire(lock, 0):
        return 0, (said("encoding_elsewhere"),)
    try:
        remarks: tuple[Said, ...] = ()
        if difference := writing.use_encoder(store, encoder, model):
            remarks = (said("other_model", difference=difference),)
        deadline = time.monotonic() + seconds
        encoded = 0
        for keys, texts in _text_batches(store):
            writing.add_vectors(store, keys, encoder.encode_passages(texts), encoder.fingerprint)
            encoded += len(keys)
            counts = store.counts()
            progress("vectors", counts.encoded, counts.passages)
            if stopped() or time.monotonic() > deadline:
                break
        return encoded, remarks
    finally:
        lock.release()


def freshen(store: Store) -> Said | None:
    """See that a store holds the notes as they are now; costs one listing of the folder.

    Returns:
        Why that could not be done, because the folder is away, another process is at it or there
        is too much; None when it was.
    """
    try:
        folder = store.notes_folder
        if folder is None or store.version_difference() or not any(differences(store)):
            return None
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
        return error.said
    if update is None:
        return said("busy")
    return said("still_unread", count=update.unread) if update.unread else None


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
