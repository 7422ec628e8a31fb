"""Rows by id, by its beginning, and by record; what is not there gets one message."""

import json

import pytest
from _planted import Planted, records

import tamis
from tamis.errors import UserError


@pytest.fixture
def planted(tmp_path):
    return Planted(tmp_path)


def asked(planted, out, rows):
    return tamis.why(str(planted.folder / out), rows, run=planted.run())


def test_rows_are_found_by_id_by_its_beginning_and_by_record(planted):
    one = planted.file("one.jsonl", records([1.0, 2.0]))
    two = planted.file("two.jsonl", [*records([3.0, 4.0, 5.0])[2:], *records([6.0] * 4)[3:]])
    picked = planted.select([one, two], "top_k(by=SCORE)", 2, "run")
    ids = picked.data.ids.to_pylist()
    for at, named in enumerate((f"{one}#1", "one.jsonl#2", "two.jsonl#1", f"{two}#2")):
        (found,) = asked(planted, "run", named)
        assert found.id == ids[at]
    assert asked(planted, "run", ids[2][:10])[0].id == ids[2]
    assert len(asked(planted, "run", [ids[0], ids[0][:8], f"{one}#1"])) == 1  # one row
    for named, said in (
        ("#1", "the run read 2 files: name the record's"),
        ("three.jsonl#1", "did you mean"),
        ("one.jsonl#9", "they go from #1 to #2; the nearest is #2"),
        ("one.jsonl#0", "the nearest is #1"),
        (ids[3][:-1] + "!", f"the nearest is {ids[3]}"),
        (ids[3][:2], "too short"),
        ("", "no row has the id"),
        ("x\udcff" * 999, "no row has the id"),
    ):
        with pytest.raises(UserError, match=said) as error:
            asked(planted, "run", named)
        assert len(str(error.value)) < 500
    with pytest.raises(UserError) as error:
        asked(planted, "run", ["nothing", "one.jsonl#9"])
    assert str(error.value).count("\n") == 1  # both faults at once
    with pytest.raises(UserError, match="no row is named"):
        asked(planted, "run", [])


def test_the_beginning_of_several_ids_is_refused(planted):
    same = [records([1.0])[0]] * 3  # the same turns: id, id-2, id-3
    path = planted.file("pool.jsonl", same)
    ids = planted.select(path, "random", 1, "run").data.ids.to_pylist()
    assert asked(planted, "run", ids[0])[0].record == 1  # an id that is the beginning of others
    with pytest.raises(UserError, match="3 ids begin with"):
        asked(planted, "run", ids[0][:-1])


def test_a_record_that_could_not_be_read_is_said_to_be_so(planted):
    path = planted.folder / "pool.jsonl"
    good = [json.dumps(row) for row in records([1.0, 2.0])]
    path.write_text("\n".join([good[0], '{"broken', good[1]]))
    planted.select(str(path), "random", 1, "run")
    assert asked(planted, "run", "#3")[0].turns[0].content == "What is number 1?"
    with pytest.raises(UserError, match=r"record #2 of .* could not be read; the nearest is #1"):
        asked(planted, "run", "#2")
