"""A question and a passage in the words by which a reader sees what they share.

3万円は何に使った？     「結婚祝い 30,000円」          ▶ 30,000円は何に使った？
昨日(…24日)の夕飯は？   「夕飯は鍋」 under 2026-11-24 ▶ 2026年11月24日の夕飯は？ › 2026年11月24日
交換したのはいつ？      「給湯器の交換」 under a day   ▶ 2025年2月11日 給湯器の交換
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import NamedTuple

from index.passages import Passage
from index.words.dates import from_iso
from index.words.sentences import sentences
from index.words.tokens import as_written, normalize
from qa.understanding.evidence import content
from qa.understanding.kana import READ, kana_words
from qa.understanding.kinds import dated, kind_asked
from qa.understanding.time import on_day

NAMING = frozenset({"code", "名詞", "人名", "地名"})  # Verbs would lose how they are bent.


class Reworded(NamedTuple):
    """What a reader is given."""

    question: str
    titles: str  # what stands above the passage, as the reader was taught with
    before: str  # what stands before the passage's text: the day that it is under


def reworded(question: str, passage: Passage) -> Reworded:
    """A question and what stands above a passage, as a reader understands them best."""
    titles = passage.heading or (PurePosixPath(passage.path).stem,)
    day = from_iso(passage.date)
    before = ""
    if day and (of_it := on_day(question, day)):
        question, titles = of_it, (*titles, day.spoken)
    elif day and dated(passage, kind_asked(question)):
        before = f"{day.spoken} "
    if passage.asked:
        asked = content(question).terms
        said = [passage.asked[a:b].strip() for a, b in sentences(passage.asked)]
        before += max(said, key=lambda sentence: len(asked & content(sentence).terms)) + "\n"
    return Reworded(_in_its_spelling(question, passage), " › ".join(titles), before)


def _in_its_spelling(question: str, passage: Passage) -> str:
    """A question with its nouns, names, numbers and days as a passage and its headings write them.

    Those that are written alike somewhere in it, or that it does not hold, stay as they are. What
    is typed in kana becomes the passage's word that is read so.
    """
    text = "\n".join((*passage.heading, passage.as_read))
    plain = normalize(text)
    there: dict[str, str] = {}
    for line in text.split("\n"):
        for word in content(line, passage.date).words:
            for term in (*word.terms, *word.given):
                there.setdefault(term, word.surface)
    typed = [word for word, _ in kana_words(question, there.__contains__)]
    for word in (*typed, *content(question).words):
        if word.surface in plain or (word.pos not in NAMING and word.pos != READ):
            continue
        if found := next((there[term] for term in word.terms + word.sought if term in there), ""):
            asked = as_written(word.surface, question)
            question = question.replace(asked, as_written(found, text), 1)
    return question
