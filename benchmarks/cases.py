"""python -m benchmarks.cases FOLDER: small cases, each with a few notes and what they answer.

Each folder below FOLDER with a questions.jsonl is a case: {"id", "question", "quotes"} a line, and
notes/ with what it is asked of, beside those of FOLDER/base, so that there is something else to
find. A question is right when each of its quotes stands in the lines that are cited, or, where it
has none, when it is refused. A line a case; --show names what was wrong.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from index import build, open_store
from index.notes import read_notes
from index.storage.store import Store
from qa.answer import Answer, ask
from qa.questions import read_questions

Judged = tuple[dict[str, Any], Answer, bool]  # a question, what was said, whether it is right


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cases", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="*", default=[], metavar="NAME", help="these cases")
    parser.add_argument("--show", action="store_true", help="name what was wrong")
    options = parser.parse_args(argv)
    right = asked = 0
    for name, judged in measure(options.folder, options.only):
        good = sum(is_right for *_, is_right in judged)
        right, asked = right + good, asked + len(judged)
        print(f"{good:3} of {len(judged):3}  {name}", flush=True)
        for row, answer, is_right in judged:
            if options.show and not is_right:
                cited = " | ".join(citation.quote for citation in answer.citations) or "–"
                print(f"      {row['id']} {row['question']} {row['quotes']} ≠ {cited!r}")
                print(f"        {answer.confidence:.2f} {answer.hits[0].passage.text[:60]!r}")
    print(f"{right:3} of {asked:3}  = {right / max(asked, 1):.3f}")
    return 0


def measure(folder: Path, names: Sequence[str] = ()) -> Iterator[tuple[str, list[Judged]]]:
    """Each case's name and questions, in order; asked of one store whose notes are exchanged."""
    with TemporaryDirectory() as made:
        notes, store = Path(made) / "notes", Path(made) / "store"
        for questions in sorted(folder.glob("*/questions.jsonl")):
            case = questions.parent
            if names and case.name not in names:
                continue
            shutil.rmtree(notes, ignore_errors=True)
            for part in (folder / "base", case / "notes"):
                if part.is_dir():
                    shutil.copytree(part, notes, dirs_exist_ok=True)
            build(notes, store)
            with open_store(store) as opened:
                yield case.name, [_judged(row, opened, notes) for row in read_questions(questions)]


def _judged(row: dict[str, Any], store: Store, notes: Path) -> Judged:
    answer = ask(row["question"], store)
    texts = {note.path: note.lines for note in read_notes(notes)[0]}
    cited = [
        "\n".join(texts[citation.path][citation.start_line - 1 : citation.end_line])
        for citation in answer.citations
    ]
    right = all(any(quote in text for text in cited) for quote in row["quotes"])
    return row, answer, right if row["quotes"] else not answer.found


if __name__ == "__main__":
    sys.exit(main())
