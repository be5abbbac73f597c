"""The map of the notes: every passage that has its vector as a point, near those it is like.

    Mapper.look ▶ what is drawn so far; if the store has changed, a thread draws behind:
                  known passages stay, new ones go to their nearest, and when enough are new, all
                  are laid out again from where they stand

Nothing is computed before the first look.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from index.errors import NotesError, way_to
from index.passages import Passage
from index.storage.store import Store
from ui.map.projection import place, project

if TYPE_CHECKING:
    from numpy.typing import NDArray

ENOUGH = 0.2  # All are laid out again when this share of them came or went.
READ = 200  # passages read between two rests, 10 ms

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """Passages and their places, of one state of a store."""

    number: int  # another for each that a mapper draws
    begun: str  # The store's; ids of another mean other passages.
    ids: NDArray[np.int64]  # (n,), rising
    passages: tuple[Passage, ...]  # n of them
    encoder: str  # fingerprint: with another's vectors these are not compared
    vectors: NDArray[np.float32]  # (n, dim), of length 1
    places: NDArray[np.float32]  # (n, 2)


@dataclass(frozen=True, slots=True)
class Drawing:
    """How a map stands."""

    plane: Plane | None = None  # the newest; None before the first
    share: float = 0.0  # How much of the map at work is done; 1 when none is.


class Closed(Exception):
    """Raised in the mapper's thread to end it."""


class Mapper:
    """Draws the map of a store on a thread of its own, whenever somebody looks and it is old."""

    def __init__(self, rest: Callable[[], object]) -> None:
        """Say what to wait for between two steps of the work, a few hundredths of a second each."""
        self._wait = rest
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._plane: Plane | None = None
        self._laid = np.empty(0, np.int64)  # ids of the passages that were last laid out
        self._seen = 0  # the generation last drawn, or tried
        self._share = 0.0

    def look(self, store: Store) -> Drawing:
        """What is drawn, at once; begins to draw the store's present state if that is another.

        Raises:
            NotesError: the store cannot be read.
        """
        generation = store.generation
        with self._lock:
            working = self._thread is not None and self._thread.is_alive()
            if not working and generation != self._seen and not self._closed:
                self._seen, self._share, working = generation, 0.0, True
                self._thread = threading.Thread(
                    target=self._draw, args=(store,), name="map", daemon=True
                )
                self._thread.start()
            return Drawing(self._plane, self._share if working else 1.0)

    def place(self, vector: NDArray[np.float32], encoder: str) -> tuple[float, float] | None:
        """Where a question stands among its nearest; None while no map of its model is drawn.

        Args:
            vector: (dim,), of length 1.
            encoder: the fingerprint of what made it.
        """
        plane = self._plane
        if plane is None or not len(plane.ids) or plane.encoder != encoder:
            return None
        x, y = place(vector[None], plane.vectors, plane.places)[0].tolist()
        return x, y

    def close(self) -> None:
        """End the work at hand."""
        with self._lock:
            self._closed = True
        if self._thread is not None:
            self._thread.join()

    def _rest(self, share: float) -> None:
        self._wait()
        if self._closed:
            raise Closed
        self._share = share

    def _draw(self, store: Store) -> None:
        try:
            self._draw_anew(store)
        except Closed:
            pass
        except NotesError as error:  # deleted, replaced, in use: the next look tries again
            log.info("no map: %s", error)
            self._seen = 0
        except Exception as error:
            log.error("the map failed: %s", way_to(error))

    def _draw_anew(self, store: Store) -> None:
        found: dict[int, Passage] = {}
        with store.searcher() as index:
            begun, encoder, (ids, vectors) = index.begun, index.encoder, index.vectors()
            for begin in range(0, len(ids), READ):
                self._rest(0.0)
                found |= index.passages(ids[begin : begin + READ].tolist())
        passages = tuple(found.values())
        last, start = self._plane, None
        if last is not None and len(last.ids) and last.encoder == encoder:
            same = last.begun == begun
            start = self._moved(last, ids, vectors, same)
            self._publish(begun, ids, passages, encoder, vectors, start)
            if same and len(np.setxor1d(ids, self._laid)) < ENOUGH * len(ids):
                return
        places = project(vectors, start, self._rest)
        self._laid = ids
        self._publish(begun, ids, passages, encoder, vectors, places)

    def _moved(
        self, last: Plane, ids: NDArray[np.int64], vectors: NDArray[np.float32], same: bool
    ) -> NDArray[np.float32]:
        """Places, (n, 2), by the last plane: where it is of the same store, ids stay."""
        at = np.minimum(np.searchsorted(last.ids, ids), len(last.ids) - 1)
        known = (last.ids[at] == ids) & same
        places = last.places[at]
        places[~known] = place(vectors[~known], last.vectors, last.places, self._rest)
        return places

    def _publish(
        self,
        begun: str,
        ids: NDArray[np.int64],
        passages: tuple[Passage, ...],
        encoder: str,
        vectors: NDArray[np.float32],
        places: NDArray[np.float32],
    ) -> None:
        number = self._plane.number + 1 if self._plane else 1
        self._plane = Plane(number, begun, ids, passages, encoder, vectors, places)
