"""Questions typed in kana: はいしゃのよやくはいつ asks for 歯医者 and 予約 where notes write these.

    question, Searcher ─ read_kana ▶ words by how they are read, and the question without them

Which readings there are, the notes tell: a run of kana is cut where it reads as words of theirs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from index.storage.searcher import Searcher
from index.words.tokens import Word, has_kanji, reading, tokenize

KANA = re.compile("[ぁ-ゖァ-ヺー]{3,}")
KATAKANA = str.maketrans({code: chr(code + 0x60) for code in range(ord("ぁ"), ord("ゖ") + 1)})
LONGEST = 12  # kana of a word
SHORT = 2  # kana; a word of so few stands between joints, as other words are read like it within
JOINTS = frozenset("のはがをにでともへやかっ、")  # A word stands between these, or ends of the run.
DOES = ("する", "した", "して", "しま", "され", "です", "だっ")  # after a noun, too
READ = "reading"  # the part of speech of a word that is known by how it is read alone


def read_kana(text: str, index: Searcher) -> tuple[str, list[Word]]:
    """A question without the kana that stand for words of the notes, and these words.

    Words that the notes write in kana themselves are found by their spelling, and left alone.

    Args:
        text: without marks, in NFKC.
        index: whose notes are asked.
    """
    words: list[Word] = []
    kept, done = [], 0
    for word, at in kana_words(text, lambda term: index.frequency(Word("", READ, (term,)))[0] > 0):
        kept.append(text[done:at])
        if _is_spelled(word.surface, index):
            kept.append(word.surface)
        else:
            words.append(word)
        done = at + len(word.surface)
    return "、".join([*kept, text[done:]]), words


def kana_words(text: str, known: Callable[[str], object]) -> Iterator[tuple[Word, int]]:
    """The words that runs of kana in a question are read as, and where each begins.

    Args:
        text: the question.
        known: whether a term, as `reading` gives it, is that of some word.
    """
    for run in KANA.finditer(text):
        if has_kanji(text) and run[0][0] <= "ゖ":
            continue  # はいつ of 予約はいつ
        at = 0
        while at < len(run[0]) - SHORT + 1:
            word = _longest(run[0], at, known)
            if word:
                yield word, run.start() + at
            at += len(word.surface) if word else 1


def _is_spelled(written: str, index: Searcher) -> bool:
    """Whether the notes have a word as it is written here."""
    words = tokenize(written)
    return len(words) == 1 and words[0].surface == written and index.frequency(words[0])[0] > 0


def _longest(run: str, at: int, known: Callable[[str], object]) -> Word | None:
    if at and run[at - 1] not in JOINTS:
        return None
    for end in range(min(len(run), at + LONGEST), at + SHORT - 1, -1):
        joined = end == len(run) or run[end] in JOINTS or run.startswith(DOES, end)
        if not joined or (end - at == SHORT and not _is_noun(run[at:end])):
            continue
        word = Word(run[at:end], READ, (reading(run[at:end].translate(KATAKANA)),))
        if known(word.terms[0]):
            return word
    return None


def _is_noun(written: str) -> bool:
    """Whether kana may be a noun by themselves: かき, but not これ, どこ or した."""
    return any(word.pos == "名詞" and word.surface == written for word in tokenize(written))
