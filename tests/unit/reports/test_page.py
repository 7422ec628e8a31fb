"""The page as a string: the same bytes again, data in escaped or packed places alone."""

import json
import re
from base64 import b64decode
from gzip import decompress
from hashlib import sha256
from html.parser import HTMLParser

import numpy as np
import pytest

from fake_report import HOSTILE, SAMPLE, proof, report
from tamis.reports.blocks import IN_BLOCK, MOST_BYTES, columns, packed, size
from tamis.reports.page import SCRIPTS, cell, funnel, html, interval, number, paper, seconds, write


@pytest.fixture(scope="module")
def hostile():
    facts, rows, texts = report(600)
    return html(facts, rows, texts)


class Parts(HTMLParser):
    """Tags with their attributes, and the text of scripts, as a browser reads them."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.scripts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data):
        if self.cdata_elem == "script":
            self.scripts[-1] += data


def opened(text):
    return json.loads(decompress(b64decode(text)))


def test_same_input_gives_the_same_bytes(tmp_path):
    first, second = html(*report(300)), html(*report(300))
    assert first == second
    write(tmp_path / "page.html", *report(300))
    assert (tmp_path / "page.html").read_bytes() == first.encode()


def test_what_comes_from_data_is_neither_tag_nor_script_nor_link(hostile):
    parts = Parts(hostile)
    facts, rows, texts = report(600)
    expected = 2 + len(columns(facts, rows)) + len(list(packed(texts)))
    assert len(parts.scripts) == expected
    assert not [tag for tag, _ in parts.tags if tag in {"img", "iframe", "object", "link", "base"}]
    assert not [name for _, found in parts.tags for name in found if name.startswith("on")]
    links = {found["href"] for tag, found in parts.tags if tag == "a"}
    assert all(re.fullmatch(r"#\w+|https://arxiv\.org/abs/[\d.]+", link) for link in links)
    assert "window.pwned=1" in hostile  # shown, escaped
    assert not [s for s in parts.scripts if "pwned" in s]


def test_no_script_runs_but_ours_and_nothing_is_loaded(hostile):
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', hostile)[1]
    policy = policy.replace("&#39;", "'")
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy.split("style-src")[0]
    hashes = {b64decode(found).hex() for found in re.findall(r"'sha256-([^']+)'", policy)}
    scripts = Parts(hostile).scripts[-2:]
    assert hashes == {sha256(script.encode()).hexdigest() for script in scripts}
    assert not re.search(r"<(link|img|iframe|source|video)\b|@import|url\(", hostile[:60_000])


def test_our_scripts_make_no_markup_of_data():
    from tamis.reports.page import _asset

    for name in SCRIPTS:
        source = _asset(f"{name}.js")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", source)
        assert len(source.splitlines()) < 250
    echarts = _asset("echarts.min.js")
    assert "</script" not in echarts and "<!--" not in echarts and "\r" not in echarts


def test_what_no_page_can_hold_is_replaced(hostile):
    hostile.encode("utf-8")
    assert "\x00" not in hostile
    talk = [["user", "half \ud800, nul \x00", None]]
    assert opened(next(packed([talk]))) == [[["user", "half \ufffd, nul \x00", None]]]


def test_texts_are_in_blocks_and_say_their_size():
    texts = [[["user", f"row {i}", None]] for i in range(IN_BLOCK + 3)]
    found = list(packed(iter(texts)))
    assert [len(opened(block)) for block in found] == [IN_BLOCK, 3]
    assert opened(found[1])[0] == texts[IN_BLOCK]
    assert size(texts) == sum(map(len, found))


def test_texts_may_be_packed_already():
    facts, rows, texts = report(300)
    assert html(facts, rows, list(packed(texts))) == html(facts, rows, texts)


def test_columns_keep_numbers_and_gaps():
    facts, rows, _ = report(300)
    found = {column.name: column for column in columns(facts, rows)}
    score = np.frombuffer(decompress(b64decode(found["score.0"].data)), "<f4")
    wanted = [np.nan if v is None else v for v in rows["scores"][0]["values"]]
    np.testing.assert_allclose(score, wanted, rtol=1e-6)
    ranks = np.frombuffer(decompress(b64decode(found["rank.0"].data)), f"<{found['rank.0'].kind}")
    assert ranks.tolist() == rows["rank"][0]


def test_numbers_beyond_single_precision_stay_what_they_are():
    facts, rows, _ = report(300)
    rows["scores"][0]["values"][1] = 1e300
    found = {column.name: column for column in columns(facts, rows)}["score.0"]
    assert found.kind == "f8"
    assert np.frombuffer(decompress(b64decode(found.data)), "<f8")[1] == 1e300


def test_fifty_thousand_rows_stay_below_thirty_megabytes():
    rows = 4_000
    lines = [json.loads(line) for line in SAMPLE.read_text("utf-8").splitlines()]
    answers = [line["output"] for line in lines if line["output"]]
    long = [" ".join(answers[(i * k) % len(answers)] for k in range(1, 8)) for i in range(rows)]
    texts = [[["user", text[:200], None], ["assistant", text[200:600], None]] for text in long]
    facts, shown, _ = report(rows, hostile=False)
    texts_in_full = size(texts) * 50_000 / rows
    rest = len(html(facts, shown, None)) * 50_000 / rows  # too much: the scripts are there once
    scripts = len(html({**facts, "scores": []}, None, None)) * (50_000 / rows - 1)
    assert np.mean([len(text) for text in long]) > 600
    assert texts_in_full < MOST_BYTES
    assert texts_in_full + rest - scripts < 30_000_000


def test_a_report_of_experiments_alone_has_no_rows():
    facts, _, _ = report(300)
    empty = {"runs": [], "scores": [], "groups": [], "failures": [], "rejects": ""}
    nothing = dict.fromkeys(("correlation", "jaccard", "shared", "ranks"))
    page = html({**facts, **empty, **nothing, "proofs": [proof()]}, None, None)
    ids = [found.get("id") for tag, found in Parts(page).tags if tag == "section"]
    assert ids == ["proof", "again"]
    assert "▲" in page and "better than random" in page


def test_a_proof_without_effects_is_still_told():
    facts, _, _ = report(300)
    bare = proof()
    for arm in bare["arms"]:
        arm |= {"against_random": None, "verdict": "", "p": None, "value": None}
    bare |= {"curves": [], "benefits": []}
    assert "All arms" in html({**facts, "proofs": [bare]}, None, None)


def test_sections_are_all_there_in_order(hostile):
    ids = [found["id"] for tag, found in Parts(hostile).tags if tag == "section"]
    assert ids == [
        *("funnel", "proof", "scores", "agreement", "groups", "map", "rows"),
        *("failures", "cost", "methods", "again"),
    ]


def test_names_and_numbers_stand_in_tables_without_a_script(hostile):
    shown = re.sub(r"<script.*?</script>", "", hostile, flags=re.S)
    for name in HOSTILE[:4]:
        escaped = name.replace("<", "&lt;").replace(">", "&gt;")
        assert escaped in shown
    assert "Formula: f(S)" in shown and "objective" in shown


def test_losses_of_a_funnel_hang_where_they_were_lost():
    counts = [("read", 100), ("empty", 20), ("not chosen", 70), ("kept", 10)]
    bars = funnel([{"name": name, "rows": rows} for name, rows in counts])
    assert [(bar["start"], bar["width"]) for bar in bars] == [(0, 100), (80, 20), (10, 70), (0, 10)]
    assert [bar["loss"] for bar in bars] == [False, True, True, False]
    odd = funnel([{"name": "read", "rows": 100}, {"name": "left", "rows": 90}, *counts_of(50)])
    assert not any(bar["loss"] for bar in odd)


def counts_of(*rows):
    return [{"name": "kept", "rows": count} for count in rows]


def test_numbers_are_written_for_people():
    assert [number(v) for v in (1234567, 0.0123456, -3, None, float("nan"), 12345.6)] == [
        *("1,234,567", "0.01235", "−3", "–", "–", "12,346"),
    ]
    assert [seconds(v) for v in (0.0084, 0.42, 12, 185, 7800)] == [
        "8 ms",
        "0.42 s",
        "12 s",
        "3 min 05 s",
        "2 h 10 min",
    ]
    assert [cell(v) for v in (0.124, -0.3, 1.0, -0.001, -1.0)] == [".12", "−.30", "1", ".00", "−1"]
    assert interval({"value": 0.126, "low": -0.054, "high": None}) == "+0.13 [−0.05, –]"
    assert interval({"value": 0.021, "low": 0.009, "high": 0.033}) == "+0.021 [+0.009, +0.033]"
    assert interval({"value": 0.0, "low": 0.0, "high": 0.0}) == "+0 [+0, +0]"
    assert interval(None) == "–"


def test_only_papers_are_links():
    assert paper("arXiv:2308.12032") == "https://arxiv.org/abs/2308.12032"
    assert paper("javascript:alert(1)") is None
    assert paper("arXiv:2308.12032 javascript:") is None
