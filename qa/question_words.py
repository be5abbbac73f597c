"""Words that belong to asking rather than to what is asked about: 名前, 理由, 種類, 何番.

「会長の名前は？」 is answered by a line that names the chairman, and seldom says 名前. How often an
answering passage holds each word of its question was counted on JaQuAD train; question_words.tsv
has those that it often lacks. `python -m benchmarks.fit words` counts them again.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

from index.words.tokens import Word

USUALLY = 0.78  # of a question's words an answering passage holds so many


def counts_for(word: Word) -> float:
    """What a word is worth as evidence, 0 to 1: how often answers hold it, against any word."""
    held = min((_shares().get(term, USUALLY) for term in word.terms), default=USUALLY)
    return held / USUALLY


@lru_cache(maxsize=1)
def _shares() -> dict[str, float]:
    text = (files("qa") / "question_words.tsv").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in text.splitlines())
    return {term: float(share) for term, share in rows}
