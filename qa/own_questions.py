"""Questions made by rule from the notes themselves, where nobody has written any.

    a heading, a bullet with bullets below ▶ its words     「サーバ仮想化の落とし穴について教えて」
    a bullet, a paragraph's first sentence ▶ its topic     「BYOCとは？」「XenServerのサポートは？」
                                           ▶ rare phrases  「ディスクとNWについて教えて」

A question is fair when its words stand together in one place only, and leave out most of what the
line says. The same notes give the same questions. They share the notes' words, as people's often
do not, so they flatter the search: good for comparing settings, not as a score.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, pairwise

from index.notes import Note
from index.passages import TAB, Passage, label, split, strip_bullet
from index.tokens import Word, normalize, tokenize
from qa.questions import Asked, Place
from qa.topics import Phrase, defines, first_sentence, name, phrases, topic

HEADING, BULLET, SENTENCE = "見出し heading", "箇条書き bullet", "最初の文 sentence"
LEAST_TOPIC = 3  # characters of a Japanese topic that can stand alone: デモは？ asks for nothing
MOST_SHARED = 0.5  # of a line's words that its question may hold: the rest is there to be found
LEAST_WORDS = 4  # content words a line must have: of fewer, nothing is left to ask for
LEAST_PAIR = 7  # characters of two phrases that are asked for together: short ones fit anything
PHRASES = 6  # rarest of a line that are paired: 15 pairs

_ENDING = re.compile(r"(?:と?は？|について教えて)$")
_PARENT = re.compile(r"[^ぁ-ねは-ん]{2,16}")  # what goes before の: nouns, short
_NO_SENTENCE = re.compile(r"\||`{3}|~{3}|-{3}|<")  # tables, code, rules, HTML


@dataclass(frozen=True, slots=True)
class _Line:
    """A line that a question may be made from."""

    place: Place
    text: str  # without bullet mark
    parents: tuple[str, ...]  # headings and bullets above it, outermost first
    category: str
    below: Place | None  # the lines that hang on it: what a question about it should find

    @property
    def wanted(self) -> Place:
        return self.below or self.place

    @property
    def defined(self) -> str:
        """What its first sentence defines, normalised; empty when nothing."""
        sentence = first_sentence(self.text)
        about = topic(sentence)
        single = about and "の" not in about and not self.below  # AのBは…である tells more of A
        return normalize(about) if single and defines(sentence) else ""


def own_questions(notes: Sequence[Note], at_most: int) -> dict[str, list[Asked]]:
    """For each note's path all fair questions that its lines make, in their order.

    Each wants one line, or one of the lines that hang on a heading or a bullet. Category says what
    it was made from; id is that line's place.

    Args:
        notes: all notes of a folder: their words are what a question must stand out from.
        at_most: how many notes to make questions of; of more, so many are chosen evenly.
    """
    cut = [split(note) for note in notes]
    lines = [list(_lines(note, of_note)) for note, of_note in zip(notes, cut, strict=True)]
    maker = _Maker(
        [passage for of_note in cut for passage in of_note],
        [line for of_note in lines for line in of_note],
    )
    chosen = [at for at, taken in enumerate(evenly([1] * len(notes), at_most)) if taken]
    return {notes[at].path: maker.questions(lines[at]) for at in chosen}


def spread(made: Mapping[str, Sequence[Asked]], limit: int) -> list[Asked]:
    """At most limit of the questions, as many of each note as can be, from all over the note."""
    shares = evenly([len(of_note) for of_note in made.values()], limit)
    return [
        of_note[(2 * at + 1) * len(of_note) // (2 * share)]
        for of_note, share in zip(made.values(), shares, strict=True)
        for at in range(share)
    ]


def evenly(available: Sequence[int], limit: int) -> list[int]:
    """How many to take of each, limit in all, as equal as can be; evenly spaced where few are.

    evenly([1, 5, 5], 7) == [1, 3, 3]; evenly([9, 9, 9, 9], 2) == [1, 0, 1, 0].
    """
    shares = [0] * len(available)
    left = min(limit, sum(available))
    while left:
        unfilled = [at for at, count in enumerate(available) if shares[at] < count]
        if left < len(unfilled):
            unfilled = [unfilled[at * len(unfilled) // left] for at in range(left)]
        each = left // len(unfilled)
        for at in unfilled:
            more = min(each, available[at] - shares[at])
            shares[at] += more
            left -= more
    return shares


class _Maker:
    """Makes questions, knowing where else in the folder their words stand."""

    def __init__(self, passages: Sequence[Passage], lines: Sequence[_Line]) -> None:
        self.passages = passages
        self.holders: dict[str, list[int]] = defaultdict(list)  # term: passages' numbers, rising
        for at, passage in enumerate(passages):
            text = "\n".join([*passage.heading, passage.text])
            for term in {term for word in tokenize(text) for term in word.all_terms}:
                self.holders[term].append(at)
        self.definitions = Counter(line.defined for line in lines)

    def questions(self, lines: Sequence[_Line]) -> list[Asked]:
        """The most natural fair question of each line that has one, none twice."""
        found: dict[str, Asked] = {}
        for line in lines:
            for question in self._of_heading(line) if line.below else self._of_line(line):
                if self._fair(question, line):
                    place = f"{line.place.path}:{line.place.first}"
                    asked = Asked(place, line.category, question, (line.wanted,), passages=1)
                    found.setdefault(question, asked)
                    break
        return list(found.values())

    def _of_heading(self, line: _Line) -> Iterator[str]:
        """From a heading or a bullet with bullets below: its own words, or with its parent's."""
        if named := name(line.text):
            yield named + ("について教えて" if len(named) % 2 else "は？")
            yield from _with_parents(named, line)

    def _of_line(self, line: _Line) -> Iterator[str]:
        """From a line: its topic, something said of the topic, or rare phrases; natural first."""
        sentence = first_sentence(line.text)
        about = topic(sentence)
        found = [phrase for phrase in phrases(sentence) if phrase.names and _words(phrase.text)]
        found = sorted(sorted(found, key=self._commonness)[:PHRASES], key=lambda p: p.start)
        if len(about) >= LEAST_TOPIC or about.isupper():
            yield about + ("とは？" if line.defined else "は？")
        if about:
            yield from _with_parents(about, line)
            for phrase in found:
                if phrase.next in ("を", "が") and phrase.text not in about:
                    yield f"{about}の{phrase.text}は？"
        for one, other in pairwise(found):
            if one.next == "の" and one.end + 1 == other.start:
                yield f"{one.text}の{other.text}は？"
        pairs = sorted(combinations(found, 2), key=lambda pair: sum(map(self._commonness, pair)))
        for one, other in pairs:
            if len(one.text + other.text) >= LEAST_PAIR:
                yield f"{one.text}と{other.text}について教えて"

    def _commonness(self, phrase: Phrase) -> int:
        return min(map(self._frequency, _words(phrase.text)))

    def _frequency(self, word: Word) -> int:
        return sum(len(self.holders.get(term, ())) for term in word.terms)

    def _together(self, words: Sequence[Word]) -> list[Passage]:
        """The passages that hold all words, in the text or above it."""
        rarest, *others = sorted(words, key=self._frequency)
        return [
            self.passages[at]
            for at in sorted({at for term in rarest.terms for at in self.holders.get(term, ())})
            if all(any(self._holds(at, term) for term in word.terms) for word in others)
        ]

    def _holds(self, at: int, term: str) -> bool:
        numbers = self.holders.get(term, [])
        place = bisect_left(numbers, at)
        return numbers[place : place + 1] == [at]

    def _fair(self, question: str, line: _Line) -> bool:
        """Whether only this line can be meant, and says more than the question does.

        A question for a definition means the one line that defines its topic, wherever else the
        topic stands.
        """
        words = _words(_ENDING.sub("", question))
        if not words or question.count("の") > 2:
            return False
        if not line.below:
            said = {word.terms for word in _words(first_sentence(line.text))}
            shared = said & {word.terms for word in words}
            if len(said) < LEAST_WORDS or len(shared) > MOST_SHARED * len(said):
                return False
        if question.endswith("とは？") and self.definitions[line.defined] == 1:
            return True
        held = [
            [
                place.held_by(passage.path, passage.start_line, passage.end_line)
                for place in (line.wanted, line.place)  # a heading holds its words, and no answer
            ]
            for passage in self._together(words)
        ]
        return any(wanted for wanted, _ in held) and all(any(either) for either in held)


def _with_parents(named: str, line: _Line) -> Iterator[str]:
    for parent in map(name, reversed(line.parents[-2:])):
        if _PARENT.fullmatch(parent) and parent not in named:
            yield f"{parent}の{named}は？"


def _lines(note: Note, cut: Sequence[Passage]) -> Iterator[_Line]:
    """The headings, bullets and first lines of paragraphs of a note, in order."""
    lines = note.lines
    for at, passage in enumerate(cut):
        if at and passage.start_line == cut[at - 1].start_line:
            continue  # the rest of a line too long for a passage
        if _is_heading(at, cut):
            if section := _section(at, cut):
                place = Place(note.path, passage.start_line, passage.end_line)
                title = label(lines[passage.start_line - 1])
                yield _Line(place, title, passage.heading, HEADING, section)
            continue
        parents: list[tuple[int, str]] = []  # bullets above the line: (indent, label)
        for number in range(passage.start_line, passage.end_line + 1):
            body = lines[number - 1].strip()
            if not body or _NO_SENTENCE.match(body):
                continue
            indent, bullet = _indent(lines[number - 1]), _is_bullet(body)
            parents = [parent for parent in parents if parent[0] < indent]
            if bullet or number == passage.start_line:
                yield _Line(
                    place=Place(note.path, number, number),
                    text=strip_bullet(body),
                    parents=(*passage.heading, *(above for _, above in parents)),
                    category=BULLET if bullet else SENTENCE,
                    below=_children(note.path, lines, number) if bullet else None,
                )
            if bullet:
                parents.append((indent, label(body)))


def _is_heading(at: int, cut: Sequence[Passage]) -> bool:
    """Whether passage at is a heading: the next one stands below it, and it is no bullet."""
    return at + 1 < len(cut) and _below(cut[at], cut[at + 1]) and not _is_bullet(cut[at].text)


def _below(passage: Passage, other: Passage) -> bool:
    path = (*passage.heading, label(passage.text.split("\n")[0]))
    return other.heading[: len(path)] == path


def _section(at: int, cut: Sequence[Passage]) -> Place | None:
    """The lines below the heading at; None where headings stand below it too."""
    end = at + 1
    while end < len(cut) and _below(cut[at], cut[end]):
        if _is_heading(end, cut):
            return None
        end += 1
    return Place(cut[at].path, cut[at + 1].start_line, cut[end - 1].end_line)


def _children(path: str, lines: Sequence[str], number: int) -> Place | None:
    """The lines of the bullets that hang on the one at a line number; None where none do."""
    indent = _indent(lines[number - 1])
    last = number
    for at in range(number, len(lines)):
        if lines[at].strip():
            if _indent(lines[at]) <= indent:
                break
            last = at + 1
    bullets = any(_is_bullet(line) for line in lines[number:last])
    return Place(path, number + 1, last) if bullets else None


def _is_bullet(text: str) -> bool:
    return strip_bullet(text.strip()) != text.strip()


def _indent(text: str) -> int:
    expanded = text.replace("\t", TAB).replace("　", "  ")
    return len(expanded) - len(expanded.lstrip())


@lru_cache(maxsize=4_096)
def _words(text: str) -> tuple[Word, ...]:
    return tuple({word.terms: word for word in tokenize(text)}.values())
