"""The page in a browser: what it draws, what its table shows, and that data stay data."""

import shutil
import time
from types import SimpleNamespace

import numpy as np
import pytest

from fake_report import HOSTILE, NEEDLE, PLACES, proof, report
from tamis.reports.page import write

ROWS = 2400


@pytest.fixture(scope="module")  # not longer: Playwright's event loop is in the way of other tests
def chromium():
    """A headless Chromium, where it and Playwright are installed."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "chrome"))), None)
    if found is None:
        pytest.skip("no chromium is installed")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    facts, rows, texts = report(ROWS)
    path = tmp_path_factory.mktemp("page") / "report.html"
    write(path, facts, rows, texts)
    return SimpleNamespace(path=path, facts=facts, rows=rows, texts=texts)


@pytest.fixture
def page(chromium, saved):
    with_page = opened(chromium, saved)
    yield with_page
    with_page.context.close()
    assert with_page.troubles == []


def opened(chromium, saved, **options):
    page = chromium.new_context(viewport={"width": 1200, "height": 900}, **options).new_page()
    page.troubles, asked = [], []
    page.on("pageerror", lambda error: page.troubles.append(str(error)))
    page.on("console", lambda said: page.troubles.append(said.text))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(saved.path.as_uri())
    page.evaluate("window.tamis?.ready")
    page.asked = asked
    return page


def until(page, expression, wanted=True):
    """Waits for what an expression gives; the page's policy forbids Playwright's own way."""
    for _ in range(400):
        found = page.evaluate(expression)
        if found == wanted:
            return
        time.sleep(0.025)
    raise AssertionError(f"{expression}: {found!r} is not {wanted!r}")


def shows(page, count):
    until(page, "document.getElementById('rows-said').textContent", f"{count:,} of {ROWS:,} rows")
    assert page.evaluate("window.tamis.rows") == count
    assert page.locator("#rows-table td.begin").count() == min(count, 25)


def find(page, words, count):
    page.click("#f-reset")
    shows(page, ROWS)
    page.fill("#f-query", words)
    shows(page, count)


def map_drawn(page):
    page.locator("#map-plane").scroll_into_view_if_needed()
    until(page, "window.tamis.drawn.some((node) => node.id === 'map-chart')")
    return page.locator("#map-chart").bounding_box()


def column_of(page, at):
    return page.locator(f"#rows-table tbody tr td:nth-child({at})").all_inner_texts()


def test_every_chart_is_drawn_and_nothing_else_is_asked_for(page, saved):
    for node in page.locator("[data-chart], #map-plane").all():
        node.scroll_into_view_if_needed()
    facts = saved.facts
    count = len(facts["scores"]) + len(facts["groups"]) + 2 + 1
    until(page, "window.tamis.drawn.length", count)
    colours = page.evaluate(
        """() => window.tamis.drawn.map((node) => {
          const canvas = node.querySelector("canvas");
          const paint = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          return new Set(new Uint32Array(paint.data.buffer)).size;
        })"""
    )
    assert min(colours) > 8, colours
    labels = page.evaluate("[...document.querySelectorAll('[role=img]')].map((n) => n.ariaLabel)")
    assert len(labels) == count - 1 and all(labels)
    assert page.asked == [saved.path.as_uri()]


def test_search_reads_texts_whatever_their_case_and_ids(page, saved):
    page.fill("#f-query", NEEDLE)
    shows(page, sum(NEEDLE in str(talk).lower() for talk in saved.texts))
    assert page.locator("#rows-table mark").first.inner_text().lower() == NEEDLE
    page.fill("#f-query", saved.rows["id"][17])
    shows(page, 1)
    page.click("#f-reset")
    shows(page, ROWS)


def test_filters_leave_the_rows_that_pass(page, saved):
    rows = saved.rows
    page.select_option("#f-label", "0.1")
    chinese = np.array(rows["labels"][0]["codes"]) == 1
    shows(page, int(chinese.sum()))
    page.select_option("#f-run", "2")
    page.select_option("#f-kept", "no")
    left = chinese & (np.array(rows["rank"][2]) < 0)
    shows(page, int(left.sum()))
    page.select_option("#f-why", "2")
    left &= np.array(rows["why"][2]["codes"]) == 2
    shows(page, int(left.sum()))
    page.select_option("#f-score", "0")
    page.fill("#f-low", "0.6")
    page.keyboard.press("Tab")
    ifd = np.array(rows["scores"][0]["values"], dtype=float)
    left &= ifd.astype(np.float32) >= np.float32(0.6)
    shows(page, int(left.sum()))
    assert 0 < left.sum() < chinese.sum() / 2


def test_sorting_puts_rows_without_a_value_last(page, saved):
    ifd = np.array(saved.rows["scores"][0]["values"], dtype=float)
    button = page.locator("#rows-table th button", has_text="ifd").first
    button.click()
    until(page, "document.querySelector('#rows-table th[aria-sort]')?.ariaSort", "descending")
    shown = [float(text) for text in column_of(page, 4)]
    assert shown == pytest.approx(np.sort(ifd[~np.isnan(ifd)])[::-1][:25], rel=1e-3)
    button.click()
    until(page, "document.querySelector('#rows-table th[aria-sort]').ariaSort", "ascending")
    page.click("#page-last")
    until(page, "document.getElementById('page-after').disabled")
    assert set(column_of(page, 4)) == {"–"}


def test_a_row_opens_to_everything_known_of_it(page, saved):
    page.fill("#f-query", saved.rows["id"][305])
    shows(page, 1)
    page.click("td.begin button")
    told = page.locator(".open-row").inner_text()
    for said in ('"name": "add"', "source", saved.rows["id"][305], "305", "language"):
        assert said in told
    for score in saved.rows["scores"]:
        assert score["name"] in told
    assert saved.texts[305][0][1].split("\n")[0] in told


def test_a_click_on_the_map_opens_the_nearest_row(page, saved):
    box = map_drawn(page)
    x, y = page.evaluate("window.tamis.place(7)")
    page.mouse.move(box["x"] + x + 3, box["y"] + y)
    until(page, "document.getElementById('map-tip').hidden", False)
    page.mouse.click(box["x"] + x + 5, box["y"] + y - 4)
    shows(page, 1)
    assert saved.rows["id"][7] in page.locator(".open-row").inner_text()
    page.click("#f-picked")
    shows(page, ROWS)


def on_screen(page, saved, points):
    """Pixels of points of the map, whose axes are linear: rows 0 and 3 tell their scale."""
    box = page.locator("#map-chart").bounding_box()
    (left, low), (right, high) = (page.evaluate(f"window.tamis.place({row})") for row in (0, 3))
    x, y = saved.rows["x"], saved.rows["y"]
    across, up = (right - left) / (x[3] - x[0]), (high - low) / (y[3] - y[0])
    return [
        (box["x"] + left + (px - x[0]) * across, box["y"] + low + (py - y[0]) * up)
        for px, py in points
    ]


def test_a_lasso_shows_exactly_the_rows_inside(page, saved):
    """An L around three clouds; a hull or a box of it would have row 7, in the middle, too."""
    corners = [(-14, -14), (14, -14), (14, -5), (-5, -5), (-5, 14), (-14, 14), (-14, -14)]
    map_drawn(page)
    page.click("#map-lasso")
    path = on_screen(page, saved, corners)
    page.mouse.move(*path[0])
    page.mouse.down()
    for place in path[1:]:
        page.mouse.move(*place, steps=6)
    page.mouse.up()
    cloud = np.arange(ROWS) % 4
    inside = (cloud != 3) & ~np.isnan(np.array(saved.rows["x"]))
    assert {PLACES[i] for i in set(cloud[inside])} == set(PLACES[:3])
    shows(page, int(inside.sum()))
    page.click("#map-clear")
    shows(page, ROWS)


def test_a_rectangle_shows_the_rows_inside(page, saved):
    map_drawn(page)
    page.click("#map-box")
    (left, low), (right, high) = on_screen(page, saved, [(-14, -14), (-5, -5)])
    page.mouse.move(left, low)
    page.mouse.down()
    page.mouse.move(right, high, steps=5)
    page.mouse.up()
    shows(page, int((np.arange(ROWS) % 4 == 0).sum()))


def test_the_map_is_coloured_by_labels_and_scores(page, saved):
    map_drawn(page)
    page.select_option("#map-colour", "label.0")
    until(page, "document.querySelectorAll('#map-legend li').length", 5)
    page.select_option("#map-colour", "score.0")
    until(page, "document.querySelectorAll('#map-legend li').length", 7)


def test_the_keyboard_alone_sorts_opens_and_walks(page, saved):
    page.focus("#f-reset")
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset.key") == "sort tokens":
            break
    page.keyboard.press("Enter")
    until(page, "document.querySelector('#rows-table th[aria-sort]')?.textContent", "Tokens\u00a0↓")
    assert page.evaluate("document.activeElement.dataset.key") == "sort tokens"
    while not page.evaluate("document.activeElement.dataset.key?.startsWith('row ')"):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    until(page, "document.querySelectorAll('.open-row').length", 1)
    assert page.evaluate("document.activeElement.ariaExpanded") == "true"
    map_drawn(page)
    page.focus("#map-plane")
    page.keyboard.press("ArrowRight")
    until(page, "document.getElementById('map-tip').hidden", False)
    page.keyboard.press("Enter")
    shows(page, 1)


def test_dark_and_light(page):
    paper = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(paper)
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate(paper)
    assert light != dark
    page.click("#theme")
    assert page.evaluate(paper) == light
    page.click("#theme")
    assert page.evaluate(paper) == dark
    assert page.evaluate("localStorage.length") == 0


def test_paper_has_all_sections_and_charts_and_no_controls(page, saved):
    page.emulate_media(media="print", color_scheme="dark")
    count = len(saved.facts["scores"]) + len(saved.facts["groups"]) + 2 + 1
    until(page, "window.tamis.drawn.length", count)
    assert all(section.is_visible() for section in page.locator("main > section").all())
    assert not page.locator(".controls, .bar, .pager").filter(visible=True).count()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


def test_a_narrow_window_is_not_scrolled_sideways(page):
    page.set_viewport_size({"width": 360, "height": 740})
    for section in page.locator("main > section").all():
        section.scroll_into_view_if_needed()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_without_scripts_tables_and_cards_are_there(chromium, saved):
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(saved.path.as_uri())
    for place in ("#funnel table", "#scores table", "#agreement table", ".forest", "#again pre"):
        assert page.locator(place).first.is_visible()
    assert not page.locator("#filters").is_visible()
    context.close()


def test_attacks_in_rows_and_names_stay_text(page, saved):
    for chart in ("score", "groups", "curves", "benefits"):
        page.locator(f"[data-chart={chart}]").first.hover()
    for text in HOSTILE[:7]:
        page.fill("#f-query", text)
        until(page, "document.querySelector('td.begin mark')?.textContent", text)
        shows(page, sum(text in talk[0][1] for talk in saved.texts))
        page.locator("td.begin button").first.click()
        until(page, "document.querySelectorAll('.open-row').length", 1)
        assert text in page.locator(".open-row").inner_text()
    assert page.evaluate("window.pwned") is None
    assert page.locator("img, iframe, a[href^=javascript], [onerror], [onmouseover]").count() == 0


def test_a_word_of_100_kb_and_text_in_any_direction(page, saved):
    find(page, "x" * 40, 1)
    page.click("td.begin button")
    until(page, "document.querySelectorAll('.open-row').length", 1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 1200
    find(page, "مرحبا", 1)
    button = page.locator("td.begin button")
    assert button.evaluate("(node) => getComputedStyle(node).direction") == "rtl"
    find(page, "half \ufffd a character", 1)


def test_experiments_alone_and_little_else(chromium, tmp_path):
    facts, rows, _ = report(40, hostile=False)
    nothing = dict.fromkeys(("correlation", "jaccard", "shared", "ranks"))
    nothing |= {"scores": [], "groups": [], "failures": [], "rejects": ""}
    bare = proof()
    for one in (*bare["arms"], *bare["benefits"]):
        one["against_random"] = None
    proofs = {**facts, **nothing, "runs": [], "proofs": [proof(), bare]}
    bare_rows = {**rows, "x": [], "y": [], "map": "", "scores": [], "labels": []}
    bare_rows |= {"rank": rows["rank"][:1], "why": rows["why"][:1], "texts": "No texts."}
    single = {**facts, **nothing, "runs": facts["runs"][:1], "proofs": []}
    for path, facts, rows in (("a", proofs, None), ("b", single, bare_rows)):
        path = tmp_path / f"{path}.html"
        write(path, facts, rows, None)
        page = opened(chromium, SimpleNamespace(path=path))
        for node in page.locator("[data-chart]").all():
            node.scroll_into_view_if_needed()
        until(page, "window.tamis.drawn.length", page.locator("[data-chart]").count())
        assert page.locator("[data-chart]").count() == (3 if rows is None else 0)
        assert page.evaluate("window.tamis.rows") == (0 if rows is None else 40)
        assert page.troubles == []
        page.context.close()
