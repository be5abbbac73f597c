"""Vector search: inner product over unit vectors, by FAISS.

The only module that imports faiss. An index is of one generation and never changes; the next one
shares its blocks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPARE = 16  # neighbours fetched besides: FAISS sums in single precision, and ties come in any order


@dataclass(frozen=True, slots=True, eq=False)
class _Block:
    """Vectors that came together."""

    ids: NDArray[np.int64]  # (n,)
    vectors: Any  # FAISS's flat index of n; faiss ships no types
    live: NDArray[np.bool_]  # (n,): which of these passages are still there


class VectorIndex:
    """The vectors of one generation, made by one encoder."""

    def __init__(self, encoder: str, dim: int, blocks: Sequence[_Block] = ()) -> None:
        """An empty index, for `changed`."""
        self.encoder = encoder  # fingerprint
        self.dim = dim
        self._blocks = tuple(block for block in blocks if block.live.any())

    def __len__(self) -> int:
        """How many passages have a vector here."""
        return sum(int(block.live.sum()) for block in self._blocks)

    def changed(
        self, removed: NDArray[np.int64], added: Iterable[tuple[Sequence[int], NDArray[np.float32]]]
    ) -> VectorIndex:
        """The index of a later generation.

        Args:
            removed: (m,) ids; those not here are passed over.
            added: ids and their vectors, (n, dim) and of length 1, in portions that fit memory.
        """
        faiss = _faiss()
        vectors = faiss.IndexFlatIP(self.dim)
        ids: list[int] = []
        for some, portion in added:
            ids += some
            vectors.add(np.ascontiguousarray(portion, dtype=np.float32))
        gone = np.concatenate([removed, np.array(ids, np.int64)])
        blocks = [
            replace(block, live=block.live & ~np.isin(block.ids, gone)) for block in self._blocks
        ]
        if ids:
            new = np.array(ids, np.int64)
            # Each block is at least twice as large as the next, so that there are few.
            while blocks and len(blocks[-1].ids) < 2 * len(new):
                block = blocks.pop()
                kept = block.live.nonzero()[0]
                if len(kept):
                    vectors.add(block.vectors.reconstruct_batch(kept))
                    new = np.concatenate([new, block.ids[kept]])
            blocks.append(_Block(new, vectors, np.ones(len(new), bool)))
        return VectorIndex(self.encoder, self.dim, blocks)

    def vectors(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The ids of all passages that have a vector here, (n,) and rising, and these, (n, dim)."""
        if not self._blocks:
            return np.empty(0, np.int64), np.empty((0, self.dim), np.float32)
        ids = np.concatenate([block.ids[block.live] for block in self._blocks])
        parts = [block.vectors.reconstruct_batch(block.live.nonzero()[0]) for block in self._blocks]
        order = np.argsort(ids)
        return ids[order], np.concatenate(parts)[order]

    def search(
        self, vector: NDArray[np.float32], k: int, within: NDArray[np.int64] | None = None
    ) -> dict[int, float]:
        """At least the k nearest passages and all that are as near as the last: cosine by id.

        Args:
            vector: (dim,), of length 1.
            k: at least how many, as far as there are any.
            within: the ids that count, if not all do.
        """
        if k < 1:
            return {}
        faiss = _faiss()
        asked = vector.reshape(1, -1).astype(np.float32)
        cosines: dict[int, float] = {}
        for block in self._blocks:
            counts = block.live if within is None else block.live & np.isin(block.ids, within)
            there = int(counts.sum())
            bits = np.packbits(counts, bitorder="little")
            chosen = None if there == len(counts) else faiss.IDSelectorBitmap(bits)
            parameters = faiss.SearchParameters(sel=chosen) if chosen else None
            fetched = min(k + SPARE, there)
            while fetched:
                near, rows = block.vectors.search(asked, fetched, params=parameters)
                if fetched == there or near[0, k - 1] - near[0, -1] > 1e-5:
                    cosines |= self._cosines(block, rows[0], vector)
                    break
                fetched = min(2 * fetched, there)  # many are equally near
        return cosines

    def cosines(self, vector: NDArray[np.float32], ids: Sequence[int]) -> dict[int, float]:
        """Cosine of a (dim,) vector to each of the ids that is here."""
        found: dict[int, float] = {}
        for block in self._blocks:
            rows = (block.live & np.isin(block.ids, ids)).nonzero()[0]
            if len(rows):
                found |= self._cosines(block, rows, vector)
        return found

    def _cosines(
        self, block: _Block, rows: NDArray[np.int64], vector: NDArray[np.float32]
    ) -> dict[int, float]:
        """Exact cosines, the same wherever in a block a vector stands."""
        products = block.vectors.reconstruct_batch(rows).astype(np.float64) * vector
        return dict(zip(block.ids[rows].tolist(), products.sum(axis=1).tolist(), strict=True))


def _faiss() -> ModuleType:
    """The library, loaded when first needed, with one thread.

    A single question is one thread's work: on a busy machine of 2 cores a second one, waiting at
    OpenMP's barrier, made a search of 13,271 vectors 14 times slower (24 ms for 1.7).
    """
    import faiss

    faiss.omp_set_num_threads(1)
    module: ModuleType = faiss
    return module
