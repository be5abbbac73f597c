"""Asking while the index is brought up to date behind: what a chat keeps for its reader.

    Desk.start ▶ build on a thread of its own, then load the model
    Desk.ask   ▶ an answer from what is indexed so far: keywords at once, meaning when it is ready

A store that is replaced, deleted or damaged meanwhile is opened again, or built again.
"""

from __future__ import annotations

import logging
import threading
import time
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from index.build import Stage, build
from index.encoder import load_encoder
from index.errors import ModelUnavailable, NotesError, StoreDamaged, StoreMismatch, StoreMissing
from index.folder import Skipped, check_folder, real
from index.notes import Note
from index.settings import SEEDS
from index.store import Store, open_store
from qa.answer import Answer, ask, read_back

SEEDS_EXAMPLES = (
    "Hyper-Vのライブマイグレーション対応は？",
    "サーバー仮想化の落とし穴は？",
    "セミナーの会場はどこでしたか？",
)
EXAMPLES = 3  # as many as fit a line
FIRST_STORE_SECONDS = 10.0  # how long a question waits for the first notes of a new store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Status:
    """What is indexed so far; `encoded` of the passages answer by meaning too."""

    notes: int = 0
    passages: int = 0
    encoded: int = 0
    skipped: tuple[Skipped, ...] = ()
    busy: bool = False  # a build is at work, or the model is loading
    error: str = ""  # why the last build ended early, or what it lacked


class Desk:
    """One notes folder and its store, kept up to date in the background; safe between threads."""

    def __init__(self, notes: Path, store: Path) -> None:
        """Name the folders.

        Raises:
            NotesFolderError: the notes folder is missing or unreadable.
        """
        self.notes = check_folder(notes)
        self.store = store
        self._lock = threading.Lock()
        self._worker: threading.Thread | None = None
        self._opened: Store | None = None
        self._unread = 0  # notes that the build at work has still to read
        self._error = ""

    def start(self) -> None:
        """Bring the store up to date on a thread of its own, unless one is at it already."""
        with self._lock:
            if not self._busy:
                self._unread = 1  # until the folder is listed
                self._worker = threading.Thread(target=self._build, name="build", daemon=True)
                self._worker.start()

    def close(self) -> None:
        """Close the store; a build at work ends with the process and loses nothing."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    def ask(self, question: str, *, history: Sequence[str] = ()) -> Answer:
        """Answer from what is indexed so far; see `qa.ask`.

        A store that was deleted, damaged or left by another version is built again behind.

        Raises:
            NotesError: there is no store to ask yet, or not any more.
        """
        try:
            return self._ask(question, history)
        except (StoreMissing, StoreDamaged, StoreMismatch):
            self.close()
            self.start()
            return self._ask(question, history)

    def _ask(self, question: str, history: Sequence[str]) -> Answer:
        store = self._store()
        answer = ask(question, store, history=history)
        if self._unread and self._busy:
            reading = f"ノートを読んでいる途中です。残り {self._unread:,} 件 (still reading notes)"
            return replace(answer, notice="; ".join(filter(None, [reading, answer.notice])))
        return answer

    def note(self, path: str) -> tuple[Note, bool] | None:
        """An indexed note as its file is now, and whether it changed since.

        None for a path that the store does not know, and for a note whose file cannot be read any
        more or was replaced by a link out of the folder or by something that is no file.
        """
        known = unicodedata.normalize("NFC", path)  # as the store spells it
        try:
            store = self._store(wait=False)
            file = store.note_file(known)
            if file is None or not real(file).is_relative_to(self.notes) or not file.is_file():
                return None
            return read_back(store, known)
        except NotesError:
            return None

    def examples(self) -> list[str]:
        """Questions to begin with: for the note that comes along, else from the notes' headings."""
        if self.notes == SEEDS:
            return list(SEEDS_EXAMPLES)
        try:
            headings = self._store(wait=False).headings(EXAMPLES)
        except NotesError:
            return []
        return [f"{heading}は？" for heading in headings]

    def status(self) -> Status:
        """How far the index is."""
        busy = self._busy
        try:
            store = self._store(wait=False)
            counts, skipped = store.counts(), tuple(store.skipped())
        except NotesError as error:
            return Status(busy=busy, error="" if busy else self._error or str(error))
        return Status(*counts, skipped=skipped, busy=busy, error=self._error)

    @property
    def _busy(self) -> bool:
        return self._worker is not None and self._worker.is_alive()

    def _store(self, *, wait: bool = True) -> Store:
        deadline = time.monotonic() + FIRST_STORE_SECONDS
        while True:
            try:
                with self._lock:
                    if self._opened is None:
                        opened = open_store(self.store)
                        opened.wait_for_encoder = False
                        self._opened = opened
                    opened = self._opened
                opened.must_be_of(self.notes)
                waiting = wait and self._unread and self._busy and time.monotonic() < deadline
                if not waiting or opened.counts().passages:
                    return opened
            except (StoreMissing, StoreDamaged, StoreMismatch):  # the build is about to mend it
                if not (wait and self._busy and time.monotonic() < deadline):
                    raise
            time.sleep(0.05)

    def _build(self) -> None:
        self._error = ""
        try:
            report = build(self.notes, self.store, progress=self._progress)
            self._error = "\n".join(report.remarks)
            load_encoder()  # so that the first question need not wait for it
        except ModelUnavailable:
            pass  # the report has said so
        except NotesError as error:
            log.warning("%s", error)
            self._error = str(error)
        except Exception as error:
            log.exception("build failed")
            self._error = f"{type(error).__name__}: {error}"

    def _progress(self, stage: Stage, done: int, total: int) -> None:
        if stage == "notes":
            self._unread = total - done
