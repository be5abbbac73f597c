"""python -m training.pairs JAQUAD OUT: questions, the passage that answers each, and near misses.

JAQUAD is the folder of JaQuAD's train files. Its articles become notes twice, as paragraphs and as
bullets (one a sentence, as people write notes), and kikigaki cuts and searches both as it would any
notes. What it finds for a question although the answer is not in it is a hard negative. The last
files' articles are held out: settings are chosen on them, never on JaQuAD's dev part.

    OUT/passages.jsonl  {"text", "place"}   place: note and lines, to tell sister passages apart
    OUT/pairs.jsonl     {"question", "typed": [...], "answer", "positive", "negatives": [...],
                         "layout", "held"}  numbers count the passages from 0
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.jaquad import convert
from index.folder import check_folder
from index.notes import read_notes
from index.passages import Passage
from index.splitting import split
from index.storage.rows import encoder_text
from index.storage.store import Store, open_store
from index.sync.build import prepare
from index.sync.update import update_notes
from qa.retrieve import candidates
from qa.understanding.question import read_question
from training.log import logged
from training.typed import as_typed

HELD_FILES = 3  # of the thirty: 10 %
NEGATIVES = 8  # kept of each question
DEPTH = 40  # looked through for them
LAYOUTS = ("paragraphs", "bullets")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m training.pairs",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("jaquad", type=Path, help="JaQuAD's folder of train files")
    parser.add_argument("out", type=Path, help="new folder")
    parser.add_argument("--workers", type=int, default=2, help="processes that mine (default 2)")
    options = parser.parse_args(argv)
    options.out.mkdir(parents=True)
    files = sorted(options.jaquad.glob("*.json"))
    parts = {False: files[:-HELD_FILES], True: files[-HELD_FILES:]}
    with logged("pairs", jaquad=options.jaquad, files=len(files)) as scores:
        passages: list[dict[str, Any]] = []
        pairs: list[dict[str, Any]] = []
        for held, part in parts.items():
            for layout in LAYOUTS:
                found, asked = mine(part, layout, options.workers)
                for row in asked:
                    row["positive"] += len(passages)
                    row["negatives"] = [number + len(passages) for number in row["negatives"]]
                    pairs.append({**row, "layout": layout, "held": held})
                passages += found
        write_rows(options.out / "passages.jsonl", passages)
        write_rows(options.out / "pairs.jsonl", pairs)
        scores |= {"passages": len(passages), "pairs": len(pairs)}
        print(scores)
    return 0


def mine(
    files: Sequence[Path], layout: str, workers: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The passages of some articles in one layout, and the questions on them."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch, "out")
        convert(files, out, bullets=layout == "bullets")
        notes = check_folder(out / "notes")
        with Store(out / "store") as store:
            prepare(store, notes)
            update_notes(store, notes)
        rows = [
            json.loads(line)
            for line in (out / "questions.jsonl").read_text(encoding="utf-8").splitlines()
        ]
        shares = [rows[start::workers] for start in range(workers)]
        with ProcessPoolExecutor(workers) as pool:
            mined = pool.map(_mine_share, [out / "store"] * workers, shares)
            asked = [row for share in mined for row in share]
        passages = {}
        for note in read_notes(out / "notes")[0]:
            for passage in split(note):
                text = encoder_text(note.title, passage)
                passages[passage.path, passage.start] = {
                    "text": text,
                    "place": f"{passage.path}:{passage.start_line}",
                }
        numbers = {place: number for number, place in enumerate(passages)}
        for row in asked:
            row["positive"] = numbers[row["positive"]]
            row["negatives"] = [numbers[place] for place in row["negatives"]]
        return list(passages.values()), asked


def _mine_share(folder: Path, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each question with its passages by place, as long as one of them holds the answer's line."""
    mined = []
    with open_store(folder) as store, store.searcher() as index:
        for asked in rows:
            question, answer, line = asked["question"], asked["quotes"][0], asked["lines"][0]
            of_note = index.passages_of(asked["path"])
            positive = [
                p for p in of_note if p.start_line <= line <= p.end_line and answer in p.text
            ]
            if not positive:
                continue
            negatives = [
                hit.passage
                for hit in candidates(read_question(question, index), index, DEPTH)
                if answer not in hit.passage.text
            ]
            mined.append({
                "question": question,
                "typed": as_typed(question, random.Random(asked["id"])),
                "answer": answer,
                "positive": _place(positive[0]),
                "negatives": [_place(p) for p in negatives[:NEGATIVES]],
            })  # fmt: skip
    return mined


def _place(passage: Passage) -> tuple[str, int]:
    return passage.path, passage.start


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """One JSON object a line."""
    with path.open("w", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def read_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of such a file."""
    with path.open(encoding="utf-8") as stream:
        yield from map(json.loads, stream)


if __name__ == "__main__":
    sys.exit(main())
