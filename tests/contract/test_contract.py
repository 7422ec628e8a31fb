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
    "instruct_mining_fit": "instruct_mining_fit(of=[length,mtld],subsets=5,rows=9)",  # 42 rows
    "size_search": "size_search(by=length,least=2,tries=4)",  # 512 rows would search nothing
    "mods": "mods(seeds=3,tokens=8)",  # 500 seeds would leave nothing to train for
    "diverse_evol": "diverse_evol(start=3,add=4,rounds=2)",
    "s2l": "s2l(every=1,clusters=4)",  # the hard rows are fewer updates than 500
    "active_it": "active_it(tasks=script,start=1,add=1,by=perplexity)",
    "instruction_gpt4": "instruction_gpt4(of=[length],parts=2,subsets=9,rows=5)",
    "instag": "instag(tags=normal_tags(min_count=2))",
    "sieve": "sieve(most=64)",  # subsets nest up to there
    "two_round": "two_round(by=top_k(by=length),parts=3)",  # of other selectors they do with most=
}
NAMES = [SETTINGS.get(name, name) for kind in FOLDERS for name in names(kind)]


@pytest.mark.parametrize("check", [check for name in NAMES for check in checks(name)], ids=str)
def test_contract(check):
    check()
