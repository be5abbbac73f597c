"""Vectors in a plane: nearest neighbours stay near, and nothing else is promised.

    vectors ▶ nearest neighbours, PCA as a start ▶ pulled together, pushed apart (UMAP) ▶ places

The objective is UMAP's (McInnes, Healy, Melville, 2018) in NumPy alone: umap-learn would bring
numba and llvmlite, 210 MB. What it shows and costs is in benchmarks/README.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEIGHBOURS = 15  # UMAP's usual number
EPOCHS = 200  # UMAP's, for more than 10,000 points
AGAIN = 30  # from an earlier picture, with small steps: new points settle, the others stay
SMALL = 0.05  # the first of those steps; an unstarted picture's is 1
PUSHES = 5  # points that each one is pushed from for every one it is pulled to; UMAP's
A, B = 0.992, 1.112  # 1 / (1 + A d^2B): a point's share of nearness at distance d; min_dist 0.25
FARTHEST = 4.0  # that one pull or push moves; UMAP's
LARGEST = 10_000  # points laid out; more are placed among these, as time grows with the square
BLOCK = 128  # points compared with all others between two rests: 1.3 million cosines, 20 ms
SEED = 0


def project(
    vectors: NDArray[np.float32],
    start: NDArray[np.float32] | None = None,
    rest: Callable[[float], object] = lambda _: None,
) -> NDArray[np.float32]:
    """Places in a plane, (n, 2), for (n, dim) unit vectors; the same for the same arguments.

    Args:
        vectors: of length 1; above LARGEST of them, an even sample is laid out, and the others
            placed among it.
        start: (n, 2) of an earlier picture, which the new one then resembles.
        rest: called with the share done, 0 to 1, every few hundredths of a second; may wait, and
            may raise to end it.
    """
    count = len(vectors)
    if count > LARGEST:
        chosen = np.linspace(0, count - 1, LARGEST).astype(np.int64)
        laid = project(vectors[chosen], None if start is None else start[chosen], rest)
        return place(vectors, vectors[chosen], laid, rest)
    if count < 2:
        return np.zeros((count, 2), np.float32)
    random = np.random.default_rng(SEED)
    if start is None:
        places, epochs, first = principal(vectors), EPOCHS, 1.0
    else:
        places, epochs, first = start.astype(np.float64), AGAIN, SMALL
    places += random.normal(scale=1e-3, size=places.shape)  # equal points could not be parted
    near, cosines = nearest(vectors, vectors, NEIGHBOURS + 1, lambda done: rest(done / 2))
    ends, weights = _graph(near, cosines)
    for epoch in range(epochs):
        rest(0.5 + epoch / epochs / 2)
        drawn = ends[random.random(len(ends)) < weights]
        _pull_and_push(places, drawn, first * (1 - epoch / epochs), random)
    return places.astype(np.float32)


def place(
    vectors: NDArray[np.float32],
    known: NDArray[np.float32],
    places: NDArray[np.float32],
    rest: Callable[[float], object] = lambda _: None,
) -> NDArray[np.float32]:
    """Places, (m, 2), for (m, dim) vectors in a picture of others: the mean of their nearest.

    Weighted by distance, so that a vector that is known stands where it stood.

    Args:
        vectors: of length 1, as are `known`.
        known: (n, dim), n at least 1.
        places: (n, 2), of the known.
        rest: as in `project`.
    """
    near, cosines = nearest(vectors, known, 5, rest)
    weights = 1 / np.maximum(1 - cosines, 1e-6) ** 2  # cosines of equal vectors differ by 1e-7
    weights /= weights.sum(axis=1, keepdims=True)
    mean: NDArray[np.float32] = np.einsum("mk,mkd->md", weights, places[near]).astype(np.float32)
    return mean


def nearest(
    vectors: NDArray[np.float32],
    known: NDArray[np.float32],
    k: int,
    rest: Callable[[float], object] = lambda _: None,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The k nearest of (n, dim) unit vectors to each of (m, dim): rows and cosines, each (m, k).

    In no order; of fewer than k, all. `rest` is called between blocks with the share done.
    """
    k = min(k, len(known))
    near = np.empty((len(vectors), k), np.int64)
    cosines = np.empty((len(vectors), k), np.float32)
    for begin in range(0, len(vectors), BLOCK):
        rest(begin / len(vectors))
        part = slice(begin, begin + BLOCK)
        all_cosines = vectors[part] @ known.T
        near[part] = np.argpartition(all_cosines, -k, axis=1)[:, -k:]
        cosines[part] = np.take_along_axis(all_cosines, near[part], axis=1)
    return near, cosines


def principal(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """The two principal components, (n, 2), within ±10, so that an epoch can cross the picture."""
    centred = (vectors - vectors.mean(axis=0)).astype(np.float64)
    _, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, [-1, -2]]
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), [0, 1]])  # either sign would be right
    scores: NDArray[np.float64] = centred @ axes
    return 10 * scores / max(float(np.abs(scores).max()), 1e-6)


def _graph(
    near: NDArray[np.int64], cosines: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Edges, (e, 2), from each point to its neighbours, and how often each is drawn, 0 to 1.

    The nearest is always drawn, the others less by how much farther they are than is usual there.
    """
    edges = np.stack(np.broadcast_arrays(np.arange(len(near))[:, None], near), axis=-1)
    others = edges[..., 0] != edges[..., 1]
    distances = np.where(others, 1 - cosines, np.inf)
    beyond = distances - distances.min(axis=1, keepdims=True)
    usual = np.where(others, beyond, 0).sum(axis=1, keepdims=True) / NEIGHBOURS
    weights = np.exp(-beyond / np.maximum(usual, 1e-6)).astype(np.float32)
    return edges[others], weights[others]


def _pull_and_push(
    places: NDArray[np.float64],
    edges: NDArray[np.int64],
    step: float,
    random: np.random.Generator,
) -> None:
    """One epoch: the ends of these edges together, the first ends away from points at random.

    The gradient of UMAP's cross entropy, (n, 2), added to the places.
    """
    count = len(places)
    heads, tails = edges.T
    apart = places[heads] - places[tails]
    squares = np.maximum((apart**2).sum(axis=1), 1e-9)
    pull = -2 * A * B * squares ** (B - 1) / (1 + A * squares**B)
    pulled = np.clip(pull[:, None] * apart, -FARTHEST, FARTHEST)
    pushing = np.repeat(heads, PUSHES)
    apart = places[pushing] - places[random.integers(count, size=len(pushing))]
    squares = (apart**2).sum(axis=1)
    push = 2 * B / ((0.001 + squares) * (1 + A * squares**B))
    pushed = np.clip(push[:, None] * apart, -FARTHEST, FARTHEST)
    for axis in (0, 1):
        moved = np.bincount(heads, pulled[:, axis], count)
        moved -= np.bincount(tails, pulled[:, axis], count)
        moved += np.bincount(pushing, pushed[:, axis], count)
        places[:, axis] += step * moved
