"""Asking while the index follows the notes behind: what a chat keeps for its reader.

    Desk.start ▶ a Follower: the notes as they are now, then the model, then every change
    Desk.ask   ▶ an answer from what is indexed so far: keywords at once, meaning when it is ready

A store that is replaced, deleted or damaged meanwhile is opened again, or built again.
"""

from __future__ import annotations

import logging
import threading
import time
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from index.errors import NotesError, StoreDamaged, StoreMismatch, StoreMissing
from index.filters import Filter
from index.folder import Skipped, real
from index.inbox import Arriving, arriving
from index.notes import Note
from index.settings import SEEDS
from index.storage.stamp import Commit
from index.storage.store import ListedNote, Store, open_store
from index.watch import Follower, Following
from qa.answer import Answer, ask
from qa.citations import read_back
from qa.hit import Hit
from qa.map import Drawing, Mapper
from qa.offers import question_about
from qa.question import read_question
from qa.similar import similar

SEEDS_EXAMPLES = (
    "Hyper-Vのライブマイグレーション対応は？",
    "サーバー仮想化の落とし穴は？",
    "セミナーの会場はどこでしたか？",
)
EXAMPLES = 3  # as many as fit a line
HEADINGS = 100  # looked at for questions to begin with
TRIED = 6  # suggestions looked at for a refusal, which takes as long as six questions
IDLE = Following()
FIRST_STORE_SECONDS = 10.0  # how long a question waits for the first notes of a new store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Status:
    """What is indexed so far; `encoded` of the passages answer by meaning too."""

    notes: int = 0
    passages: int = 0
    encoded: int = 0
    skipped: tuple[Skipped, ...] = ()
    following: Following = IDLE
    error: str = ""  # what is wrong, for the reader; empty when nothing
    model: str = ""  # what the vectors come from, as it calls itself; empty before the first
    changed: float = 0.0  # when the store was last written, in seconds since 1970


class Desk:
    """One notes folder and its store, kept up to date in the background; safe between threads."""

    def __init__(self, notes: Path, store: Path) -> None:
        """Name the folders.

        Raises:
            NotesFolderError: the notes folder is missing or unreadable.
        """
        self._follower = Follower(notes, store)
        self.notes = self._follower.notes
        self.store = store
        self._lock = threading.Lock()
        self._opened: Store | None = None
        self._examples: tuple[Commit | None, list[str]] = (None, [])
        self._filters: tuple[Commit, tuple[list[str], list[str]]] | None = None
        self._questions = 0  # that are being answered
        self._unasked = threading.Event()  # none is
        self._unasked.set()
        self._mapper = Mapper(self._unasked.wait)

    def start(self) -> None:
        """Begin to follow the notes."""
        self._follower.start()

    def close(self) -> None:
        """Stop following, after the batch at hand, and close the store."""
        self._follower.close()
        self._mapper.close()
        self._drop()

    def _drop(self) -> None:
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

    def ask(
        self, question: str, *, history: Sequence[str] = (), within: Filter | None = None
    ) -> Answer:
        """Answer from what is indexed so far; see `qa.ask`.

        A store that was deleted, damaged or left by another version is built again behind.

        Raises:
            NotesError: there is no store to ask yet, or not any more.
        """
        with self._answering():
            try:
                return self._ask(question, history, within)
            except (StoreMissing, StoreDamaged, StoreMismatch):
                self._drop()
                self._follower.look()
                return self._ask(question, history, within)

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Keeps the map's thread waiting meanwhile."""
        with self._lock:
            self._questions += 1
            self._unasked.clear()
        try:
            yield
        finally:
            with self._lock:
                self._questions -= 1
                if not self._questions:
                    self._unasked.set()

    def _ask(self, question: str, history: Sequence[str], within: Filter | None) -> Answer:
        store = self._store()
        answer = ask(question, store, history=history, within=within)
        state = self._follower.state
        said = [state.error]
        if state.unread:
            said.append(
                f"ノートを読んでいる途中です。残り {state.unread:,} 件 (still reading notes)"
            )
        if answer.found or not state.error:  # else what is wrong says why nothing was found
            said.append(answer.notice)
        return replace(answer, notice="; ".join(filter(None, said)))

    def note(self, path: str) -> tuple[Note, bool, Path] | None:
        """An indexed note as its file is now, whether it changed since, and where the file lies.

        None for a path that the store does not know, and for a note whose file cannot be read any
        more or was replaced by a link out of the folder or by something that is no file.
        """
        known = unicodedata.normalize("NFC", path)  # as the store spells it
        try:
            store = self._store(wait=False)
            file = store.note_file(known)
            if file is None or not real(file).is_relative_to(self.notes) or not file.is_file():
                return None
            found = read_back(store, known)
            return found and (*found, file)
        except NotesError:
            return None

    def similar(self, path: str, line: int) -> tuple[Hit, list[tuple[Hit, float]]]:
        """The passage that begins at a line of a note, and those like it; see `qa.similar`.

        Raises:
            LookupError: no passage begins there any more, or there is no store to ask.
        """
        try:
            return similar(unicodedata.normalize("NFC", path), line, self._store(wait=False))
        except NotesError as error:
            raise LookupError(str(error)) from error

    def map(self) -> Drawing:
        """The map of the passages, as far as it is drawn; the first call begins to draw it."""
        try:
            return self._mapper.look(self._store(wait=False))
        except (StoreMissing, StoreDamaged, StoreMismatch):
            self._drop()
            self._follower.look()
        except NotesError as error:
            log.info("no map: %s", error)
        return Drawing()

    def place(self, question: str) -> tuple[float, float] | None:
        """Where a question stands on the map, among its nearest passages; None while unknown.

        Raises:
            NotesError: there is no store to ask, or the model of its vectors cannot be loaded.
        """
        store = self._store(wait=False)
        vector = store.question_vector(read_question(question, store).text)
        return None if vector is None else self._mapper.place(vector)

    def examples(self) -> list[str]:
        """Questions to begin with: for the note that comes along, else of the notes' headings.

        Each was tried and is answered; none before the notes are read. Later they stay as they are.
        """
        try:
            store = self._store(wait=False)
            state = store.commit
            if self._examples[1] or self._examples[0] == state or self._follower.state.unread:
                return self._examples[1]
            headings = store.headings(HEADINGS)
        except NotesError:
            return self._examples[1]
        asked = SEEDS_EXAMPLES if self.notes == SEEDS else map(question_about, headings)
        self._examples = state, self._answered(asked, None)
        return self._examples[1]

    def suggestions(
        self, answer: Answer, within: Filter | None = None, asked: Sequence[str] = ()
    ) -> list[str]:
        """Questions that the notes do answer, to put beside a refusal; none beside an answer.

        Of the headings over the nearest passages, then of the whole folder; each was tried, and
        none was asked before.
        """
        if answer.found:
            return []
        near = [question_about(hit.passage.heading) for hit in answer.hits]
        offered = [text for text in (*near, *self.examples()) if text not in asked]
        with self._answering():
            return self._answered(offered, within)

    def _answered(self, questions: Iterable[str], within: Filter | None) -> list[str]:
        """The first of some questions that the notes answer."""
        tried = islice(filter(None, dict.fromkeys(questions)), TRIED)
        return list(islice((text for text in tried if self._answers(text, within)), EXAMPLES))

    def _answers(self, question: str, within: Filter | None) -> bool:
        try:
            return ask(question, self._store(wait=False), within=within).found
        except NotesError:
            return False

    def filters(self) -> tuple[list[str], list[str]]:
        """The folders and tags that a question may be kept to; cheap while nothing changes."""
        try:
            store = self._store(wait=False)
            state = store.commit
            if self._filters is None or self._filters[0] != state:
                self._filters = state, store.folders_and_tags()
        except NotesError:
            return [], []
        return self._filters[1]

    def status(self) -> Status:
        """How far the index is."""
        following = self._follower.state
        try:
            store = self._store(wait=False)
            counts, skipped = store.counts(), tuple(store.skipped())
            model, changed = store.encoder_name, store.changed
        except NotesError as error:
            said = following.error or ("" if following.busy else str(error))
            return Status(following=following, error=_lines(said, following.broke_off))
        said = _lines(following.error, following.broke_off)
        return Status(*counts, skipped, following, said, model, changed)

    def newest(self, limit: int) -> list[ListedNote]:
        """Up to limit indexed notes, the latest first; none while there is no store."""
        try:
            return self._store(wait=False).newest(limit)
        except NotesError:
            return []

    def known(self, path: str) -> bool:
        """Whether a note is indexed."""
        try:
            return self._store(wait=False).note_file(path) is not None
        except NotesError:
            return False

    def arriving(self, name: str) -> AbstractContextManager[Arriving]:
        """A new note on its way into the folder; see `index.inbox.arriving`."""
        return arriving(self.notes, name)

    def look(self) -> None:
        """Look for new notes as soon as possible."""
        self._follower.look()

    def rebuild(self) -> None:
        """Read and encode all notes again, in the background; see `status`."""
        self._follower.rebuild()

    def _store(self, *, wait: bool = True) -> Store:
        """The store, opened again where it was made anew; soon, if it is only being made."""
        deadline = time.monotonic() + FIRST_STORE_SECONDS
        while True:
            try:
                with self._lock:
                    if self._opened is None:
                        opened = open_store(self.store)
                        opened.wait_for_encoder = False
                        opened.followed = True
                        self._opened = opened
                    opened = self._opened
                opened.must_be_of(self.notes)
                waiting = wait and self._follower.state.busy and time.monotonic() < deadline
                if not waiting or opened.counts().passages:
                    return opened
            except (StoreMissing, StoreDamaged, StoreMismatch):  # the follower mends it
                self._drop()
                self._follower.look()
                if not wait or self._follower.state.failing or time.monotonic() > deadline:
                    raise
            time.sleep(0.05)


def _lines(*said: str) -> str:
    return "\n".join(filter(None, said))
