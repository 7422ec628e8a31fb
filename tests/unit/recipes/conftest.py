"""Recipes are tried on the scripted model of the scorers' tests."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "scorers"))
