"""Columns that depend on more than a row's id are not taken from the store."""

import json

import tamis


def written(path, colour):
    rows = [{"instruction": f"Name {i}.", "output": f"{i} it is.", "c": colour} for i in range(4)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def test_another_file_with_the_same_conversations_has_its_own_fields(tmp_path):
    wanted = ["field(name=c)", "field_tags(name=c)", "source"]
    for name, colour in (("a.jsonl", "red"), ("b.jsonl", "blue")):
        path = written(tmp_path / name, colour)
        run = tamis.Run(store=tmp_path / "scores")
        found = tamis.score(path, method=wanted, run=run).pool
        assert found.labels("field(name=c)") == [colour] * 4
        assert found.labels("field_tags(name=c)") == [[colour]] * 4
        assert found.labels("source") == [path] * 4


def test_what_is_made_of_such_a_column_is_not_stored_either(tmp_path):
    reference = "group_mean(by=field(name=c),of=length)"
    means = []
    for colours in (["red", "red", "blue", "blue"], ["red"] * 4):
        rows = [
            {"instruction": f"Name {i}.", "output": "x" * (i + 1), "c": colour}
            for i, colour in enumerate(colours)
        ]
        path = tmp_path / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        run = tamis.Run(store=tmp_path / "scores")
        means.append(tamis.score(str(path), method=reference, run=run)[reference].tolist())
    assert means == [[1.5, 1.5, 3.5, 3.5], [2.5] * 4]
