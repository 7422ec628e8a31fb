import json

import pytest
from _answering import Answering, quoted

from tamis.budget import Budget
from tamis.errors import UserError
from tamis.models.fake import FakeEmbedder
from tamis.recipes.instag import instag
from tamis.run.session import Run
from tamis.testing import dataset

CARRIED = "field_tags(name=tags)"
DOSSIER = [list("abcd"), list("abc"), list("ae"), ["b"], list("ef"), ["g"]]


def rows(tags, field="tags"):
    """Rows that carry their tags, in the order of their ids, by which ties go."""
    made = [{"instruction": f"ask {n}", "output": "yes"} for n in range(len(tags))]
    by_id = sorted(zip(dataset(made).ids.to_pylist(), made, strict=True), key=lambda one: one[0])
    return dataset([{**row, field: own} for (_, row), own in zip(by_id, tags, strict=True)])


def run(tmp_path, judge=None):
    return Run(store=str(tmp_path), embedder=FakeEmbedder(), judge=judge or "")


@pytest.mark.parametrize("count", [4, 6])
def test_the_oracle_of_the_dossier_on_rows_that_carry_tags(tmp_path, count):
    picked = instag(run(tmp_path), rows(DOSSIER), Budget(count=count), tags=CARRIED)
    assert picked.rows.tolist() == [0, 2, 4, 5, 1, 3][:count]
    assert picked.info["coverage"] == 1
    assert picked.info["tags_after"] == {"given": 7}


def test_tags_a_row_are_of_the_selection(tmp_path):
    picked = instag(run(tmp_path), rows(DOSSIER), Budget(count=1), tags=CARRIED)
    assert picked.info["tags_a_row"] == 4
    assert picked.info["coverage"] == pytest.approx(4 / 7)


def answer(question):
    """Tags by hand: the words of the query."""
    return json.dumps([{"tag": w, "explanation": ""} for w in quoted(question)["question"].split()])


def asking(*queries):
    return dataset([{"instruction": query, "output": "yes"} for query in queries])


def test_a_judge_tags_the_rows_and_each_step_is_told(tmp_path):
    data = asking("Verse story", "verses maths", "maths Verse stories", "rare", "verses", "rare2")
    judge = Answering(answer)
    tags = "normal_tags(min_count=2,eps=0,min_support=0)"
    picked = instag(run(tmp_path, judge), data, Budget(count=1), tags=tags)
    # Verse, verses and maths are in two rows; Verse and verses are one
    assert picked.info["tags_after"] == {"given": 7, "frequent": 3, "rules": 2}
    assert picked.info["tags_a_row"] == 2
    gone = {why: sorted(found.tolist()) for why, found in picked.dropped.items()}
    assert [rows for why, rows in gone.items() if why.startswith("no tags")] == [[3, 5]]


def test_a_second_run_with_other_settings_asks_nothing_again(tmp_path):
    data, judge = asking("verse story", "verse maths"), Answering(answer)
    for least in (1, 2):
        tags = f"normal_tags(min_count={least})"
        instag(run(tmp_path, judge), data, Budget(count=1), tags=tags)
    assert sum(map(len, judge.waves)) == 2


def test_rows_that_carry_many_tags_are_normalised_without_a_judge(tmp_path):
    data = rows([["Verse"], ["verses", "x"], ["verse"]], field="labels")
    tags = "normal_tags(of=field_tags(name=labels),min_count=1,eps=0,min_support=0)"
    picked = instag(run(tmp_path), data, Budget(count=3), tags=tags)
    assert picked.info["tags_after"] == {"given": 4, "rules": 2}
    assert len(picked) == 3


def test_the_settings_of_the_paper_on_a_small_pool_say_what_to_change(tmp_path):
    data, judge = asking("verse story", "verse maths"), Answering(answer)
    with pytest.raises(UserError, match="min_count=2"):
        instag(run(tmp_path, judge), data, Budget(count=1))


def test_a_smaller_selection_begins_a_larger_one(tmp_path):
    small, large = (
        instag(run(tmp_path), rows(DOSSIER), Budget(count=n), tags=CARRIED) for n in (3, 6)
    )
    assert large.rows[:3].tolist() == small.rows.tolist()
