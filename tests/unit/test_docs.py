"""Pages made from the code are as the code is."""

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_of_methods_is_up_to_date():
    made = runpy.run_path(str(ROOT / "tools/methods_page.py"))["page"]()
    assert (ROOT / "docs/methods.md").read_text(encoding="utf-8") == made, (
        "run: python tools/methods_page.py"
    )


def test_readme_links_lead_somewhere():
    import re

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)]+)\)", text):
        assert (ROOT / link).exists(), link
