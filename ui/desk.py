"""Asking while the index follows the notes behind: what a chat keeps for its reader.

    Desk.start ▶ a Follower: the notes as they are now, then the model, then every change
    Desk.ask   ▶ an answer from what is indexed so far: keywords at once, meaning when it is ready

A store that is replaced, deleted or damaged meanwhile is opened again, or built again.
"""

from __future__ import annotations

import logging
import re
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
from index.messages import NOTHING, Said, joined, said
from index.notes import Note
from index.settings import SEEDS
from index.storage.searcher import LocalSearcher
from index.storage.store import ListedNote, Store
from index.sync.watch import Follower, Following
from qa.answer import Answer, answer
from qa.citations import read_back
from qa.hit import Hit
from qa.understanding.question import read_question
from ui.cards import similar
from ui.inbox import Arriving, arriving
from ui.map.mapper import Drawing, Mapper

SEEDS_EXAMPLES = (
    "Hyper-Vのライブマイグレーション対応は？",
    "サーバー仮想化の落とし穴は？",
    "セミナーの会場はどこでしたか？",
)
EXAMPLES = 3  # as many as fit a line
HEADINGS = 100  # looked at for questions to begin with
TRIED = 6  # suggestions looked at for a refusal, which takes as long as six questions
SHORT = 20  # characters of a heading that reads well in a question
# Letters and what joins them: a list of columns, a date or a quoted title makes no question.
READABLE = re.compile(r"[^\W\d_]+(?:[-・ 　〜][^\W\d_]+)*")
REMARK = re.compile(r"[(（][^()（）]*[)）]\s*$")  # 材料 (4人分): the remark is not asked for
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
    error: Said = NOTHING  # what is wrong, for the reader
    model: str = ""  # what the vectors come from, as it calls itself; empty before the first
    changed: float = 0.0  # when the store was last written, in seconds since 1970


class Desk:
    """One notes folder and its store, kept up to date in the background; safe between threads."""

    def __init__(self, notes: Path, store: Path) -> None:
        """Name the folders.

        Raises:
            NotesFolderError: the notes folder is missing or unreadable.
        """
        self.store = Store(store)
        self._follower = Follower(notes, self.store)
        self.notes = self._follower.notes
        self._lock = threading.Lock()
        self._examples: tuple[int, list[str]] = (
            0,
            [],
        )  # The generation they are of, and the questions.
        self._filters: tuple[int, tuple[list[str], list[str]]] = (0, ([], []))
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
        self.store.close()

    def ask(
        self, question: str, *, history: Sequence[str] = (), within: Filter | None = None
    ) -> Answer:
        """Answer from what is indexed so far; see `qa.ask`.

        A store that was deleted, damaged or left by another version is built again behind.

        Raises:
            NotesError: there is no store to ask yet, or not any more.
        """
        with self._answering():
            self._await_notes()
            try:
                return self._ask(question, history, within)
            except (StoreMissing, StoreDamaged, StoreMismatch):
                self._follower.look()
                self._await_notes()
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
        with self._searcher() as index:
            found = answer(question, index, history=history, within=within)
        state = self._follower.state
        notices = [state.error]
        if state.unread:
            notices.append(said("reading_notes", count=state.unread))
        if found.found or not state.error:  # else what is wrong says why nothing was found
            notices += found.notices
        return replace(found, notices=tuple(filter(None, notices)))

    def note(self, path: str) -> tuple[Note, bool, Path] | None:
        """An indexed note as its file is now, whether it changed since, and where the file lies.

        None for a path that the store does not know, and for a note whose file cannot be read any
        more or was replaced by a link out of the folder or by something that is no file.
        """
        known = unicodedata.normalize("NFC", path)  # as the store spells it
        try:
            with self._searcher() as index:
                indexed = index.note(known)
                if indexed is None or not real(indexed.file).is_relative_to(self.notes):
                    return None
                found = read_back(index, known) if indexed.file.is_file() else None
                return found and (*found, indexed.file)
        except NotesError:
            return None

    def similar(self, path: str, line: int) -> tuple[Hit, list[tuple[Hit, float]]]:
        """The passage that begins at a line of a note, and those like it; see `ui.cards.similar`.

        Raises:
            LookupError: no passage begins there any more, or there is no store to ask.
        """
        try:
            with self._searcher() as index:
                return similar(unicodedata.normalize("NFC", path), line, index)
        except NotesError as error:
            raise LookupError(str(error)) from error

    def map(self) -> Drawing:
        """The map of the passages, as far as it is drawn; the first call begins to draw it."""
        try:
            self.store.must_be_of(self.notes)
            return self._mapper.look(self.store)
        except (StoreMissing, StoreDamaged, StoreMismatch):
            self._follower.look()
        except NotesError as error:
            log.info("no map: %s", error)
        return Drawing()

    def place(self, question: str) -> tuple[float, float] | None:
        """Where a question stands on the map, among its nearest passages; None while unknown.

        Raises:
            NotesError: there is no store to ask, or the model of its vectors cannot be loaded.
        """
        with self._searcher() as index:
            vector = index.question_vector(read_question(question, index).text)
            return None if vector is None else self._mapper.place(vector, index.encoder)

    def examples(self) -> list[str]:
        """Questions to begin with: for the note that comes along, else of the notes' headings.

        Each was tried and is answered; none before the notes are read. Later they stay as they are.
        """
        try:
            self.store.must_be_of(self.notes)
            state = self.store.generation
            if self._examples[1] or self._examples[0] == state or self._follower.state.unread:
                return self._examples[1]
            headings = self.store.headings(HEADINGS)
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
            with self._searcher() as index:
                return answer(question, index, within=within).found
        except NotesError:
            return False

    def filters(self) -> tuple[list[str], list[str]]:
        """The folders and tags that a question may be kept to; cheap while nothing changes."""
        try:
            self.store.must_be_of(self.notes)
            state = self.store.generation
            if self._filters[0] != state:
                self._filters = state, self.store.folders_and_tags()
        except NotesError:
            return [], []
        return self._filters[1]

    def status(self) -> Status:
        """How far the index is."""
        following = self._follower.state
        try:
            store = self.store
            store.must_be_of(self.notes)
            counts, skipped = store.counts(), tuple(store.skipped())
            model, changed = store.encoder_name, store.changed
        except NotesError as error:
            wrong = following.error or (NOTHING if following.busy else error.said)
            return Status(following=following, error=joined([wrong, following.broke_off], "\n"))
        wrong = joined([following.error, following.broke_off], "\n")
        return Status(*counts, skipped, following, wrong, model, changed)

    def newest(self, limit: int) -> list[ListedNote]:
        """Up to limit indexed notes, the latest first; none while there is no store."""
        try:
            self.store.must_be_of(self.notes)
            return self.store.newest(limit)
        except NotesError:
            return []

    def known(self, path: str) -> bool:
        """Whether a note is indexed."""
        try:
            with self._searcher() as index:
                return index.note(path) is not None
        except NotesError:
            return False

    def arriving(self, name: str) -> AbstractContextManager[Arriving]:
        """A new note on its way into the folder; see `ui.inbox.arriving`."""
        return arriving(self.notes, name)

    def look(self) -> None:
        """Look for new notes as soon as possible."""
        self._follower.look()

    def rebuild(self) -> None:
        """Read and encode all notes again, in the background; see `status`."""
        self._follower.rebuild()

    @contextmanager
    def _searcher(self) -> Iterator[LocalSearcher]:
        """What a question looks at; by words alone while the model is still loading."""
        self.store.must_be_of(self.notes)
        with self.store.searcher(wait_for_encoder=False) as index:
            yield index

    def _await_notes(self) -> None:
        """Wait for the first notes of a store that is only being made, or made again.

        Raises:
            StoreError: it cannot be made, or not soon.
        """
        deadline = time.monotonic() + FIRST_STORE_SECONDS
        while True:
            state, late = self._follower.state, time.monotonic() > deadline
            try:
                self.store.must_be_of(self.notes)
                self.store.must_be_current()
                there = not state.busy or self.store.counts().passages
                if late or (there and not self.store.database.met_damage):
                    return
            except (StoreMissing, StoreDamaged, StoreMismatch):  # the follower mends it
                self._follower.look()
                if late or state.failing:
                    raise
            time.sleep(0.05)


def question_about(headings: Sequence[str]) -> str:
    """「肉じゃがの材料は？」 for (…, 肉じゃが, 材料); empty where they make no question."""
    names = [REMARK.sub("", heading).strip() for heading in headings[-2:]]
    usable = [len(name) <= SHORT and bool(READABLE.fullmatch(name)) for name in names]
    if not names or not usable[-1]:
        return ""
    whose = f"{names[0]}の" if len(names) == 2 and usable[0] and names[0] != names[1] else ""
    return f"{whose}{names[-1]}は？"
