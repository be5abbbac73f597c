"""Japanese words as a table: what each is searched by, and which spellings meet."""

import pytest

from index.words.markup import plain
from index.words.tokens import as_written, bigrams, fold_katakana, normalize, tokenize


def terms(text: str) -> list[str]:
    return [word.terms[0] for word in tokenize(text)]


def everything(text: str) -> set[str]:
    return {term for word in tokenize(text) for term in word.all_terms}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ＰＣを買った", ["pc", "買う"]),
        ("税と鍵と本", ["税", "鍵", "本"]),
        ("サーバーが落ちた", ["server", "落ちる"]),
        ("PPR-9087の件", ["ppr-9087", "件"]),
        ("v1.2.3へ上げる", ["v1.2.3", "上げる"]),
        ("2-3%のダウン", ["2-3%", "down"]),
        ("どこに書いてありますか", ["書く"]),
        ("それは何ですか", []),
        ("What is the price?", ["price"]),
        ("　\n", []),
        ("🍣🍺", []),
    ],
)
def test_content_words(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("サーバ", "サーバー"),
        ("サーバ", "server"),
        ("ユーザ", "ユーザー"),
        ("ヴァイオリン", "バイオリン"),
        ("ウィンドウズ", "ウインドウズ"),
        ("インタフェース", "インターフェイス"),
        ("引越し", "引越"),
        ("打合せ", "打ち合わせ"),
        ("子供", "子ども"),
        ("子供", "こども"),
        ("附属", "付属"),
        ("會議", "会議"),
        ("会議", "かいぎ"),
        ("斎藤", "齋藤"),
        ("ﾊﾝｶｸ", "ハンカク"),
        ("ＰＣ", "PC"),
        ("２００８", "2008"),
        ("Hyper-V", "HyperV"),
        ("Wi-Fi", "WiFi"),
        ("London", "ロンドン"),
        ("WindowsServer2008", "Windows Server 2008"),
    ],
)
def test_spellings_meet(one: str, other: str) -> None:
    assert everything(one) & everything(other)


def test_a_code_is_kept_whole_and_in_parts() -> None:
    (word,) = tokenize("WindowsServer2008R2")
    assert word.terms == ("windowsserver2008r2",)
    assert set(word.parts) >= {"windows", "server", "2008", "r2"}


def test_normal_forms() -> None:
    assert normalize("ＰＣ ｶﾞｲﾄﾞ①") == "pc ガイド1"
    assert fold_katakana("サーバー") == fold_katakana("サーバ") == "サバ"
    assert fold_katakana("ー") == "ー"
    assert bigrams("ハイパーバイザ、税") == ["ハイ", "イパ", "パバ", "バイ", "イザ", "税"]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("｜東京《とうきょう》の打《う》ち合《あ》わせ", "東京の打ち合わせ"),
        ("｜Ａ社《エーしゃ》と佐々木《ささき》", "Ａ社と佐々木"),
        ("｜《重要》｜Ａ社《第一》", "｜《重要》｜Ａ社《第一》"),
        ("《重要》これは《だいじ》会議《第一》", "《重要》これは《だいじ》会議《第一》"),
        ("猫［＃「猫」に傍点］だ［＃改頁］", "猫だ"),
        ("サー\u200bバー\ufeff、葛\U000e0100城、Hyper\u00adV", "サーバー、葛城、HyperV"),
        ("東\x00京", "東京"),
        ("東京\x0b大阪\x0c京都\u2028奈良\x85神戸", "東京 大阪 京都 奈良 神戸"),
        ("[[サーバ|鯖]]を見た", " サーバ 鯖  を見た"),
        ("[[東京]][[大阪]]", " 東京   大阪  "),
        ("[[手順#準備\\|準備]]", " 手順 準備  準備  "),
        ("[[file:a.org][会議]]", " file:a.org 会議 "),
        ("[議事録](notes/a.md)と[x]", " 議事録 notes/a.md と[x]"),
        ("https://example.com/docs/?q=1#a を", "example.com/docs  を"),
        ("https://a.jp/d/1aBcD234567890xyz/%E8%81%9E/readmeを", "a.jp/d/readme を"),
        ("https://ja.wikipedia.org/wiki/聞き書き", "ja.wikipedia.org/wiki 聞き書き"),
        ("ふつうの文。[注] (1) a/b: c", "ふつうの文。[注] (1) a/b: c"),
    ],
)
def test_a_line_is_searched_as_it_is_read(text: str, read: str) -> None:
    assert plain(text) == read
    assert [word.all_terms for word in tokenize(text)] == [w.all_terms for w in tokenize(read)]
    assert bigrams(text) == bigrams(read)


def test_what_stands_on_either_side_of_a_mark_is_found() -> None:
    held = everything("[[サーバ|鯖]]の｜東京《とうきょう》\x00大阪")
    assert held >= everything("サーバ") | everything("鯖") | everything("東京") & everything("大阪")
    assert everything("とうきょう") & held
    assert everything("live [[migration]]") & everything("ライブマイグレーション")


@pytest.mark.parametrize(
    ("surface", "text", "written"),
    [
        ("pc", "僕のＰＣ", "ＰＣ"),
        ("打ち合わせ", "明日の打《う》ち合《あ》わせ", "打ち合わせ"),
        ("pc", "｜僕《ぼく》の\u200bＰＣ", "ＰＣ"),
        ("ガイド", "①ｶﾞｲﾄﾞ", "ガイド"),  # letters do not map one to one
    ],
)
def test_a_word_is_shown_as_its_note_spells_it(surface: str, text: str, written: str) -> None:
    assert as_written(surface, text) == written
