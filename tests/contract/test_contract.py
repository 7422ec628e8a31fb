"""Every registered method keeps the contract."""

import pytest

from tamis.registry import FOLDERS, names
from tamis.testing import checks

SETTINGS = {
    "threshold": "threshold(at_least=20)",  # refuses to run without a bound
    "complexity_first": "complexity_first(tags=script)",
    "mig": "mig(tags=script,by=length)",
    "davir": "davir(base=length)",  # its reference is length here, and both have to be one score
    "t_shirt": "t_shirt(of=loss_difference(neighbours=3))",  # 30 would take a minute
    "normal_tags": "normal_tags(min_count=2,min_support=5)",  # 20 is for a pool of 300,000 rows
    "tag_count": "tag_count(of=script)",
    "instag": "instag(tags=normal_tags(min_count=2))",
}
NAMES = [SETTINGS.get(name, name) for kind in FOLDERS for name in names(kind)]


@pytest.mark.parametrize("check", [check for name in NAMES for check in checks(name)], ids=str)
def test_contract(check):
    check()
