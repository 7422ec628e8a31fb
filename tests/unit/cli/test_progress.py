import io

from tamis.cli import progress
from tamis.cli.progress import plain


def test_plain_lines_tell_rate_and_time_left_and_only_for_slow_steps(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    out = io.StringIO()
    show = plain(out)
    show("fast", 0, 100)
    clock[0] = 0.5
    show("fast", 100, 100)
    show("slow", 0, 1000)
    for second, done in ((3, 100), (6, 200), (7, 300), (30, 1000)):
        clock[0] = float(second)
        show("slow", done, 1000)
    assert out.getvalue().split("\n") == [
        "slow: 200 of 1,000, 36 a second, 22 s left",
        "slow: 1,000 of 1,000, 34 a second",
        "",
    ]


def told(monkeypatch, *steps):
    """What is said of one step at (second, done) of 100."""
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    out = io.StringIO()
    show = plain(out)
    for second, done in steps:
        clock[0] = float(second)
        show("training", done, 100)
    return out.getvalue().splitlines()


def test_a_step_that_goes_on_is_timed_by_what_it_did_itself(monkeypatch):
    lines = told(monkeypatch, (0, 80), (10, 90))
    assert lines == ["training: 90 of 100, 1 a second, 10 s left"]


def test_a_step_that_begins_anew_is_timed_anew(monkeypatch):
    lines = told(monkeypatch, (0, 0), (10, 50), (20, 100), (1000, 0), (1010, 50))
    assert lines[-1] == "training: 50 of 100, 5 a second, 10 s left"
