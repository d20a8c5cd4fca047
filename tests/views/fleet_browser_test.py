"""The page of a fleet, in a browser, as people use it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from rsp_release.views.fleet_plots import format_seconds

from ..support.browser import AXE, needs_axe, needs_browser, start_browser
from ..support.pages import draw_page, make_history

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with start_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("page") / "fleet.html"
    path.write_text(draw_page(), encoding="utf-8")
    return path.as_uri()


class Opener:
    """Opens the page, and hears what its console says."""

    def __init__(self, browser: Browser, address: str) -> None:
        self._browser = browser
        self._address = address
        self.said: list[str] = []

    def __call__(
        self,
        *,
        width: int = 1280,
        mode: Literal["dark", "light"] = "light",
        at: str = "",
        script: bool = True,
    ) -> Page:
        context = self._browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=mode,
            java_script_enabled=script,
            offline=True,
        )
        page = context.new_page()
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self._check(request.url))
        page.goto(self._address + at)
        return page

    def _check(self, url: str) -> None:
        if not url.startswith(self._address):
            self.said.append(f"asks for {url}")

    def close(self) -> None:
        for context in self._browser.contexts:
            context.close()


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Opener]:
    opener = Opener(browser, address)
    yield opener
    opener.close()
    assert opener.said == []


def names(page: Page) -> list[str]:
    """Return the applications that are seen, in order."""
    found: list[str] = page.evaluate(
        "[...document.querySelectorAll('#fleet tbody strong')].filter("
        "(each) => each.checkVisibility()).map((each) => each.textContent)"
    )
    return found


def test_headings_sort(visit: Opener) -> None:
    page = visit()
    assert names(page)[0] == "vega"
    head = page.get_by_role("columnheader", name="Application")
    assert head.get_attribute("aria-sort") is None
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert names(page) == sorted(names(page))
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert names(page) == sorted(names(page), reverse=True)
    other = page.get_by_role("columnheader", name="Unreleased")
    other.get_by_role("button").click()
    assert head.get_attribute("aria-sort") is None
    # As numbers, and what is not known last, either way.
    assert names(page)[-3:] == ["adhara", "rigel", "algol"]
    other.get_by_role("button").click()
    assert names(page)[:2] == ["rigel", "adhara"]
    assert names(page)[-1] == "algol"
    head = page.get_by_role("columnheader", name="Deployed")
    head.get_by_role("button").click()
    known = names(page)
    assert known.index("rigel") < known.index("mira") < known.index("vega")
    assert known[-1] == "spica"


def test_text_and_needs_filter(visit: Opener) -> None:
    page = visit()
    status = page.get_by_role("status")
    assert status.inner_text() == "7 of 7 shown"
    page.get_by_role("searchbox", name="Filter").fill("ACME/r")
    assert names(page) == ["rigel"]
    assert status.inner_text() == "1 of 7 shown"
    page.get_by_role("searchbox").fill("")
    toggle = page.get_by_role("button", name="release 2")
    toggle.click()
    assert toggle.get_attribute("aria-pressed") == "true"
    assert names(page) == ["rigel", "adhara"]
    page.get_by_role("button", name="merge 1").click()
    assert names(page) == ["mira", "rigel", "adhara"]
    page.get_by_role("searchbox").fill("zz")
    assert names(page) == []
    assert page.get_by_text("No application matches.").is_visible()


def test_a_filter_has_an_address(visit: Opener) -> None:
    page = visit()
    page.get_by_role("searchbox").fill("1.9.1")
    page.get_by_role("button", name="release 2").click()
    hash_ = page.evaluate("location.hash")
    assert hash_ == "#filter=1.9.1&need=release"
    page = visit(at=hash_)
    assert names(page) == ["adhara"]
    assert page.get_by_role("searchbox").input_value() == "1.9.1"
    # What others put into an address is a text to look for.
    page = visit(at="#filter=<img src=x>&need=love")
    assert names(page) == []


def test_a_keyboard_is_enough(visit: Opener) -> None:
    page = visit()

    def focus() -> str:
        return str(page.evaluate("document.activeElement.textContent"))

    page.get_by_role("searchbox").focus()
    page.keyboard.type("rigel")
    assert names(page) == ["rigel"]
    page.keyboard.press("Tab")
    assert focus() == "failed 1"
    assert page.locator("button:focus-visible").count() == 1
    page.keyboard.press("Space")
    assert names(page) == []
    for _ in range(6):
        page.keyboard.press("Tab")
    assert focus() == "Application"
    page.keyboard.press("Enter")
    head = page.get_by_role("columnheader", name="Application")
    assert head.get_attribute("aria-sort") == "ascending"


@pytest.mark.parametrize("width", [400, 800, 1280])
def test_nothing_is_wider_than_the_window(visit: Opener, width: int) -> None:
    page = visit(width=width)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    box = page.get_by_text("deploy 1.10.0 to 3 environments").bounding_box()
    assert box is not None
    assert box["x"] + box["width"] <= width


def test_plots_are_of_one_application_or_of_all(visit: Opener) -> None:
    page = visit()
    plots = page.locator(".figures")
    everything = plots.inner_html()
    chosen = page.get_by_role("combobox", name="Application")
    chosen.select_option("deneb")
    data = make_history()["applications"]["deneb"]
    figure = page.locator("figure[data-stage=whole]")
    count, median, _ = data["whole"][-1]
    said = figure.locator("figcaption p").inner_text()
    assert said.startswith(f"median {format_seconds(median)}, ")
    assert said.endswith(f"; {count} changes")
    marks = figure.locator("g:not([hidden])").count()
    assert marks == len([each for each in data["whole"][:-1] if each])
    figure.get_by_text("Figures").click()
    cells = figure.locator("tbody td:nth-child(2)").all_inner_texts()
    assert cells == [
        str(each[0] if each else 0) for each in data["whole"][:-1]
    ]
    runs = page.locator("figure[data-stage=outcomes] figcaption p")
    first = sum(each[0] for each in data["outcomes"])
    assert f"{first} succeeded at once" in runs.inner_text()
    # What is drawn here is what was drawn there.
    figure.get_by_text("Figures").click()
    chosen.select_option("")
    assert plots.inner_html() == everything


def test_dark_is_dark(visit: Opener) -> None:
    colors = [
        visit(mode=mode).evaluate(
            "getComputedStyle(document.body).backgroundColor"
        )
        for mode in ("light", "dark")
    ]
    assert colors == ["rgb(255, 255, 255)", "rgb(15, 19, 24)"]


def test_it_reads_without_scripts(visit: Opener) -> None:
    page = visit(script=False)
    assert len(names(page)) == 7
    assert not page.get_by_role("searchbox").is_visible()


def test_paper_has_no_controls(visit: Opener) -> None:
    page = visit()
    page.emulate_media(media="print")
    assert not page.locator("figure td").first.is_visible()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("figure td").first.is_visible()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert not page.locator("figure td").first.is_visible()
    assert not page.get_by_role("searchbox").is_visible()
    assert len(names(page)) == 7


@needs_axe
@pytest.mark.parametrize(
    ("width", "mode"), [(1280, "light"), (1280, "dark"), (400, "dark")]
)
def test_everybody_can_use_it(
    visit: Opener, width: int, mode: Literal["dark", "light"]
) -> None:
    page = visit(width=width, mode=mode)
    page.evaluate(Path(AXE).read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = page.evaluate(
        "axe.run().then((result) => result.violations.map(({id, nodes}) =>"
        " ({id, nodes: nodes.map((node) => node.html)})))"
    )
    assert found == []
