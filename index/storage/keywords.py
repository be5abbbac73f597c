"""Keyword search: BM25 over words, headings and character bigrams, kept by tantivy.

The only module that imports tantivy. Words are cut by index.words.tokens beforehand; tantivy splits
its input at spaces and never sees Japanese text. What is kept here is a cache of the SQLite store.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import tantivy

from index.storage.private import close_all_to_others, make_folder
from index.storage.stamp import Commit, Stamp, checksums, read_stamp, write_stamp
from index.words.tokens import Word

SCHEMA = 1  # raise when the fields below change: the cache is then made again
LIST = "meta.json"  # tantivy's list of the segments it searches
HEAP_BYTES = 32_000_000  # tantivy asks for at least 15 MB a thread; more holds more rows a segment

# What a match counts for, against a word's best term in the text. All but SLIP_WEIGHT were tried on
# JaQuAD train (benchmarks/README.md), which has no slips: it only keeps these below whole words.
OTHER_TERMS = 0.3  # each further term of the same word
WEAKER_TERMS = 0.4  # a part of a code, a sound; 0.6 was worse by 0.001 recall@1
CONTEXT_WEIGHT = 0.3  # in the title, a heading or a parent bullet
BIGRAM_WEIGHT = 0.3  # a pair of characters
SLIP_WEIGHT = 0.6  # a Latin word one letter away
SLIP_FROM = 5  # letters; shorter words have too many neighbours


@dataclass(frozen=True, slots=True)
class KeywordRow:
    """One passage as keyword search sees it."""

    id: int
    words: Sequence[str]  # terms of the text
    context: Sequence[str]  # terms of the note's title, headings and parent bullets
    bigrams: Sequence[str]


class KeywordIndex:
    """A tantivy index in a folder of its own, stamped with the generation it holds."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; nothing is opened before `load` or `reset`."""
        self.folder = folder
        self.stamp: Stamp | None = None
        self._stamp_path = folder.with_name(folder.name + ".stamp")
        self._index: tantivy.Index | None = None
        self._searcher: tantivy.Searcher | None = None

    def load(self, store: str, made_by: str) -> bool:
        """Open what is on disk, if it is whole and belongs to this store; else say False."""
        stamp = read_stamp(self._stamp_path)
        if stamp is None or (stamp.commit.store, stamp.made_by) != (store, _made_by(made_by)):
            return False
        try:
            if LIST not in stamp.files or dict(stamp.files) != checksums(
                self.folder, list(stamp.files)
            ):
                return False
            self._index = tantivy.Index.open(str(self.folder))
            self._searcher = self._index.searcher()
        except (OSError, ValueError):
            return False
        self.stamp = stamp
        return True

    def reset(self, store: str, made_by: str) -> None:
        """Begin again with an empty index of generation 0."""
        self._index = self._searcher = None
        self._stamp_path.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        make_folder(self.folder)
        self._index = tantivy.Index(_schema(), path=str(self.folder))
        close_all_to_others(self.folder)
        self._searcher = self._index.searcher()
        self.stamp = Stamp(Commit(store, 0, ""), _made_by(made_by))

    def apply(self, commit: Commit, removed: Iterable[int], added: Iterable[KeywordRow]) -> None:
        """Take rows out, put rows in, and stamp the result; doing it twice changes nothing.

        The caller holds the store's cache lock: tantivy allows one writer.
        """
        index, stamp = self._opened()
        gone, rows = list(removed), list(added)
        newer = Stamp(commit, stamp.made_by, stamp.files)
        if not gone and not rows:  # vectors came, which are no matter here
            self._put_stamp(index, newer)
            return
        self._forget_leftovers()
        writer = index.writer(heap_size=HEAP_BYTES, num_threads=1)
        for row_id in gone:
            writer.delete_documents_by_term("id", row_id)
        for row in rows:
            writer.delete_documents_by_term("id", row.id)
            document = tantivy.Document()
            document.add_integer("id", row.id)
            document.add_text("words", " ".join(row.words))
            document.add_text("context", " ".join(row.context))
            document.add_text("bigrams", " ".join(row.bigrams))
            writer.add_document(document)
        writer.commit()
        self._put_stamp(index, newer)  # others may look now
        writer.wait_merging_threads()  # seconds at times; a kill meanwhile costs this copy at most
        self._put_stamp(index, self._opened()[1])

    def pass_on(self, commit: Commit) -> None:
        """Hold a later state that differs in nothing kept here, such as new vectors."""
        self.stamp = replace(self._opened()[1], commit=commit)

    def reload(self) -> bool:
        """See what another process has committed since; False when that cannot be seen.

        Needs no lock: the stamp is replaced in one step, and so is tantivy's list of segments,
        which is never older than the stamp. What was held before goes on being searched.
        """
        _, stamp = self._opened()
        newer = read_stamp(self._stamp_path)
        if newer is None or (newer.commit.store, newer.made_by) != (
            stamp.commit.store,
            stamp.made_by,
        ):
            return False
        if newer != stamp:
            try:  # opened anew: tantivy knows the files that others wrote only from then on
                index = tantivy.Index.open(str(self.folder))
                self._searcher = index.searcher()
            except (OSError, ValueError):
                return False
            self._index, self.stamp = index, newer
        return True

    def search(
        self,
        words: Sequence[Word],
        bigrams: Sequence[str],
        k: int,
        within: Sequence[int] | None = None,
    ) -> list[tuple[int, float]]:
        """The k best passages as (id, score), best first, ties by id; of the ids within, if given.

        The score is a sum over the question's words, none required: for each word the BM25 of its
        best term, in the text or in the heading, plus a share of its other terms; and the BM25 of
        each pair of characters.
        """
        index, _ = self._opened()
        searcher = self._searcher
        if searcher is None or not (words or bigrams):
            return []
        parts = [self._any_term(index.schema, word) for word in words]
        parts += [
            tantivy.Query.boost_query(_term(index.schema, "bigrams", pair), BIGRAM_WEIGHT)
            for pair in bigrams
        ]
        clauses = [(tantivy.Occur.Should, part) for part in parts]
        if within is not None:  # required, and worth nothing by itself
            allowed = tantivy.Query.term_set_query(index.schema, "id", list(within))
            clauses.append((tantivy.Occur.Must, tantivy.Query.const_score_query(allowed, 0.0)))
        found = searcher.search(tantivy.Query.boolean_query(clauses), limit=k, count=False).hits
        found = [hit for hit in found if hit[0] > 0]
        ids = searcher.fast_field_values("id", [address for _, address in found])
        ranked = [(int(row or 0), float(score)) for row, (score, _) in zip(ids, found, strict=True)]
        return sorted(ranked, key=lambda hit: (-hit[1], hit[0]))

    def ids(self) -> set[int]:
        """The ids of all passages that are found here."""
        self._opened()
        searcher = self._searcher
        if searcher is None or not searcher.num_docs:
            return set()
        found = searcher.search(tantivy.Query.all_query(), limit=searcher.num_docs, count=False)
        rows = searcher.fast_field_values("id", [address for _, address in found.hits])
        return {int(row or 0) for row in rows}

    def document_frequency(self, word: Word) -> int:
        """In how many passages a word stands, in its commonest spelling, text or heading."""
        searcher = self._searcher
        if searcher is None:
            return 0
        return max(
            searcher.doc_freq(field, term) for term in word.terms for field in ("words", "context")
        )

    def idf(self, word: Word) -> float:
        """Inverse document frequency of a word, in its commonest spelling; above 0."""
        searcher = self._searcher
        return idf(self.document_frequency(word), searcher.num_docs if searcher else 0)

    def _any_term(self, schema: tantivy.Schema, word: Word) -> tantivy.Query:
        weighted = [(term, 1.0) for term in word.terms]
        weighted += [(term, WEAKER_TERMS) for term in word.parts + word.sounds]
        queries = [
            tantivy.Query.boost_query(_term(schema, field, term), weight * of_field)
            for term, weight in weighted
            for field, of_field in (("words", 1.0), ("context", CONTEXT_WEIGHT))
        ]
        if may_slip(word):  # tantivy gives 1 to each match, so the word's own weight is set here
            slip = tantivy.Query.fuzzy_term_query(schema, "words", word.terms[0], distance=1)
            queries.append(tantivy.Query.boost_query(slip, SLIP_WEIGHT * self.idf(word)))
        return tantivy.Query.disjunction_max_query(queries, OTHER_TERMS)

    def _put_stamp(self, index: tantivy.Index, stamp: Stamp) -> None:
        """Search what is committed, and stamp the files that it is in, if they are others now."""
        index.reload()
        self._searcher = index.searcher()
        close_all_to_others(self.folder)  # tantivy leaves its files' modes to the umask
        files = self._files(stamp.files)
        if self.stamp is None or (self.stamp.commit, self.stamp.files) != (stamp.commit, files):
            self.stamp = Stamp(stamp.commit, stamp.made_by, files)
            write_stamp(self._stamp_path, self.stamp)

    def _files(self, known: Mapping[str, str]) -> dict[str, str]:
        """SHA-256 of tantivy's list of segments and of their files, each of which is written once.

        Its list of all files ever (.managed.json) is left out: it only says what may be deleted.
        """
        written_once = {name: digest for name, digest in known.items() if name != LIST}
        while True:
            names = [LIST, *self._segment_files()]
            try:
                return checksums(self.folder, names, written_once)
            except FileNotFoundError:  # a merge has just ended, and the list is another
                if names == [LIST, *self._segment_files()]:
                    raise

    def _forget_leftovers(self) -> None:
        """Delete what a killed process wrote and never listed: tantivy writes no file twice."""
        listed = {LIST, *self._segment_files()}
        for path in self.folder.iterdir():
            if path.name not in listed and not path.name.startswith("."):
                with suppress(OSError):  # Windows keeps what a reader has open
                    path.unlink()

    def _segment_files(self) -> list[str]:
        listed = json.loads((self.folder / LIST).read_text(encoding="utf-8"))["segments"]
        deletes = {
            segment["segment_id"].replace("-", ""): (segment["deletes"] or {}).get("opstamp")
            for segment in listed
        }
        parts = [(path.name, path.name.split(".")) for path in self.folder.iterdir()]
        return sorted(
            name
            for name, (segment, *rest) in parts
            if segment in deletes and (rest[-1] != "del" or rest[0] == str(deletes[segment]))
        )

    def _opened(self) -> tuple[tantivy.Index, Stamp]:
        if self._index is None or self.stamp is None:
            raise RuntimeError("KeywordIndex: call load() or reset() first")
        return self._index, self.stamp


def idf(frequency: int, passages: int) -> float:
    """Inverse document frequency, the form BM25 has in Lucene and tantivy; above 0."""
    return math.log(1 + (passages - frequency + 0.5) / (frequency + 0.5))


def may_slip(word: Word) -> bool:
    """Whether a word one letter away may be meant: a Latin word long enough to stay itself."""
    return word.terms[0].isascii() and word.terms[0].isalpha() and len(word.terms[0]) >= SLIP_FROM


def _made_by(tokenizer: str) -> str:
    return f"keywords {SCHEMA}, {tokenizer}"


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    # signed: tantivy-py 0.27 looks for a signed term when it deletes, and finds no unsigned one
    builder.add_integer_field("id", indexed=True, fast=True)
    for name in ("words", "context", "bigrams"):
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="freq")
    return builder.build()


def _term(schema: tantivy.Schema, field: str, term: str) -> tantivy.Query:
    return tantivy.Query.term_query(schema, field, term, "freq")
