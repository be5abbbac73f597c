"""Japanese search that just works: every spelling of a row finds the note that has another.

Each row is asked in each of its spellings, with and without an ending, of a corpus in which one
note holds one spelling of the row and the others hold the other rows. Keywords only: the fake
encoder has no meaning to add.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import BigramEncoder, write_notes

from index import build, open_store
from index.storage.store import Store
from qa import retrieve

ROWS = [
    ["サーバ", "サーバー", "server"],
    ["ユーザ", "ユーザー", "user"],
    ["ハイパーバイザ", "ハイパーバイザー", "ハイパバイザ", "hypervisor"],
    ["ライブマイグレーション", "live migration"],
    ["ヴァイオリン", "バイオリン"],
    ["インタフェース", "インターフェイス", "interface"],
    ["ウィンドウズ", "ウインドウズ", "Windows"],
    ["引越し", "引っ越し", "引越"],
    ["打合せ", "打ち合わせ"],
    ["申込", "申し込み"],
    ["子供", "子ども", "こども"],
    ["附属", "付属"],
    ["會議", "会議", "かいぎ"],
    ["斎藤", "斉藤", "齋藤"],
    ["ﾊﾝｶｸ", "ハンカク"],
    ["２００８", "2008"],
    ["1兆2億", "一兆二億"],
    ["Hyper-V", "HyperV", "hyper v", "ハイパーV"],
    ["Wi-Fi", "WiFi", "wifi", "ワイファイ", "wi-fi"],
    ["クラウド", "cloud"],
    ["ディスク", "disk"],
    ["ハードディスク", "hard disk", "harddisk"],
    ["パスワード", "password"],
    ["キャッシュ", "cache"],
    ["オープンソース", "open source"],
    ["スマホ", "スマートフォン", "smartphone"],
    ["パソコン", "PC"],
    ["東京", "｜東京《とうきょう》", "東京《とうきょう》", "とうきょう"],
    ["見積り", "見《み》積《つも》り", "見積もり"],
    ["葛飾区", "葛\U000e0100飾区"],
    ["議事録", "[[議事録]]", "[[meeting|議事録]]", "[議事録](https://example.com/a?b=c)"],
    ["PPR-9087"],
    ["v1.2.3"],
    ["税"],
    ["鍵"],
    ["本"],
    ["令和6年4月1日", "2024年4月1日", "2024-04-01", "2024/4/1", "20240401", "R6.4.1"],
    ["平成三十年十月三日(水)", "２０１８年１０月３日", "二〇一八年一〇月三日", "2018.10.3"],
    ["3,500円", "3500円", "３５００円", "三千五百円", "3.5千円"],
    ["1万2千円", "12,000円", "一万二千円"],
    ["第二十七条", "第27条", "27条"],
    ["四分の三", "3/4", "4分の3"],
    ["15%", "１５パーセント", "15％"],
    ["090-1234-5678", "09012345678", "(090)1234-5678", "+81 90-1234-5678"],
    ["濵﨑", "浜崎", "濱崎"],
    ["カーテン", "カ―テン", "カ－テン", "カ—テン"],
    ["青果", "\u2ed8果"],
    ["第3四半期", "第三四半期"],
    ["マイグレーション", "マイグレーシヨン"],
    ["Server", "Serber"],
    ["HyperTransport", "HyperTranport"],
]
APART = {
    "Server",
    "サーバ",
    "ディスク",
    "ハードディスク",
    "マイグレーション",
    "ライブマイグレーション",
}  # rows that hold one another
ENDINGS = ["{}", "{}はどこに書いてありますか", "{}を教えてください", "{}って何だっけ"]
LURES = ["どこに書いてありますかと聞かれた。", "教えてください。", "何だっけと思った。"]


class NoMeaning(BigramEncoder):
    """Every text alike: what is found is found by its words."""

    def _encode(self, texts: list[str]) -> object:
        return super()._encode(["同じ"] * len(texts))


def corpora(row: list[str]) -> Iterator[dict[str, str]]:
    """For each spelling of a row, notes that hold it once among the other rows and the lures."""
    others = [other[0] for other in ROWS if other is not row]
    if row[0] in APART:
        others = [other for other in others if other not in APART]
    for spelling in row:
        words = {"右.txt": spelling} | {f"{n}.txt": other for n, other in enumerate(others)}
        notes = {name: f"{word}の資料は棚の三段目にある。\n" for name, word in words.items()}
        yield notes | {f"誘い{n}.txt": lure for n, lure in enumerate(LURES)}


@pytest.mark.parametrize("row", ROWS, ids="/".join)
def test_every_spelling_finds_every_other(row: list[str], tmp_path: Path) -> None:
    missed = []
    for at, notes in enumerate(corpora(row)):
        folder = write_notes(tmp_path / f"notes{at}", notes)
        build(folder, tmp_path / f"store{at}", encoder=NoMeaning())
        with open_store(tmp_path / f"store{at}", encoder=NoMeaning()) as store:
            missed += [
                (row[at], question)
                for spelling in row
                for question in (ending.format(spelling) for ending in ENDINGS)
                if first(question, store) != "右.txt"
            ]
    assert missed == []


def first(question: str, store: Store) -> str:
    hits = retrieve(question, store, k=1)
    return hits[0].passage.path if hits else ""
