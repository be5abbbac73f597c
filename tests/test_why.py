"""Why a line was found, as data, as JSON and for people."""

from pathlib import Path

from conftest import BigramEncoder, write_notes
from rich.console import Console

from index import build, open_store
from qa import Answer, ask
from qa.show import as_json, print_answer

NOTE = """# 機械室

- サーバの冗長化は来月。Ｗｉ－Ｆｉも替える。
- 棚
  - 電池は3本ある
"""


def answer_to(question: str, tmp_path: Path, encoder: BigramEncoder) -> Answer:
    build(write_notes(tmp_path / "n", {"機械.md": NOTE}), tmp_path / "s", encoder=encoder)
    with open_store(tmp_path / "s", encoder=encoder) as store:
        return ask(question, store)


def printed(answer: Answer, *, explain: bool) -> str:
    console = Console(width=200)
    with console.capture() as shown:
        print_answer(answer, answer.question, console, explain=explain)
    return shown.get()


def test_words_are_named_as_the_note_writes_them(tmp_path: Path, encoder: BigramEncoder) -> None:
    answer = answer_to("機械室のserverとwifiの冗長化は？", tmp_path, encoder)
    found = as_json(answer, answer.question)["citations"][0]["why"]
    assert found["words"] == [
        {"word": "機械", "found": "機械", "how": "same", "in_heading": True},
        {"word": "室", "found": "室", "how": "same", "in_heading": True},
        {"word": "server", "found": "サーバ", "how": "variant", "in_heading": False},
        {"word": "wifi", "found": "Ｗｉ－Ｆｉ", "how": "variant", "in_heading": False},
        {"word": "冗長", "found": "冗長", "how": "same", "in_heading": False},
        {"word": "化", "found": "化", "how": "same", "in_heading": False},
    ]
    assert found["keyword"] + found["vector"] == 1
    assert 0 < found["vector"] < 1
    assert "server → サーバ" in printed(answer, explain=True)
    assert "server → サーバ" not in printed(answer, explain=False)


def test_the_same_spelling_is_named_before_another(tmp_path: Path, encoder: BigramEncoder) -> None:
    note = "サーバは東京に置く。サーバーの置き場は大阪にもある。\n"
    build(write_notes(tmp_path / "n", {"a.txt": note}), tmp_path / "s", encoder=encoder)
    with open_store(tmp_path / "s", encoder=encoder) as store:
        why = ask("サーバーの置き場は？", store).citations[0].why
    assert (why.matches[0].found, why.matches[0].how) == ("サーバー", "same")


def test_a_slip_is_found_by_similar_letters(tmp_path: Path, encoder: BigramEncoder) -> None:
    answer = answer_to("サーバの冗張化は来月？", tmp_path, encoder)
    how = {match.word: match.how for match in answer.citations[0].why.matches}
    assert how["サーバ"] == "same"


def test_a_refusal_names_the_nearest_places_and_the_words_in_no_note(
    tmp_path: Path, encoder: BigramEncoder
) -> None:
    answer = answer_to("Kubernetesの料金表は？", tmp_path, encoder)
    found = as_json(answer, answer.question)
    assert (found["found"], found["citations"]) == (False, [])
    assert "Kubernetes" in found["absent"]
    assert 0 < len(found["nearest"]) <= 3
    assert found["nearest"] == found["hits"][: len(found["nearest"])]
    assert as_json(answer_to("電池は何本？", tmp_path, encoder), "")["nearest"] == []
