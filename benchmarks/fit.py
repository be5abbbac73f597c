"""python -m benchmarks.fit WHAT FOLDER...: fit the weights that qa/ carries, or judge them.

    words       writes question_words.tsv: question words that answering passages often lack
    ranking     writes the weights of qa/rank.py
    reader      writes the weight of qa/rank.py, shows what each SETTLED would cost, then goes on
                as `confidence` does
    confidence  writes the weights of qa/confidence.py; after the ranking's are in place
    report      judges the present weights, fits none

A FOLDER comes from `python -m benchmarks.jaquad`. Each question is asked of all notes, then of all
but the paragraph that answers it (its sister paragraphs stay: the hard case), then of all but the
whole note (what a folder does not cover). Fit on JaQuAD train, report on dev; never fit on dev.
Weights for the reader and the encoder are fitted on the articles that neither was trained on:
`python -m benchmarks.jaquad …/train FOLDER --last 3`. Weights are written to qa/fitted.json.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from benchmarks.reliability import calibration_error, write_diagram
from index.errors import NotesError
from index.notes import read_notes
from index.passages import Passage
from index.splitting import split
from index.storage.searcher import Searcher
from index.storage.store import open_store
from index.sync.build import build
from index.terminal import whole_number
from qa import rank as rerank
from qa.citations import ANSWERS
from qa.confidence import ANSWERS_FROM, Grounds, confidence, grounds
from qa.fitted import FILE
from qa.hit import Finding, Hit, Signs
from qa.questions import read_questions
from qa.rank import FIRST, RANKED, look, rank, weigh
from qa.reader import Reader, load_reader
from qa.retrieve import CANDIDATES, candidates
from qa.understanding.evidence import read
from qa.understanding.question import Question, read_question

Array = NDArray[np.float64]
WORDS = Path(__file__).resolve().parent.parent / "qa" / "understanding" / "question_words.tsv"
HELD = 0.5  # evidence from which a passage is said to hold a word
DOUBT = 8  # notes that would hold it as usual: a word seen in few notes stays near that
SELDOM = 0.6  # share of answering passages that hold it, below which a word is kept
PENALTY = 1e-3  # on the squared ranking weights; ten times less or more changes no measure by 0.001
SETTLED = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)  # which are tried
SURE = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7)
WRONGLY_REFUSED = 0.05  # of the answerable ones: where refusals are compared


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fit",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=("words", "ranking", "reader", "confidence", "report"))
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument(
        "--questions", type=whole_number, help="of each folder, a random part (seed 0)"
    )
    parser.add_argument("--out", type=Path, default=FILE, help="instead of qa/fitted.json")
    parser.add_argument("--diagram", type=Path, help="report: write a reliability diagram (SVG)")
    options = parser.parse_args(argv)
    if options.what == "words":
        count_words(options.folders, options.questions)
        return 0
    cases = [case for folder in options.folders for case in ask_all(folder, options.questions)]
    print(f"{len(cases)} questions")
    if options.what == "ranking":
        write_fitted("ranking", {"weights": fit_ranking(cases)}, options.out)
    elif options.what in ("reader", "confidence"):
        if options.what == "reader":
            rerank.WEIGHT = fit_reader(cases)
            write_fitted("reader", {"weight": rerank.WEIGHT}, options.out)
            report_settled(cases)
        models = [
            fit_confidence(cases, reader=reader, vectors=vectors)
            for reader in (True, False)
            for vectors in (True, False)
        ]
        write_fitted("confidence", {"models": models}, options.out)
    else:
        report(cases, options.diagram)
    return 0


class Case:
    """A question with the passages found for it, and which of them answer."""

    def __init__(self, question: Question, row: dict[str, Any], found: Sequence[Hit]) -> None:
        """Keep the question, its row of the question file, and its candidates, best first."""
        self.question = question
        self.path: str = row["path"]
        self.line: int = row["lines"][0]
        self.paragraph: tuple[int, int] = tuple(row["paragraph"])
        self.quote: str = row["quotes"][0]
        self.found = found
        self._findings: dict[tuple[str, int], Finding | None] = {}

    def answers(self, hit: Hit) -> bool:
        """Whether a hit covers the answer's own line."""
        return _covers(hit, self.path, self.line, self.line)

    def near(self, hit: Hit) -> bool:
        """Whether a hit covers a line of the paragraph that holds the answer."""
        return _covers(hit, self.path, *self.paragraph)

    def asked(self, *, reader: bool = True, vectors: bool = True) -> tuple[list[Hit], ...]:
        """What is found in all notes, without the paragraph, and without the note; best first."""
        found = list(self.found) if vectors else without_vectors(self.found)
        return tuple(
            self._ranked(part[:RANKED], reader=reader)
            for part in (
                found,
                [hit for hit in found if not self.near(hit)],
                [hit for hit in found if hit.passage.path != self.path],
            )
        )

    def _ranked(self, hits: Sequence[Hit], *, reader: bool) -> list[Hit]:
        ranked = rank(self.question, hits)
        network = load_reader() if reader else None
        return (
            weigh(look(self.question, ranked, partial(self._read, network))) if network else ranked
        )

    def _read(
        self, network: Reader, question: str, passages: Sequence[Passage]
    ) -> list[Finding | None]:
        """What the reader finds in them; nothing is read twice."""
        new = [passage for passage in passages if _place(passage) not in self._findings]
        for passage, finding in zip(new, network.read(question, new), strict=True):
            self._findings[_place(passage)] = finding
        return [self._findings[_place(passage)] for passage in passages]


def _place(passage: Passage) -> tuple[str, int]:
    return passage.path, passage.start


def ask_all(folder: Path, questions: int | None) -> list[Case]:
    """Bring a folder's store up to date, and search it for each of its questions."""
    rows = list(read_questions(folder / "questions.jsonl"))
    random.Random(0).shuffle(rows)
    build(folder / "notes", folder / "store")
    with open_store(folder / "store") as store, store.searcher() as index:
        return [_case(index, row) for row in rows[:questions]]


def _case(index: Searcher, row: dict[str, Any]) -> Case:
    question = read_question(row["question"], index)
    return Case(question, row, candidates(question, index, CANDIDATES))


def write_fitted(part: str, numbers: dict[str, Any], file: Path = FILE) -> None:
    """Put fitted numbers in the place of a part's former ones.

    Args:
        part: ranking, reader or confidence.
        numbers: what `read_fitted` is to give, less the command.
        file: the whole of fitted.json, or a copy of it.
    """
    fitted = json.loads(file.read_bytes())
    fitted[part] = {"made_by": f"python -m benchmarks.fit {part} FOLDER...", **numbers}
    text = json.dumps(fitted, ensure_ascii=False, indent=1)
    file.write_text(text + "\n", encoding="utf-8")


def count_words(folders: Sequence[Path], questions: int | None) -> None:
    """Write the words that passages which answer hold seldom, with the share of those that do.

    Each note has one vote on a word, so that no word of one subject gets in by many questions.
    """
    votes: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for folder in folders:
        rows = list(read_questions(folder / "questions.jsonl"))
        random.Random(0).shuffle(rows)
        build(folder / "notes", folder / "store")
        notes = {note.path: split(note) for note in read_notes(folder / "notes")[0]}
        with open_store(folder / "store") as store, store.searcher() as index:
            for row in rows[:questions]:
                question = read_question(row["question"], index)
                path, line = row["path"], row["lines"][0]
                answering = next(p for p in notes[path] if p.start_line <= line <= p.end_line)
                found = read(question, answering).held
                for word, evidence in zip(question.words, found, strict=True):
                    votes[word.terms[0]][path].append(evidence >= HELD)
    shares = {
        term: [sum(held) / len(held) for held in of_term.values()]
        for term, of_term in votes.items()
    }
    every = [share for of_term in shares.values() for share in of_term]
    usual = sum(every) / len(every)
    print(f"USUALLY = {usual:.2f}")
    doubted = {
        term: (sum(of_term) + DOUBT * usual) / (len(of_term) + DOUBT)
        for term, of_term in shares.items()
    }
    kept = sorted((term, share) for term, share in doubted.items() if share < SELDOM)
    WORDS.write_text("".join(f"{term}\t{share:.2f}\n" for term, share in kept), encoding="utf-8")
    print(f"{len(kept)} words in {WORDS.name}")


def fit_ranking(cases: Sequence[Case]) -> dict[str, float]:
    """Weights under which the softmax over a question's hits is likeliest to pick an answering one.

    Maximises the sum of log(sum of exp(score) over answering hits / over all hits), less a penalty.
    Source: the listwise loss of ListNet's top one, Cao et al., ICML 2007.
    """
    groups = [_ranking_group(case) for case in cases]
    groups = [(values, right) for values, right in groups if right.any()]
    scale = np.vstack([values - values.mean(0) for values, _ in groups]).std(0)
    values = np.zeros((len(groups), RANKED, len(Signs._fields)))
    there = np.zeros((len(groups), RANKED))
    right = np.zeros((len(groups), RANKED))
    for at, (of_case, answering) in enumerate(groups):
        values[at, : len(of_case)] = of_case / scale
        there[at, : len(of_case)] = 1
        right[at, : len(of_case)] = answering

    def loss(weights: Array) -> tuple[float, Array]:
        scores = np.where(there > 0, values @ weights, -np.inf)
        exponents = np.exp(scores - scores.max(1, keepdims=True))
        all_hits, answering = exponents.sum(1), (exponents * right).sum(1)
        slope = exponents / all_hits[:, None] - exponents * right / answering[:, None]
        penalty = PENALTY * len(groups)
        return (
            float(-np.log(answering / all_hits).sum() + penalty * weights @ weights / 2),
            np.einsum("qh,qhf->f", slope, values) + penalty * weights,
        )

    fitted = minimize(loss, np.zeros(len(Signs._fields)), jac=True, method="L-BFGS-B").x / scale
    return dict(zip(Signs._fields, map(float, fitted.round(2)), strict=True))


def _ranking_group(case: Case) -> tuple[Array, NDArray[np.bool_]]:
    hits = rank(case.question, case.found[:RANKED])
    values = np.array([hit.signs for hit in hits]).reshape(len(hits), len(Signs._fields))
    return values, np.array([case.answers(hit) for hit in hits], dtype=bool)


def fit_reader(cases: Sequence[Case]) -> float:
    """What the reader's log odds are worth against the score of words and vectors.

    As `fit_ranking`, over the hits that are read, with these two alone.
    """
    groups = []
    for case in cases:
        hits = [hit for hit in case.asked()[0] if hit.finding]
        right = np.array([case.answers(hit) for hit in hits], dtype=bool)
        if right.any():
            odds = np.array([hit.finding.answers for hit in hits if hit.finding])
            words = np.array([hit.score for hit in hits]) - rerank.WEIGHT * odds
            groups.append((words, odds, right))

    def loss(weights: Array) -> float:
        total = 0.0
        for words, odds, right in groups:
            scores = weights[0] * words + weights[1] * odds
            total += np.logaddexp.reduce(scores) - np.logaddexp.reduce(scores[right])
        return total

    of_words, of_odds = minimize(loss, np.ones(2), method="Nelder-Mead").x
    return round(float(of_odds / of_words), 2)


def report_settled(cases: Sequence[Case]) -> None:
    """For some SETTLED: how often no more than FIRST passages are read, and what becomes of R@1."""
    shipped = rerank.SETTLED
    for rerank.SETTLED in (*SETTLED, math.inf):
        asked = [case.asked()[0] for case in cases]
        right = [
            bool(hits) and case.answers(hits[0]) for case, hits in zip(cases, asked, strict=True)
        ]
        few = [sum(bool(hit.finding) for hit in hits) <= FIRST for hits in asked]
        print(
            f"SETTLED {rerank.SETTLED}: {FIRST} read {np.mean(few):.3f}, R@1 {np.mean(right):.3f}"
        )
    rerank.SETTLED = shipped


def report_spans(cases: Sequence[Case]) -> None:
    """For some SURE: how often the first hit's span would be shown, and how often it is right."""
    for sure in SURE:
        shown = [
            (_letters(hit.passage.text[hit.finding.start : hit.finding.end]), _letters(case.quote))
            for case in cases
            for hit in case.asked()[0][:1]
            if hit.finding and hit.finding.answers >= ANSWERS and hit.finding.sure >= sure
        ]
        if not shown:
            continue
        same = np.mean([span == gold for span, gold in shown])
        near = np.mean([span in gold or gold in span for span, gold in shown])
        print(f"spans at {sure}: {len(shown) / len(cases):.3f} of the questions, "
              f"{same:.3f} the very words, {near:.3f} these or some, or more")  # fmt: skip


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text))


def fit_confidence(cases: Sequence[Case], *, reader: bool, vectors: bool) -> dict[str, Any]:
    """Intercept and weights of a logistic regression: does the best hit answer?

    A question asked of all notes counts as much as both of its askings without the answer.
    """
    values, labels, counts = [], [], []
    for case in cases:
        for hits, count in zip(
            case.asked(reader=reader, vectors=vectors), (1.0, 0.5, 0.5), strict=True
        ):
            if hits:
                values.append(grounds(case.question, hits))
                labels.append(case.answers(hits[0]))
                counts.append(count)
    model = LogisticRegression(C=100.0, max_iter=5_000)
    model.fit(np.array(values), np.array(labels), sample_weight=np.array(counts))
    weights = Grounds(*(float(weight) for weight in model.coef_[0].round(3)))
    intercept = round(float(model.intercept_[0]), 3)
    return {
        "reader": reader,
        "vectors": vectors,
        "intercept": intercept,
        "weights": weights._asdict(),
    }


def without_vectors(hits: Sequence[Hit]) -> list[Hit]:
    """The hits as they are while nothing is encoded."""
    kept = [replace(hit, meaning=None) for hit in hits]
    return sorted(kept, key=lambda hit: -hit.keyword)


def report(cases: Sequence[Case], diagram: Path | None) -> None:
    """Print how often the first hit is right, and how well confidence tells right from wrong."""
    names = ("with", "without the paragraph", "without the note")
    asked = dict(zip(names, zip(*[case.asked() for case in cases], strict=True), strict=True))
    for name, covers in (("the answer's line", Case.answers), ("its paragraph", Case.near)):
        at_1, at_10 = (
            np.mean(
                [
                    any(covers(case, hit) for hit in hits[:k])
                    for case, hits in zip(cases, asked["with"], strict=True)
                ]
            )
            for k in (1, 10)
        )
        print(f"{name}: R@1 {at_1:.3f}, R@10 {at_10:.3f}")
    stated = {
        name: np.array(
            [confidence(case.question, hits) for case, hits in zip(cases, found, strict=True)]
        )
        for name, found in asked.items()
    }
    sure = stated["with"]
    edge = float(np.quantile(sure, WRONGLY_REFUSED))
    print(f"{WRONGLY_REFUSED:.0%} wrongly refused at {edge:.3f}; "
          f"at {ANSWERS_FROM}: {np.mean(sure < ANSWERS_FROM):.3f}")  # fmt: skip
    for name in ("without the paragraph", "without the note"):
        unsure = stated[name]
        apart = roc_auc_score([1] * len(sure) + [0] * len(unsure), [*sure, *unsure])
        print(f"{name}: AUROC {apart:.3f}, "
              f"refused {np.mean(unsure < edge):.3f}, at {ANSWERS_FROM} "
              f"{np.mean(unsure < ANSWERS_FROM):.3f}")  # fmt: skip
    said = [*sure, *stated["without the paragraph"]]
    right = [
        bool(hits) and case.answers(hits[0])
        for case, hits in zip(cases, asked["with"], strict=True)
    ]
    right += [False] * len(cases)
    print(f"calibration error, with and without the paragraph: "
          f"{calibration_error(said, right):.3f}")  # fmt: skip
    report_spans(cases)
    if diagram:
        write_diagram(said, right, diagram)


def _covers(hit: Hit, path: str, first: int, last: int) -> bool:
    passage = hit.passage
    return passage.path == path and passage.start_line <= last and passage.end_line >= first


if __name__ == "__main__":
    try:
        sys.exit(main())
    except NotesError as error:
        sys.exit(str(error))
