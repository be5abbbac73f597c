"""Vector search: inner product over unit vectors, kept by FAISS.

The only module that imports faiss. What is kept here is a cache of the SQLite store; the file on
disk only saves the time of filling it again.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from index.storage.private import open_new
from index.storage.stamp import Commit, Stamp, checksums, read_stamp, write_stamp

if TYPE_CHECKING:
    from numpy.typing import NDArray

SAMPLE = 1_000  # passages that stand for all: a fifth of 2,359 gave the same ranking
SCHEMA = 1  # raise when the kind of index below changes: the cache is then made again


class VectorIndex:
    """An exact FAISS index over (id, unit vector), stamped with the generation it holds."""

    def __init__(self, path: Path) -> None:
        """Name the file; nothing is opened before `load` or `reset`."""
        self.path = path
        self.stamp: Stamp | None = None
        self.unsaved = 0  # vectors that came or went since the file was written
        self._stamp_path = path.with_name(path.name + ".stamp")
        self._index: Any = None  # faiss ships no types
        self._sample: NDArray[np.float32] | None = None  # (at most SAMPLE, dim), for usual_cosine

    def __len__(self) -> int:
        """How many passages have a vector here."""
        return 0 if self._index is None else int(self._index.ntotal)

    def load(self, store: str, encoder: str, dim: int) -> bool:
        """Read the file, if it is whole and belongs to this store and encoder; else say False."""
        faiss = _faiss()

        stamp = read_stamp(self._stamp_path)
        if stamp is None or (stamp.commit.store, stamp.made_by) != (store, _made_by(encoder)):
            return False
        try:  # checked before FAISS reads it: a damaged file can take the process down
            if dict(stamp.files) != checksums(self.path.parent, [self.path.name]):
                return False
            index = faiss.read_index(str(self.path))
        except (OSError, RuntimeError):
            return False
        if index.d != dim:
            return False
        self._index, self.stamp, self._sample = index, stamp, None
        self.unsaved = 0
        return True

    def reset(self, store: str, encoder: str, dim: int) -> None:
        """Begin again with an empty index of generation 0."""
        faiss = _faiss()

        self._index = faiss.IndexIDMap2(faiss.IndexFlatIP(dim))
        self._sample = None
        self.stamp = Stamp(Commit(store, 0, ""), _made_by(encoder))

    def apply(
        self,
        commit: Commit,
        removed: NDArray[np.int64],
        added: NDArray[np.int64],
        vectors: NDArray[np.float32],
    ) -> None:
        """Take vectors out and put vectors in, in memory; doing it twice changes nothing.

        Args:
            commit: the state of the store that the result holds.
            removed: (m,) ids; those not here are passed over.
            added: (n,) ids.
            vectors: (n, dim), each of length 1.
        """
        if self._index is None or self.stamp is None:
            raise RuntimeError("VectorIndex: call load() or reset() first")
        gone = np.concatenate([removed, added])
        if len(gone) and len(self):
            self._index.remove_ids(gone)
        if not len(gone):
            self.stamp = replace(self.stamp, commit=commit)
            return
        self._sample = None
        self.unsaved += len(gone)
        if len(added):
            self._index.add_with_ids(np.ascontiguousarray(vectors, dtype=np.float32), added)
        self.stamp = Stamp(commit, self.stamp.made_by)

    def save(self) -> None:
        """Write the file and its stamp, each in one step."""
        faiss = _faiss()

        if self._index is None or self.stamp is None:
            raise RuntimeError("VectorIndex: call load() or reset() first")
        temporary = self.path.with_suffix(".new")
        try:
            with open_new(temporary) as stream:  # FAISS itself would not say that closing failed
                faiss.write_index(self._index, faiss.PyCallbackIOWriter(stream.write))
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(self.path)
        except BaseException:
            temporary.unlink(missing_ok=True)  # it may be what fills the disk
            raise
        self.unsaved = 0
        files = checksums(self.path.parent, [self.path.name])
        self.stamp = replace(self.stamp, files=files)
        write_stamp(self._stamp_path, self.stamp)

    def ids(self) -> set[int]:
        """The ids of all passages that have a vector here."""
        return set(_faiss().vector_to_array(self._index.id_map).tolist()) if len(self) else set()

    def vectors(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The ids of all passages that have a vector here, (n,) and rising, and these, (n, dim)."""
        if not len(self):
            return np.empty(0, np.int64), np.empty((0, 0), np.float32)
        ids = _faiss().vector_to_array(self._index.id_map)
        order = np.argsort(ids)
        return ids[order], self._index.index.reconstruct_n(0, len(self))[order]

    def search(
        self, vector: NDArray[np.float32], k: int, within: Sequence[int] | None = None
    ) -> list[tuple[int, float]]:
        """The k nearest passages as (id, cosine), best first, ties by id; vector is (dim,).

        Of the ids within, if given.
        """
        if not len(self) or (within is not None and not within):
            return []
        faiss = _faiss()
        allowed = faiss.IDSelectorBatch(np.array(within, np.int64)) if within is not None else None
        cosines, ids = self._index.search(
            vector.reshape(1, -1).astype(np.float32),
            min(k, len(self)),
            params=faiss.SearchParameters(sel=allowed) if allowed else None,
        )
        ranked = [(int(i), float(c)) for i, c in zip(ids[0], cosines[0], strict=True) if i >= 0]
        return sorted(ranked, key=lambda hit: (-hit[1], hit[0]))

    def cosines(self, vector: NDArray[np.float32], ids: Sequence[int]) -> dict[int, float]:
        """Cosine of a (dim,) vector to each of the ids that is here."""
        if not len(self):
            return {}
        cosines: dict[int, float] = {}
        for row in ids:
            try:
                cosines[row] = float(self._index.reconstruct(row) @ vector)
            except RuntimeError:  # FAISS has no such id
                continue
        return cosines

    def usual_cosine(self, vector: NDArray[np.float32]) -> tuple[float, float]:
        """Mean and standard deviation of a (dim,) vector's cosine to a sample of what is here."""
        if not len(self):
            return 0.0, 1.0
        if self._sample is None:
            rows = np.linspace(0, len(self) - 1, min(SAMPLE, len(self))).astype(np.int64)
            self._sample = self._index.index.reconstruct_batch(rows)
        cosines = self._sample @ vector
        return float(cosines.mean()), max(float(cosines.std()), 1e-6)


def _faiss() -> ModuleType:
    """The library, loaded when first needed, with one thread.

    A single question is one thread's work: on a busy machine of 2 cores a second one, waiting at
    OpenMP's barrier, made a search of 13,271 vectors 14 times slower (24 ms for 1.7).
    """
    import faiss

    faiss.omp_set_num_threads(1)
    module: ModuleType = faiss
    return module


def _made_by(encoder: str) -> str:
    return f"vectors {SCHEMA}, {encoder}"
