"""python -m benchmarks.jaquad SOURCE OUT: JaQuAD as a folder of notes with a question file.

Each article becomes one note, its contexts as paragraphs; with --bullets each sentence becomes a
bullet under the article's title, as people write notes. A question's wanted line is the one that
holds its answer. JaQuAD is CC BY-SA 3.0 (So et al., 2022, arXiv:2202.01764), and so is what this
writes.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from index.words.sentences import sentences

BULLET = "・"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.jaquad", description=__doc__)
    parser.add_argument("source", type=Path, help="folder of JaQuAD's JSON files, e.g. …/dev")
    parser.add_argument("out", type=Path, help="new folder for notes/ and questions.jsonl")
    parser.add_argument("--files", type=int, help="only the first so many files")
    parser.add_argument("--last", type=int, help="only the last so many")
    parser.add_argument("--bullets", action="store_true", help="each sentence a bullet")
    options = parser.parse_args(argv)
    files = sorted(options.source.glob("*.json"))[: options.files][-(options.last or 0) :]
    notes, questions = convert(files, options.out, bullets=options.bullets)
    print(f"{notes} notes, {questions} questions in {options.out}")
    return 0


def convert(files: Sequence[Path], out: Path, *, bullets: bool = False) -> tuple[int, int]:
    """Write OUT/notes/*.txt and OUT/questions.jsonl; returns how many notes and questions."""
    folder = out / "notes"
    folder.mkdir(parents=True)
    rows: list[dict[str, Any]] = []
    count = 0
    for path in files:
        for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
            name = re.sub(r'[/\\:*?"<>|]', "_", article["title"]).lstrip(".") + ".txt"
            text, asked = article_note(article, name, bullets=bullets)
            (folder / name).write_text(text, encoding="utf-8")
            rows += asked
            count += 1
    with (out / "questions.jsonl").open("w", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return count, len(rows)


def article_note(
    article: dict[str, Any], name: str, *, bullets: bool = False
) -> tuple[str, list[dict[str, Any]]]:
    """A note's text, and its questions with the line of each answer and of each paragraph."""
    text = article["title"] + "\n\n" if bullets else ""
    rows: list[dict[str, Any]] = []
    for paragraph in article["paragraphs"]:
        written, places = _written(paragraph["context"], bullets=bullets)
        begin = len(text)
        text += written + "\n\n"
        first = text.count("\n", 0, begin) + 1
        for asked in paragraph["qas"]:
            answer = asked["answers"][0]
            line = text.count("\n", 0, begin + places[answer["answer_start"]]) + 1
            rows.append(
                {
                    "id": asked["id"],
                    "category": asked["question_type"],
                    "question": asked["question"],
                    "quotes": [answer["text"]],
                    "path": name,
                    "lines": [line],
                    "paragraph": [first, first + written.count("\n")],
                }
            )
    return text, rows


def _written(context: str, *, bullets: bool) -> tuple[str, list[int]]:
    """A paragraph as it stands in the note, and where each of its characters went."""
    kept = context.strip("\n")
    lead = len(context) - len(context.lstrip("\n"))
    if not bullets:
        return kept, [max(0, min(at - lead, len(kept))) for at in range(len(context))]
    written, places = "", []
    for start, end in sentences(context):
        body = context[start:end].strip()
        offset = context.index(body, start) if body else start
        mark = f"\n{BULLET}" if written and body else BULLET if body else ""
        for at in range(start, end):
            within = max(0, min(at - offset, len(body)))
            places.append(len(written) + len(mark) + within)
        written += mark + " ".join(body.split("\n"))
    return written, places


if __name__ == "__main__":
    sys.exit(main())
