"""Bringing a store up to date with its notes folder: only what changed is read and encoded.

    scan ▶ compare with the store ▶ read, split, tokenise ▶ keyword rows ▶ encode ▶ vectors

Each batch is one transaction, so a build that is killed leaves whole notes and goes on from there.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from filelock import Timeout

from index.encoder import Encoder, configured_model, load_encoder
from index.errors import ModelUnavailable, NotesFolderError, StoreDamaged, Unreadable
from index.folder import NoteFile, Skipped, check_folder, scan
from index.notes import read_note
from index.passages import split
from index.store import KnownNote, Store, set_aside

NOTES_A_BATCH = 64  # one commit each: often enough to search early, seldom enough to stay fast
TEXTS_A_BATCH = 64  # encoded between two commits: some 5 s of work that a kill can cost

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


def build(
    notes: str | os.PathLike[str],
    store: str | os.PathLike[str],
    *,
    encoder: Encoder | None = None,
    progress: Progress | None = None,
    rebuild: bool = False,
    encode_seconds: float = math.inf,
) -> BuildReport:
    """Make a store of a notes folder, or bring the one there up to date.

    Args:
        notes: the notes folder; it is only read.
        store: the store's folder; made if need be.
        encoder: turns passages into vectors; the configured model when None.
        progress: called as work goes on.
        rebuild: read and encode everything again.
        encode_seconds: stop encoding after about so long; the next build goes on from there.

    Raises:
        NotesFolderError: the notes folder is missing or unreadable, or was emptied since.
        StoreMismatch: the store belongs to another folder.
        StoreError: the store's folder cannot be used.
    """
    return _Build(
        Path(notes), Path(store), encoder, progress or _silent, rebuild, encode_seconds
    ).run()


class _Build:
    def __init__(
        self,
        notes: Path,
        store: Path,
        encoder: Encoder | None,
        progress: Progress,
        rebuild: bool,
        encode_seconds: float,
    ) -> None:
        self.started = time.monotonic()
        self.folder = check_folder(notes)
        self.store_folder = store
        self.encoder = encoder
        self.progress = progress
        self.rebuild = rebuild
        self.encode_seconds = encode_seconds
        self.remarks: list[str] = []

    def run(self) -> BuildReport:
        """Build, and once more from nothing if the store turns out to be damaged on the way."""
        try:
            return self._run()
        except StoreDamaged as damage:
            kept = set_aside(self.store_folder)
            self.remarks.append(f"{damage}\n壊れたファイルは {kept.name} として残しました。")
            return self._run()

    def _run(self) -> BuildReport:
        listing = scan(self.folder, leave_out=self.store_folder)
        with self._open() as store:
            known = {} if self._cut_differently(store) else store.known_notes()
            stored = store.known_notes()
            paths = {file.path for file in listing.files}
            unreadable = [item.path for item in listing.skipped if not item.lasting]
            gone = [path for path in stored if path not in paths and not _below(path, unreadable)]
            if stored and not listing.files and not unreadable and not self.rebuild:
                raise NotesFolderError(
                    f"ノートが一つも見つかりません: {self.folder}\n"
                    f"索引には {len(stored)} 件あります。フォルダが外れていませんか。"
                    f"本当に空にするときは `python -m index --rebuild`。\n"
                    f"(No notes there now, but {len(stored)} in the store: is the folder "
                    f"unmounted? The store is kept.)"
                )
            if gone:
                store.update((), removed=gone)
            skipped = [*listing.skipped]
            added, changed = self._read(store, listing.files, known, stored, skipped)
            store.set_skipped(skipped)
            if store.version_difference():
                store.set_versions()
            encoded = self._encode(store)
            if gone or added or changed or encoded or not store.saved:
                store.prune()
            counts = store.counts()
        if not counts.notes:
            self.remarks.append(
                f"読めるノートがありません: {self.folder} (.txt か .md を置いてください)\n"
                f"(No readable notes there; put .txt or .md files in it.)"
            )
        return BuildReport(
            added=added,
            changed=changed,
            removed=len(gone),
            unchanged=counts.notes - added - changed,
            skipped=tuple(sorted(skipped, key=lambda item: item.path)),
            passages=counts.passages,
            encoded=encoded,
            seconds=time.monotonic() - self.started,
            remarks=tuple(self.remarks),
        )

    def _open(self) -> Store:
        """The store, whole and of this folder; empty if it is new or to be rebuilt."""
        store = Store(self.store_folder, create=True)
        try:
            if self.rebuild or store.schema_differs():
                store.clear()
            store.check()
            store.bind(self.folder)
        except BaseException:
            store.close()
            raise
        return store

    def _cut_differently(self, store: Store) -> bool:
        """Whether another version cut the stored notes, so that all must be cut again."""
        difference = store.version_difference()
        if difference:
            self.remarks.append(
                f"別の版の索引なので、ノートを読み直します: {difference}\n"
                f"(Built by another version: all notes are read again.)"
            )
        return bool(difference)

    def _read(
        self,
        store: Store,
        files: Sequence[NoteFile],
        known: dict[str, KnownNote],
        stored: dict[str, KnownNote],
        skipped: list[Skipped],
    ) -> tuple[int, int]:
        """Read what is new or changed; returns how many notes were added and changed."""
        added = changed = 0
        to_read = [
            file
            for file in files
            if file.path not in known or not known[file.path].unchanged_by_stat(file)
        ]
        self.progress("notes", 0, len(to_read))
        for done in range(0, len(to_read), NOTES_A_BATCH):
            batch = to_read[done : done + NOTES_A_BATCH]
            read, touched, removed = [], [], []
            for file in batch:
                when = time.time_ns()
                try:
                    note = read_note(self.folder, file)
                except Unreadable as reason:
                    skipped.append(Skipped(file.path, str(reason), lasting=reason.lasting))
                    if reason.lasting and file.path in stored:
                        removed.append(file.path)
                    continue
                if file.path in known and known[file.path].sha256 == note.sha256:
                    touched.append((file, when))
                    continue
                read.append((file, note, split(note), when))
                added += file.path not in stored
                changed += file.path in stored
            if read or removed or touched:
                store.update(read, touched, removed)
            self.progress("notes", done + len(batch), len(to_read))
        return added, changed

    def _encode(self, store: Store) -> int:
        """Give every passage its vector; returns how many were encoded."""
        model = self.encoder.fingerprint if self.encoder else configured_model()
        total = store.counts()
        missing = total.passages - total.encoded
        if not total.passages or (not missing and store.model == model):
            return 0
        try:
            encoder = self.encoder or load_encoder()
        except ModelUnavailable as error:
            self.remarks.append(str(error))
            return 0
        lock = store.encoding()
        try:
            lock.acquire(blocking=False)
        except Timeout:
            self.remarks.append(
                "ほかのプロセスが意味検索の準備をしているので、ここではしませんでした。"
                "(Another process is making the vectors.)"
            )
            return 0
        try:
            return self._encode_all(store, encoder, model)
        finally:
            lock.release()

    def _encode_all(self, store: Store, encoder: Encoder, model: str) -> int:
        if difference := store.use_encoder(encoder, model):
            self.remarks.append(
                f"モデルが変わったので、ベクトルを作り直します: {difference}\n"
                f"(Another model: all passages are encoded again.)"
            )
        encoded = 0
        deadline = time.monotonic() + self.encode_seconds
        for keys, texts in _batches(store):
            store.add_vectors(keys, encoder.encode_passages(texts), encoder.fingerprint)
            encoded += len(keys)
            counts = store.counts()
            self.progress("vectors", counts.encoded, counts.passages)
            if time.monotonic() > deadline:
                break
        return encoded


def _below(path: str, places: Sequence[str]) -> bool:
    """Whether a note is one of these files, or lies in one of these folders (with a slash)."""
    return any(
        path == place or (place.endswith("/") and path.startswith(place)) for place in places
    )


def _batches(store: Store) -> Iterator[tuple[list[bytes], list[str]]]:
    """Texts still to encode, of like length in each batch so that little of it is padding."""
    while missing := store.without_vector(TEXTS_A_BATCH):
        missing.sort(key=lambda item: len(item[1]))
        yield [key for key, _ in missing], [text for _, text in missing]


def _silent(stage: Stage, done: int, total: int) -> None:
    """No progress wanted."""
