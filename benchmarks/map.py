"""python -m benchmarks.map STORE...: what a plane keeps of the vectors, and what it costs.

For each store with encoded passages: PCA, scikit-learn's t-SNE, umap-learn where it is installed,
and ui/map/projection.py; run it under `taskset -c 0` for the seconds of one core.

trustworthiness: how few of a passage's ten nearest on the plane are far in truth (1: none), on
3,000 passages at random. Of one note: the share of those ten that are of the same note. Then one
note is taken out and the rest laid out again from where it stood: how far passages moved, as a
share of the picture's radius (root mean square).
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.storage.store import open_store
from ui.map.projection import principal, project

SAMPLE = 3_000  # passages whose neighbours are judged: all pairs of them are compared
NEAREST = 10


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.map", description=__doc__)
    parser.add_argument("stores", nargs="+", type=Path, metavar="STORE")
    parser.add_argument("--fast", action="store_true", help="leave out t-SNE, minutes for 10,000")
    options = parser.parse_args(argv)
    print("| passages | projection | seconds | trustworthiness | of one note | moved |")
    print("|---|---|---|---|---|---|")
    for store in options.stores:
        _measure(*_read(store), fast=options.fast)
    return 0


def _read(folder: Path) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """A store's vectors, (n, dim), and for each the number of its note."""
    with open_store(folder) as store, store.searcher() as index:
        ids, vectors = index.vectors()
        passages = index.passages(ids.tolist())
    notes = np.unique([passages[i].path for i in ids.tolist()], return_inverse=True)[1]
    return vectors, notes


def _measure(vectors: NDArray[np.float32], notes: NDArray[np.int64], *, fast: bool) -> None:
    print(f"| {len(vectors):,} | in truth | | 1 | {_together(vectors, notes):.2f} | |")
    projections: dict[str, Callable[[NDArray[np.float32]], Any]] = {"PCA": principal}
    if not fast:
        projections["t-SNE"] = _tsne
    if importlib.util.find_spec("umap"):
        projections["umap-learn"] = _umap
    projections["ui.map.projection"] = project
    for name, projection in projections.items():
        begun = time.perf_counter()
        places = np.asarray(projection(vectors), np.float32)
        seconds = time.perf_counter() - begun
        moved = f"{_moved(vectors, places, notes):.1%}" if projection is project else ""
        print(
            f"| {len(vectors):,} | {name} | {seconds:.1f} | {_trustworthiness(vectors, places):.3f}"
            f" | {_together(places, notes):.2f} | {moved} |",
            flush=True,
        )


def _tsne(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    from sklearn.manifold import TSNE

    start = principal(vectors).astype(np.float32)
    perplexity = min(30, (len(vectors) - 1) // 3)
    model = TSNE(init=start / start[:, 0].std() * 1e-4, perplexity=perplexity, n_jobs=1)
    places: NDArray[np.float32] = model.fit_transform(vectors)
    return places


def _umap(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    from umap import UMAP

    places: NDArray[np.float32] = UMAP(metric="cosine", random_state=0).fit_transform(vectors)
    return places


def _trustworthiness(vectors: NDArray[np.float32], places: NDArray[np.float32]) -> float:
    from sklearn.manifold import trustworthiness

    rows = np.random.default_rng(0).permutation(len(vectors))[:SAMPLE]
    return float(trustworthiness(vectors[rows], places[rows], n_neighbors=NEAREST))


def _together(places: NDArray[np.float32], notes: NDArray[np.int64]) -> float:
    """The share of each passage's nearest that are of its note."""
    from sklearn.neighbors import NearestNeighbors

    rows = NearestNeighbors(n_neighbors=NEAREST).fit(places).kneighbors(return_distance=False)
    return float((notes[rows] == notes[:, None]).mean())


def _moved(
    vectors: NDArray[np.float32], places: NDArray[np.float32], notes: NDArray[np.int64]
) -> float:
    """The median way of the others when the first note goes; of a single note its first tenth."""
    kept = notes != notes[0]
    if not kept.any():
        kept = np.arange(len(notes)) >= len(notes) // 10
    again = project(vectors[kept], places[kept])
    ways = np.linalg.norm(again - places[kept], axis=1)
    return float(np.median(ways) / np.sqrt(places.var(axis=0).sum()))


if __name__ == "__main__":
    sys.exit(main())
