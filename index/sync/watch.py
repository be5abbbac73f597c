"""Following a notes folder: what is saved, moved or deleted is in the store a moment later.

    Follower.start ▶ thread "notes": a change ▶ update_notes     found by its words at once
                   ▶ thread "vectors": passages without vector ▶ encode, behind it

The system's notices (watchfiles) wake the first thread. Where they are lost or there are none, as
on network shares, the folder is listed every so often; so a notice is only a hint to look earlier.
Notices that end, and a thread that ends, whatever the cause, are said and started again.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from index.errors import (
    ModelUnavailable,
    NotesError,
    StoreDamaged,
    StoreMissing,
    way_to,
)
from index.folder import IGNORE_FILE, check_folder
from index.messages import NOTHING, Said, joined, said, same
from index.models.encoder import load_encoder
from index.names import visible
from index.storage.store import Store
from index.storage.writing import tidy
from index.sync.build import BuildReport, build_report, encode, prepare
from index.sync.update import Stage, Update, start_over, update_notes

QUIET_MS = 50  # an editor saves in several steps; after this long without one, look
LONGEST_MS = 400  # a folder that never rests is looked at all the same
TICK_MS = 500  # how often to see whether to stop, and whether the folder is still the same one
SWEEP_SECONDS = 30.0  # between two listings that nothing called for; one takes 0.1 s for 10,000
SAID_SECONDS = 60.0  # What broke off and was started again is shown for so long.
RETRY_SECONDS = 2.0  # after a folder that is away or another process at work

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Following:
    """How a follower stands, for a reader to see."""

    busy: bool = False  # notes are being read, passages encoded, or the model is loading
    unread: int = 0  # notes still to be read in this pass
    error: Said = NOTHING  # why the last pass ended early, or what it lacked
    failing: bool = False  # it ended early, and will again until something else is done
    broke_off: Said = NOTHING  # what broke off a moment ago and was started again
    changed: float = 0.0  # when the last change of a note was taken in, in seconds since 1970
    names: tuple[str, ...] = ()  # the first few notes that it was about
    rebuilding: bool = False  # everything is being read again, as was asked for


class Follower:
    """Keeps a store as its notes folder is, on two threads of its own, until closed."""

    def __init__(
        self,
        notes: Path,
        store: Store,
        *,
        told: Callable[[BuildReport], None] | None = None,
    ) -> None:
        """Name the folders; nothing is done before `start`.

        Args:
            notes: the notes folder.
            store: made if need be, and closed by whoever opened it.
            told: called on a thread of the follower's with what each pass did: the first one, and
                each that changed something.

        Raises:
            NotesFolderError: the notes folder is missing or unreadable.
        """
        self.notes = check_folder(notes)
        self.store = store
        self._told = told or (lambda report: None)
        self._stop = threading.Event()
        self._look = threading.Event()  # asks for a pass without a notice
        self._missing = threading.Event()  # asks for encoding
        self._rebuild = threading.Event()  # asks for everything to be read again, until it is
        self._reading = False
        self._encoding = False
        self._state = Following()
        self._missing_remark = NOTHING
        self._broke_off = (NOTHING, 0.0)  # what was said of it last, and when by time.monotonic
        self._threads = [
            threading.Thread(target=self._keep, args=[work], name=name, daemon=True)
            for name, work in (("notes", self._follow), ("vectors", self._encode))
        ]

    def start(self) -> None:
        """Begin to follow."""
        self._reading = True
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Follower:
        """Begin to follow."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop following."""
        self.close()

    def wait(self) -> None:
        """Wait until the follower is closed, or Ctrl-C."""
        while not self._stop.wait(3_600):
            pass

    def close(self) -> None:
        """Stop after the batch at hand; what is done is kept."""
        self._stop.set()
        self._missing.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def look(self) -> None:
        """Look at the folder, and at the store, as soon as possible."""
        self._look.set()

    def rebuild(self) -> None:
        """Read and encode everything again; asked for while that is under way, nothing more."""
        self._rebuild.set()
        self.look()

    @property
    def state(self) -> Following:
        """How things stand."""
        broke_off, when = self._broke_off
        if time.monotonic() > when + SAID_SECONDS:
            broke_off = NOTHING
        error = joined([self._state.error, self._missing_remark], "\n")
        rebuilding = self._rebuild.is_set()
        busy = self._reading or self._encoding or rebuilding
        return replace(
            self._state, busy=busy, error=error, broke_off=broke_off, rebuilding=rebuilding
        )

    def _keep(self, work: Callable[[], None]) -> None:
        """Do one thread's work until the follower is closed, again and again if it breaks off.

        Not only for Exception: what goes wrong in Rust, as in watchfiles, ends a thread otherwise.
        """
        while not self._stop.is_set():
            try:
                work()
            except BaseException as error:
                log.error("following %s broke off: %s", self.notes, way_to(error))
                self._say_broken("broke_off", f"{type(error).__name__}: {error}")
                self._stop.wait(RETRY_SECONDS)
                self.look()

    def _say_broken(self, key: str, why: str) -> None:
        self._broke_off = (said(key, reason=visible(why)), time.monotonic())

    # ── notes ─────────────────────────────────────────────────────────────────────────────────

    def _follow(self) -> None:
        first, due, swept = True, True, time.monotonic()
        for changed in self._notices():
            now = time.monotonic()
            due = due or changed or self._look.is_set() or now > swept + SWEEP_SECONDS
            if self._stop.is_set() or not due:
                continue
            self._look.clear()
            swept = now
            self._reading = True
            try:
                due = not self._pass(first=first)
            finally:
                self._reading = False
            if due:
                self._stop.wait(RETRY_SECONDS)
            else:
                first = False

    def _notices(self) -> Iterator[bool]:
        """Whether something below the folder changed, each TICK_MS or sooner, until stopped.

        Begun again whenever the folder is another one than before (unmounted, moved, made anew),
        and when watchfiles raises: the system has no notices left, or a name is not in UTF-8.
        """
        from watchfiles import watch as changes

        while not self._stop.is_set():
            here = _identity(self.notes)
            try:
                for change in changes(
                    self.notes,
                    watch_filter=self._concerns,
                    debounce=LONGEST_MS,
                    step=QUIET_MS,
                    rust_timeout=TICK_MS,
                    yield_on_timeout=True,
                    stop_event=self._stop,
                    ignore_permission_denied=True,
                ):
                    yield bool(change)
                    if _identity(self.notes) != here:
                        break
            except Exception as error:
                log.info("no notices of %s: %s", self.notes, error)
                if here:  # else the next pass says that the folder is away
                    self._say_broken("no_notices", str(error))
                self._stop.wait(RETRY_SECONDS)
            yield True

    def _concerns(self, _: object, path: str) -> bool:
        """Whether a notice may be about a note; the store may lie among the notes."""
        below = os.path.relpath(path, self.notes)
        hidden = any(part.startswith(".") and part not in (".", "..") for part in Path(below).parts)
        store = self.store.folder
        ours = any(Path(path).is_relative_to(place) for place in (store, os.path.realpath(store)))
        return not ours and (not hidden or Path(below).name == IGNORE_FILE)

    def _pass(self, *, first: bool) -> bool:
        """Bring the notes up to date; False when it has to be tried again."""
        started = time.monotonic()
        try:
            try:
                mended = prepare(self.store, self.notes)
                update = self._update()
            except (StoreMissing, StoreDamaged) as error:  # it is made, or mended, at once
                log.warning("%s", error)
                mended = prepare(self.store, self.notes)
                update = self._update()
            if update is None:  # another process is at it, and its work shows here too
                return False
            counts = self.store.counts()
        except NotesError as error:
            self._failed(error.said)
            return False
        except Exception as error:
            log.error("following %s failed: %s", self.notes, way_to(error))
            self._failed(same(f"{type(error).__name__}: {error}"))
            return False
        remarks = (*mended, *update.remarks)
        self._state = replace(self._state, error=joined(remarks, "\n"), failing=False, unread=0)
        changes = update.added + update.changed + update.removed
        if changes:
            self._state = replace(self._state, changed=time.time(), names=update.names)
        if counts.encoded == counts.passages:
            self._missing_remark = NOTHING  # another process may have done it
        if first or changes or counts.encoded < counts.passages:
            self._encoding = True
            self._missing.set()
        if first or changes:
            self._told(build_report(update, counts, 0, started, remarks))
        return True

    def _update(self) -> Update | None:
        """Read what changed, or everything if that was asked for; None when others are at it."""
        rebuild = self._rebuild.is_set()
        if rebuild and not start_over(self.store, self.notes):
            self._failed(said("busy"))
            return None
        update = update_notes(
            self.store, self.notes, progress=self._read, wait_seconds=0, stopped=self._stop.is_set
        )
        if rebuild and update:
            self._rebuild.clear()
        return update

    def _failed(self, error: Said) -> None:
        if error != self._state.error:  # tried every RETRY_SECONDS, told once
            log.warning("%s", error)
        self._state = replace(self._state, error=error, failing=True, unread=0)

    def _read(self, stage: Stage, done: int, total: int) -> None:
        self._state = replace(self._state, unread=total - done)

    def _no_longer(self) -> bool:
        """Whether encoding is to end: the follower is closed, or the store about to be emptied."""
        return self._stop.is_set() or self._rebuild.is_set()

    # ── vectors ───────────────────────────────────────────────────────────────────────────────

    def _encode(self) -> None:
        while not self._stop.is_set():
            self._missing.wait()
            self._missing.clear()
            if self._stop.is_set():
                continue
            self._encoding = True
            started = time.monotonic()
            try:
                encoded, remarks = encode(self.store, stopped=self._no_longer)
                counts = self.store.counts()
                self._missing_remark = joined(
                    remarks if counts.encoded < counts.passages else (), "\n"
                )
                if encoded:
                    self._told(build_report(Update(), counts, encoded, started, remarks))
                    tidy(self.store)
                if not self.store.encoder:
                    load_encoder()  # so that the first question need not wait for it
            except ModelUnavailable:
                pass  # the remark says so
            except (StoreMissing, StoreDamaged) as error:  # the next pass makes it whole
                log.warning("%s", error)
                self.look()
            except NotesError as error:
                log.warning("%s", error)
                self._missing_remark = error.said
            except Exception as error:
                log.error("encoding failed: %s", way_to(error))
                self._missing_remark = same(f"{type(error).__name__}: {error}")
            finally:
                self._encoding = self._missing.is_set()


def _identity(folder: Path) -> tuple[int, int] | None:
    """Which folder a name stands for now; None when there is none."""
    try:
        info = folder.stat()
    except OSError:
        return None
    return info.st_dev, info.st_ino
