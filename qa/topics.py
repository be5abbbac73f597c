"""What a line of Japanese is about, in words that a person would ask with.

    line ▶ first_sentence ─┬─ topic   サーバーの冗長化について、… ▶ サーバーの冗長化
                           ├─ defines BYOCとは…のことである       ▶ True
                           └─ phrases nouns run together          ▶ 購入費用, 社員, PC
    heading or bullet ────▶ name      ■ サーバ選び(安田氏)        ▶ サーバ選び

Rules over fugashi's morphemes, for `qa.own_questions`. What they cannot read gives nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import fugashi

from index.passages import sentences

MAX_SENTENCE = 400  # characters looked at; no sentence that a question is made from is longer
MAX_NAME = 24  # characters; what is longer reads as a sentence, not as what is asked about

_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()]*\)|https?://\S+")
_BRACKET = re.compile(r"[(（\[［【〔][^()（）\[\]［］【】〔〕]*[)）\]］】〕]")
_EMPHASIS = re.compile(r"\*\*|__|`")
_EDGES = " \t　、。・:：,，.．;；\"'「」『』〜~-–−—…“”！？!?"
_INSIDE = re.compile(  # stands in no name
    r"[、。,，:：；;「」『』\"“”()（）]|について|ちなみに|[こそ](?:の|れ|こ|ちら)"
)
_LABEL_END = re.compile(r"[:：](?!\d|//)|[。．]")
_QUOTED = re.compile(r"[「『]([^「」『』]+)[」』](?=(?:と?は|について)?[、はと])")
_HIRAGANA = re.compile(r"[ぁ-ゖー]+")
_JOINS = re.compile(r"[-・./+&=＝゠]")
_NOUNS = ("名詞", "接頭辞", "接尾辞", "形状詞", "記号")
_DOES = ("する", "し", "さ", "せ", "でき", "いたし", "致し")  # after a noun that it makes a verb
_COPULA = ("で", "ある", "だ", "です", "あり", "ます")
_KINDS = ("一つ", "ひとつ", "一種", "総称", "名称", "略", "略称")
_OPENINGS = ("副詞", "接続詞", "助詞", "感動詞", "助動詞", "代名詞", "接尾辞")  # of no name
# Nouns that only hold a sentence together.
_FORMAL = frozenset(
    "こと もの ため とき ところ よう わけ はず つもり ほう うち ほか まま たび とおり かわり あり "
    "ついで おかげ せい くせ ころ あと まえ なか そと うえ した ゆえ もと あいだ いずれ".split()
)
# Nouns that point elsewhere or only frame what is said.
_EMPTY = frozenset(
    "本項 本稿 本書 前述 後述 上記 下記 以下 以上 今回 前回 次回 初期 近年 当時 既存 現職 場合 "
    "部分 主 他 多く 多数 少数 一部 全部 各種 各自 各社 同様 時点 現時点 中心 前提 "
    "方 点 例 様子 状態 状況 必要 可能 重要 紹介 説明 記述 意味 存在 最初 最後 一方 別々 "
    "実行".split()
)


@dataclass(frozen=True, slots=True)
class Phrase:
    """Nouns side by side, as one would name a thing."""

    text: str
    start: int  # offsets in the sentence
    end: int
    next: str  # the morpheme after it; empty at the end
    names: bool  # says more than a number or a time, and する does not make a verb of it


@dataclass(frozen=True, slots=True)
class _Morpheme:
    surface: str
    start: int
    pos: str  # unidic's pos1, pos2, pos3
    kind: str
    use: str
    form: str  # of a verb

    @property
    def end(self) -> int:
        return self.start + len(self.surface)

    @property
    def noun(self) -> bool:
        """Whether it may be part of a name: ごみ may, こと and ため are not."""
        if self.surface.isascii():
            return self.surface.isalnum()
        if _HIRAGANA.fullmatch(self.surface):
            ordinary = (self.kind, self.use) == ("普通名詞", "一般")
            return ordinary and len(self.surface) > 1 and self.surface not in _FORMAL
        noun = self.pos in _NOUNS and self.kind != "助動詞語幹"
        return noun and not _INSIDE.search(self.surface)

    @property
    def quality(self) -> bool:
        """Whether it says how a thing is: 可能, 消極的."""
        return self.pos == "形状詞" or self.kind == "形状詞的"

    @property
    def bare(self) -> bool:
        """Whether it only counts or dates."""
        return self.kind == "数詞" or self.use in ("助数詞可能", "副詞可能", "助数詞")


def plain(text: str) -> str:
    """A line as it would be said: no link targets, no emphasis, nothing in brackets."""
    text = _EMPHASIS.sub("", _LINK.sub(r"\1", text))
    while (shorter := _BRACKET.sub("", text)) != text:
        text = shorter
    return text.strip()


def first_sentence(text: str) -> str:
    """The first sentence, plain; with the next, where the first is but a label (CoolCore。…)."""
    text = plain(text)[:MAX_SENTENCE]
    ends = [end for _, end in sentences(text)]
    if len(ends) > 1 and name(text[: ends[0]]):
        return text[: ends[1]]
    return text[: ends[0]] if ends else ""


def name(text: str) -> str:
    """A label, plain, if it names a thing as a person would type it; else nothing."""
    found = plain(text).strip(_EDGES)
    if not found or len(found) > MAX_NAME or _INSIDE.search(found):
        return ""
    morphemes = _morphemes(found)
    if not morphemes:
        return ""
    first, last = morphemes[0], morphemes[-1]
    if first.pos in _OPENINGS or any(
        m.pos == "助詞" and m.surface in "はもがをて" for m in morphemes
    ):
        return ""
    runs = phrases(found)
    picking = (
        last.pos == "動詞" and last.form.startswith("連用形") and len(morphemes) > 1
    )  # サーバ選び
    whole = picking or (bool(runs) and runs[-1].end == len(found) and not last.quality)
    return found if whole and any(run.names for run in runs) else ""


def topic(sentence: str) -> str:
    """What stands before は, とは, について or a colon, if it names a thing; else nothing."""
    if quoted := _QUOTED.match(sentence):
        return quoted[1].strip() if len(quoted[1]) <= MAX_NAME else ""
    if (mark := _LABEL_END.search(sentence)) and sentence[mark.end() :].strip():
        return name(sentence[: mark.start()])
    about = sentence.find("について")
    for before, morpheme in pairwise(_morphemes(sentence)):
        if 0 < about < morpheme.end:
            return name(sentence[:about])
        if (morpheme.pos, morpheme.surface) == ("助詞", "は"):
            return name(sentence[: before.start if before.surface == "と" else morpheme.start])
    return ""


def defines(sentence: str) -> bool:
    """Whether a sentence says what its topic is: …とは…, …は…である, …は、…の一種。."""
    morphemes = _morphemes(sentence.strip(_EDGES))
    surfaces = [morpheme.surface for morpheme in morphemes]
    if "は" not in surfaces:
        return False
    at = surfaces.index("は")
    if surfaces[at - 1] == "と" and surfaces[at + 1 : at + 2] != ["異なる"]:
        return True
    stated = False
    while morphemes and morphemes[-1].surface in _COPULA:
        morphemes.pop()
        stated = True
    if not morphemes or len(morphemes) <= at + 1:
        return False
    last = morphemes[-1]
    paused = surfaces[at + 1] == "、" and last.use == "一般" and last.kind == "普通名詞"
    thing = last.surface == "こと" or (last.noun and not last.quality and not last.bare)
    return last.surface in _KINDS or (thing and stated) or paused


def phrases(text: str) -> list[Phrase]:
    """Runs of nouns, in order, with the signs that hold codes together (Hyper-V)."""
    runs: list[list[_Morpheme]] = []
    morphemes = _morphemes(text)
    for at, morpheme in enumerate(morphemes):
        beside = bool(runs) and runs[-1][-1].end == morpheme.start
        if morpheme.noun and beside:
            runs[-1].append(morpheme)
        elif morpheme.noun:
            runs.append([morpheme])
        elif beside and _joins(morpheme, morphemes[at + 1 : at + 2]):
            runs[-1].append(morpheme)
    return [_phrase(text, run, morphemes) for run in runs]


def _joins(sign: _Morpheme, following: Sequence[_Morpheme]) -> bool:
    return bool(
        _JOINS.fullmatch(sign.surface)
        and following
        and following[0].noun
        and following[0].start == sign.end
    )


def _phrase(text: str, run: Sequence[_Morpheme], morphemes: Sequence[_Morpheme]) -> Phrase:
    start, end = run[0].start, run[-1].end
    after = next((morpheme.surface for morpheme in morphemes if morpheme.start >= end), "")
    verb = run[-1].use == "サ変可能" and after in _DOES
    counted = text[start].isdecimal() or text[start] in "約第" or all(m.bare for m in run)
    cut_short = _one_script(text[start - 1 : start + 1]) or _one_script(text[end - 1 : end + 1])
    return Phrase(
        text=text[start:end],
        start=start,
        end=end,
        next=after,
        names=not (verb or counted or cut_short or run[-1].quality)
        and end - start > 1
        and text[start:end] not in _EMPTY,
    )


def _one_script(pair: str) -> bool:
    """Whether two letters are both kanji, katakana or Latin: the dictionary cut a word there."""
    return bool(re.fullmatch(r"[一-龠々]{2}|[ァ-ヴー]{2}|[A-Za-z0-9]{2}", pair))


@lru_cache(maxsize=1)
def _tagger() -> fugashi.Tagger:
    return fugashi.Tagger()


def _morphemes(text: str) -> list[_Morpheme]:
    found: list[_Morpheme] = []
    at = 0
    for node in _tagger()(text):
        at = text.index(node.surface, at)
        of = node.feature
        found.append(_Morpheme(node.surface, at, of.pos1, of.pos2, of.pos3, of.cForm or ""))
        at += len(node.surface)
    return found
