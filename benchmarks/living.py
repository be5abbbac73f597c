"""python -m benchmarks.living SOURCE WORK: what keeping a large index current costs.

10,000 notes are made from JaQuAD's paragraphs, a bullet for each sentence, and indexed with a fake
encoder (hashed vectors), so that what is measured is the index and not the model. Each step runs in
a process of its own, as `python -m index` would, timed from after its start-up, and is given as a
share of the first build. Then a follower runs, notes are saved, and a reader with a store of its
own looks for each: by a word only that note has, and by its vector. The real model adds its own
time for the note's passages, which is not in these figures.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from index.storage.store import Store, open_store
from index.sync.build import build
from index.sync.update import differences
from index.sync.watch import Follower
from index.words.sentences import sentences
from index.words.tokens import Word, tokenize

NOTES = 10_000
DIM = 384  # the default model's
CHANGES = 5  # builds after one changed note
SAVES = 20  # notes saved under a follower


class HashEncoder:
    """Unit vectors drawn from a hash of the text: equal texts, equal vectors, and no meaning."""

    name = "hash"
    dim = DIM
    fingerprint = f"hash-{DIM}"

    def encode_passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(len(texts), DIM), each of length 1."""
        blocks = (hashlib.shake_256(text.encode()).digest(DIM) for text in texts)
        vectors = np.stack([np.frombuffer(block, np.uint8) for block in blocks]).astype(np.float32)
        vectors -= 127.5
        unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit

    encode_questions = encode_passages


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.living", description=__doc__)
    parser.add_argument("source", type=Path, help="folder of JaQuAD's JSON files, e.g. …/train")
    parser.add_argument("work", type=Path, help="new folder for the notes and the store")
    parser.add_argument("--notes", type=int, default=NOTES, help="how many notes")
    parser.add_argument("--step", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    notes, store = options.work / "notes", options.work / "store"
    if options.step:
        print(json.dumps(_build_once(notes, store)))
        return 0
    write_notes(options.source, notes, options.notes)
    first = _step(options, "first build")
    print(f"{options.notes:,} notes, {first['passages']:,} passages")
    _tell("first build", first, first)
    _tell("nothing changed", _step(options, "nothing changed"), first)
    for number in range(CHANGES):
        _append(notes, number)
        _tell(f"note {number + 1} changed", _step(options, "one note changed"), first)
    by_words, by_vector = _follow(notes, store)
    for name, seconds in (("words", by_words), ("vector", by_vector)):
        print(
            f"saved, then found by {name}: median {median(seconds):.2f} s, max {max(seconds):.2f} s"
        )
    with open_store(store) as opened:
        begun = time.perf_counter()
        differences(opened)
        print(f"the look before a question: {time.perf_counter() - begun:.3f} s")
    return 0


def _append(notes: Path, number: int) -> str:
    """Save one note anew with a word that no other has; returns the word."""
    word = f"tsuiki{number:05}"
    path = notes / f"{number * 7:05}.txt"
    path.write_text(path.read_text(encoding="utf-8") + f"・{word}\n", encoding="utf-8")
    return word


def _follow(notes: Path, store: Path) -> tuple[list[float], list[float]]:
    """Seconds from a save until a reader finds the note by its words, and by its vector."""
    by_words: list[float] = []
    by_vector: list[float] = []
    encoder = HashEncoder()
    vector = encoder.encode_questions(["x"])[0]
    with (
        Store(store, encoder=encoder) as written,
        open_store(store) as reader,
        Follower(notes, written) as follower,
    ):
        while follower.state.busy:
            time.sleep(0.1)
        for number in range(100, 100 + SAVES):
            begun = time.perf_counter()
            (word,) = tokenize(_append(notes, number))
            word = replace(word, parts=(), sounds=())  # others have parts of it
            while not (found := _with_word(reader, word)):
                time.sleep(0.01)
            by_words.append(time.perf_counter() - begun)
            while not _with_vector(reader, vector, list(found)):
                time.sleep(0.01)
            by_vector.append(time.perf_counter() - begun)
            time.sleep(1)
    return by_words, by_vector


def _with_word(store: Store, word: Word) -> dict[int, float]:
    with store.searcher() as index:
        return index.keywords([word], (), 1)


def _with_vector(store: Store, vector: NDArray[np.float32], ids: Sequence[int]) -> dict[int, float]:
    with store.searcher() as index:
        return index.nearest(vector, 0, also=ids)


def write_notes(source: Path, folder: Path, count: int) -> None:
    """Write count numbered notes, one for each paragraph of JaQuAD, over again if need be."""
    folder.mkdir(parents=True)
    for number, (title, context) in enumerate(islice(cycle(_contexts(source)), count)):
        bullets = [context[a:b].strip() for a, b in sentences(context) if context[a:b].strip()]
        lines = [f"{title} {number}", "", *(f"・{bullet}" for bullet in bullets)]
        (folder / f"{number:05}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _contexts(source: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(source.glob("*.json")):
        for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
            for paragraph in article["paragraphs"]:
                yield article["title"], paragraph["context"]


def _step(options: argparse.Namespace, name: str) -> dict[str, float]:
    """One build in a process of its own; what it measured."""
    time.sleep(2.1)  # beyond the file system's grain: notes written just now are read again
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.living", options.source, options.work, "--step"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr}")
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def _build_once(notes: Path, store: Path) -> dict[str, float]:
    tokenize("起動")  # loads the dictionary: start-up
    begun, used = time.perf_counter(), time.process_time()
    report = build(notes, store, encoder=HashEncoder())
    return {
        "seconds": time.perf_counter() - begun,
        "processor": time.process_time() - used,
        "passages": report.passages,
        "read": report.added + report.changed,
    }


def _tell(name: str, step: dict[str, float], first: dict[str, float]) -> None:
    share = step["seconds"] / first["seconds"]
    processor = step["processor"] / first["processor"]
    print(
        f"{name:18} {step['seconds']:7.2f} s {share:7.2%} · processor {step['processor']:7.2f} s "
        f"{processor:7.2%} · {step['read']:,.0f} notes read",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
