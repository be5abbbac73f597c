"""What axe-core, a keyboard and a ruler say of the chat, in both themes and on a phone."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from chromium import needs_chromium, send
from conftest import EXAMPLE
from playwright.sync_api import Page, expect

pytestmark = [needs_chromium, pytest.mark.model]
SHIFTS = """() => {
  window.shifts = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries())
      if (!entry.hadRecentInput) window.shifts.push(entry.value);
  }).observe({ type: "layout-shift" });
}"""


def faults(page: Page) -> list[str]:
    """What axe-core calls serious or critical: the rule, where, and what is wrong there."""
    found = Axe().run(page).response["violations"]
    return [
        f"{fault['id']} {node['target']}: {node['failureSummary']}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


@pytest.mark.parametrize(("width", "theme"), [(1300, "light"), (390, "dark")])
def test_axe_finds_nothing_serious(page: Page, seeds_chat: str, theme: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 850})
    page.goto(f"{seeds_chat}?__theme={theme}")
    expect(page.get_by_role("button", name=EXAMPLE)).to_be_visible()
    expect(page.locator("#tools")).to_be_visible()
    assert faults(page) == []
    send(page, EXAMPLE)
    expect(page.locator("a.cite")).to_have_count(2)
    send(page, "もっと詳しく")
    expect(page.locator(".searched")).to_be_visible()
    send(page, "カレーの作り方は？")
    expect(page.locator(".suggested").first).to_be_visible()
    page.locator("#filter .label-wrap").click()
    expect(page.get_by_label("ファイル名")).to_be_visible()
    assert faults(page) == []
    page.locator("#filter .label-wrap").click()
    page.locator("a.cite").first.click()
    expect(page.locator("#side mark")).to_be_visible()
    assert faults(page) == []
    for view in ("notes", "map", "talks"):
        page.keyboard.press("Escape")
        page.locator(f"#open-{view}").click()
        expect(page.locator(f"#side.{view} .view > *").first).to_be_visible()
        assert faults(page) == [], view


def test_nothing_jumps_while_answering(page: Page, seeds_chat: str) -> None:
    page.goto(seeds_chat)
    expect(page.get_by_role("button", name=EXAMPLE)).to_be_visible()
    expect(page.locator("#tools")).to_be_visible()
    page.wait_for_timeout(1000)  # Gradio draws its rows one after another
    page.evaluate(SHIFTS)
    send(page, EXAMPLE)
    expect(page.locator("a.cite")).to_have_count(2)
    send(page, "カレーの作り方は？")
    expect(page.locator(".suggested").first).to_be_visible()
    page.locator("a.cite").first.click()
    expect(page.locator("#side mark")).to_be_visible()
    page.wait_for_timeout(500)
    assert sum(page.evaluate("window.shifts")) < 0.01  # 0.1 is called good


def test_the_focus_is_seen_wherever_it_goes(page: Page, seeds_chat: str) -> None:
    page.goto(seeds_chat)
    send(page, EXAMPLE)
    page.locator("a.cite").first.click()
    expect(page.locator("#side mark")).to_be_visible()
    unseen = []
    for _ in range(30):
        page.keyboard.press("Tab")
        said = page.evaluate(
            """() => {
              const at = document.activeElement;
              if (at === document.body) return "";
              const drawn = (node) => {
                const style = getComputedStyle(node);
                return style.outlineStyle !== "none" || style.boxShadow !== "none";
              };
              let node = at;  // a field's frame may be what shows it
              for (let up = 0; node && up < 4; up++, node = node.parentElement)
                if (drawn(node)) return "";
              return at.outerHTML.slice(0, 120);
            }"""
        )
        if said:
            unseen.append(said)
    assert unseen == []
