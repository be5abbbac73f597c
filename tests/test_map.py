"""The map of the notes: its places, what is drawn behind, and the picture in a real browser."""

import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from chromium import needs_chromium, send, serving
from conftest import EXAMPLE, BigramEncoder, write_notes
from playwright.sync_api import Page, expect
from test_desk import desk, model_gate, wait_until_idle

from index import build, open_store
from index.storage.store import Store
from ui.desk import Desk, Status
from ui.map.mapper import Drawing, Mapper
from ui.map.page import map_page
from ui.map.projection import nearest, place, project

__all__ = ["desk", "model_gate"]  # fixtures

TOPICS, EACH = 20, 30  # of the vectors below


def clusters(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors scattered about 20 topics, and the topic of each."""
    random = np.random.default_rng(seed)
    of = np.repeat(np.arange(TOPICS), EACH)
    vectors = random.normal(size=(TOPICS, 64))[of] + random.normal(scale=0.5, size=(len(of), 64))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), of


def wait_for(mapper: Mapper, store: Store) -> Drawing:
    mapper.look(store)
    for _ in range(600):
        drawing = mapper.look(store)
        if drawing.share == 1:
            return drawing
        time.sleep(0.05)
    raise TimeoutError


def test_near_vectors_stay_near_and_the_picture_is_the_same_again() -> None:
    vectors, of = clusters()
    places = project(vectors)
    assert (places == project(vectors)).all()
    distances = np.linalg.norm(places[:, None] - places[None], axis=2)
    near = np.argsort(distances, axis=1)[:, 1:11]
    assert (of[near] == of[:, None]).mean() > 0.9  # 1.0 measured


def test_the_nearest_are_those_of_brute_force() -> None:
    vectors, _ = clusters()
    near, cosines = nearest(vectors[:200], vectors, 5)
    truth = np.argsort(-(vectors[:200] @ vectors.T), axis=1)[:, :5]
    assert (np.sort(near) == np.sort(truth)).all()
    assert cosines == pytest.approx(np.einsum("md,mkd->mk", vectors[:200], vectors[near]), abs=1e-5)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 40])
@pytest.mark.parametrize("equal", [False, True])
def test_few_and_equal_vectors_have_places(count: int, equal: bool) -> None:
    vectors, _ = clusters()
    places = project(vectors[:1].repeat(count, axis=0) if equal else vectors[:count])
    assert places.shape == (count, 2)
    assert np.isfinite(places).all()


def test_a_known_vector_stands_where_it_stood_and_others_near_it_stay() -> None:
    vectors, of = clusters()
    places = project(vectors)
    size = float(np.sqrt(places.var(axis=0).sum()))
    assert place(vectors[:50], vectors, places) == pytest.approx(places[:50], abs=1e-2 * size)
    kept = of != 3
    again = project(vectors[kept], places[kept])
    moved = np.linalg.norm(again - places[kept], axis=1)
    assert np.median(moved) < 0.2 * size  # 0.02 measured


def test_a_changed_note_leaves_the_others_where_they_were(
    notes: Path, store_folder: Path, store: Store, encoder: BigramEncoder
) -> None:
    mapper = Mapper(lambda: None)
    write_notes(notes, {f"{n}.txt": f"第{n}回の記録。議題は{n}件。\n" for n in range(20)})
    build(notes, store_folder, encoder=encoder)
    before = wait_for(mapper, store).plane
    assert before is not None
    assert len(before.places) == store.counts().passages > 20
    with store.searcher() as index:
        there = index.passages(before.ids.tolist())
    assert [p.path for p in before.passages] == [p.path for p in there.values()]
    write_notes(notes, {"料理.txt": "カレーの作り方。玉ねぎをよく炒める。\n"})
    build(notes, store_folder, encoder=encoder)
    mapper.look(store)
    after = wait_for(mapper, store).plane
    assert after is not None
    assert after.number > before.number
    stood = {p: tuple(at) for p, at in zip(before.passages, before.places.tolist(), strict=True)}
    stands = {p: tuple(at) for p, at in zip(after.passages, after.places.tolist(), strict=True)}
    assert set(stands) - set(stood)
    assert len(stands.keys() & stood.keys()) > 20
    assert all(stands[passage] == stood[passage] for passage in stands.keys() & stood.keys())
    asked = mapper.place(after.vectors[5], after.encoder)
    assert asked == pytest.approx(after.places[5].tolist(), abs=0.05)
    mapper.close()


def test_nothing_is_drawn_before_somebody_looks_nor_shown_before_it_is_encoded(
    desk: Desk, model_gate: object, store_folder: Path
) -> None:
    desk.ask("カレーの作り方は？")
    assert desk._mapper._thread is None
    desk.map()
    while desk.map().share < 1:
        time.sleep(0.05)
    drawn = desk.map().plane
    assert drawn is not None and not len(drawn.ids)
    assert desk.place("カレーの作り方は？") is None
    model_gate.set()  # type: ignore[attr-defined]
    wait_until_idle(desk)
    for _ in range(200):
        drawn = desk.map().plane
        if drawn is not None and len(drawn.ids):
            break
        time.sleep(0.05)
    assert drawn is not None
    assert len(drawn.ids) == desk.status().passages
    assert desk.place("カレーの作り方は？") is not None

    shutil.rmtree(store_folder)
    desk.map()  # whatever there is then: no error
    for _ in range(400):
        again = desk.map().plane
        if again is not None and len(again.ids) and again.begun != drawn.begun:
            break
        time.sleep(0.05)
    assert again is not None
    assert sorted(p.text for p in again.passages) == sorted(p.text for p in drawn.passages)


def test_what_stands_in_a_note_cannot_leave_its_page(tmp_path: Path, store_folder: Path) -> None:
    evil = "</script><img src=x onerror=alert(1)>"
    folder = write_notes(tmp_path / "evil", {f"{evil[2:8]}<b>.md": f"# {evil}\n\n{evil} 本文\n"})
    build(folder, store_folder, encoder=BigramEncoder())
    with open_store(store_folder) as store:
        page = map_page(wait_for(Mapper(lambda: None), store), Status(1, 1, 1))
    assert page.count("</script>") == 1
    assert "<img" not in page
    assert "<b>" not in page


@needs_chromium
@pytest.mark.model
def test_the_map_shows_the_answer_and_opens_a_source(page: Page, seeds_chat: str) -> None:
    page.goto(seeds_chat)
    page.click("#open-map")
    canvas = page.get_by_role("application")
    expect(page.locator("main.map .state")).to_have_text("72か所72 passages")
    assert "72か所" in (canvas.get_attribute("aria-label") or "")
    send(page, EXAMPLE)
    expect(page.locator(".card mark")).to_have_count(2)
    cards = page.locator("#chat .card").count()
    quoted = page.locator("#chat .card:has(header b)").count()
    marked = f"引用 {quoted}、ほかに近い箇所 {cards - quoted}"
    expect(page.locator(f"canvas[aria-label*='{marked}']")).to_have_count(1)
    expect(page.locator(f"canvas[aria-label*='質問 {EXAMPLE}']")).to_have_count(1)

    canvas.focus()
    page.keyboard.press("ArrowDown")
    first = page.locator(".at").inner_text()
    page.keyboard.press("ArrowRight")
    second = page.locator(".at a").inner_text()
    assert first and not first.startswith(second)
    expect(page.locator("#tip")).to_contain_text(second)
    page.keyboard.press("Enter")
    side = page.locator("#side")
    expect(side.locator("h2").first).to_have_text(second)
    expect(side.locator("mark").first).to_be_in_viewport()

    page.get_by_role("button", name="戻る").click()
    expect(canvas).to_be_focused()
    box = canvas.bounding_box()
    assert box is not None
    over = "document.querySelector('main.map canvas').style.cursor === 'pointer'"
    for step in range(400):  # along rows, until the pointer says that there is a point
        page.mouse.move(
            box["x"] + 20 + step % 20 * (box["width"] - 40) / 20,
            box["y"] + 20 + step // 20 * (box["height"] - 80) / 20,
        )
        if page.evaluate(over):
            break
    told = page.locator("#tip").inner_text().split("\n")[0]
    page.mouse.down()
    page.mouse.up()
    expect(side.locator("h2").first).to_have_text(told)
    page.keyboard.press("Escape")
    expect(side).to_be_hidden()


@needs_chromium
def test_the_map_waits_for_vectors(page: Page, notes: Path, store_folder: Path) -> None:
    desk = Desk(notes, store_folder)  # not started: the store stays away until it is built here
    with serving(desk) as address:
        page.goto(address)
        page.click("#open-map")
        expect(page.locator("main.map .state .ja")).to_have_text("意味検索の準備中 0/0")
        build(notes, store_folder, encoder=BigramEncoder())
        with open_store(store_folder) as store:
            count = store.counts().passages
        expect(page.locator("main.map .state .ja").first).to_have_text(f"{count}か所")
        page.get_by_text("ノートの一覧").click()
        page.get_by_role("link", name="仕事/引越し.txt").click()
        expect(page.locator("#side .lines")).to_contain_text("粗大ごみは水曜に出す")
        page.click("#side .back")
        expect(page.get_by_role("application")).to_be_focused()
    desk.close()
