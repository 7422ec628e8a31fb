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
        "slow: 200 of 1,000 rows, 36 rows/s, 22 s left",
        "slow: 1,000 of 1,000 rows, 34 rows/s",
        "",
    ]
