import csv
import gzip
import io
import json
import os
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.data.read import read
from tamis.data.write import write
from tamis.errors import UserError

ROWS = [{"instruction": f"q{i}", "input": "", "output": f"a{i} é 好"} for i in range(9)]
PICK = np.array([7, 0, 3])


def put(path, content):
    path.write_bytes(content)
    return path


def odd_lines():
    """The same records in spellings that no JSON writer would reproduce."""
    return [
        f'{{ "instruction" :"q{i}","output":"\\u0061{i}"  , "n": 1.{i}0e1}}'.encode()
        for i in range(9)
    ]


def test_json_lines_are_written_byte_by_byte_in_pick_or_source_order(tmp_path):
    raws = odd_lines()
    data = read(put(tmp_path / "a.jsonl", b"\n".join(raws)))
    (path,) = write(data, PICK, tmp_path / "out")
    assert path.name == "subset.jsonl"
    assert path.read_bytes() == raws[7] + b"\n" + raws[0] + b"\n" + raws[3] + b"\n"
    (path,) = write(data, PICK, tmp_path / "out", name="other", order="source")
    assert path.name == "other.jsonl"
    assert path.read_bytes().split() == (raws[0] + b"\n" + raws[3] + b"\n" + raws[7]).split()
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["other.jsonl", "subset.jsonl"]


def test_an_array_is_written_as_an_array(tmp_path):
    raws = odd_lines()
    data = read(put(tmp_path / "a.json", b"[" + b" , ".join(raws) + b"]"))
    (path,) = write(data, PICK, tmp_path)
    assert path.read_bytes() == b"[\n" + b",\n".join(raws[i] for i in PICK) + b"\n]\n"
    assert [row["instruction"] for row in json.loads(path.read_bytes())] == ["q7", "q0", "q3"]


@pytest.mark.parametrize(
    ("suffix", "pack", "unpack"),
    [
        ("gz", gzip.compress, gzip.decompress),
        (
            "zst",
            zstandard.compress,
            lambda b: zstandard.ZstdDecompressor().decompressobj().decompress(b),
        ),
    ],
)
def test_packed_files_stay_packed(suffix, pack, unpack, tmp_path):
    raws = odd_lines()
    data = read(put(tmp_path / f"a.jsonl.{suffix}", pack(b"\n".join(raws))))
    (path,) = write(data, PICK, tmp_path)
    assert path.name == f"subset.jsonl.{suffix}"
    assert unpack(path.read_bytes()) == b"".join(raws[i] + b"\n" for i in PICK)
    before = path.read_bytes()
    write(data, PICK, tmp_path)
    assert path.read_bytes() == before, "equal rows give equal files"


def test_csv_keeps_header_mark_delimiter_and_line_ends(tmp_path):
    head = b'\xef\xbb\xbf"instruction";output;"n, m"\r\n'
    records = [b'"q ""1"";\r\nx";a;1', b"q2;;'2'", b'q3;"a\n3";']
    data = read(put(tmp_path / "a.csv", head + b"\r\n".join(records) + b"\r\n"))
    assert len(data) == 3
    (path,) = write(data, np.array([2, 0]), tmp_path)
    assert path.read_bytes() == head + records[2] + b"\r\n" + records[0] + b"\r\n"


def test_several_sources_share_a_file_and_containers_do_not(tmp_path):
    raws = odd_lines()
    put(tmp_path / "a.jsonl", b"\n".join(raws[:5]))
    put(tmp_path / "b.jsonl", b"\n".join(raws[5:]))
    put(tmp_path / "c.json", json.dumps([{"text": "t"}]).encode())
    put(tmp_path / "d.csv", b"text,n\nu,1\n")
    put(tmp_path / "e.csv", b"text,m\nv,1\n")
    data = read([tmp_path / name for name in ("a.jsonl", "b.jsonl", "c.json", "d.csv", "e.csv")])
    paths = write(data, np.array([7, 10, 9, 0, 11]), tmp_path / "out")
    names = ["subset.jsonl", "subset.csv", "subset.json", "subset-2.csv"]
    assert [path.name for path in paths] == names
    assert paths[0].read_bytes() == raws[7] + b"\n" + raws[0] + b"\n"
    assert paths[3].read_bytes() == b"text,m\nv,1\n"


def odd_table():
    table = pa.table(
        {
            "instruction": [row["instruction"] for row in ROWS],
            "output": pa.array([row["output"] for row in ROWS], pa.large_string()),
            "when": pa.array(range(9), pa.timestamp("us", "UTC")),
            "kind": pa.array(["x", "y", None] * 3).dictionary_encode(),
            "blob": pa.array([b"\xff\x00"] * 9),
            "nested": [[{"a": i}] for i in range(9)],
        }
    )
    return table.replace_schema_metadata({"huggingface": '{"info": {}}'})


@pytest.mark.parametrize("kind", ["parquet", "arrow", "stream"])
@pytest.mark.parametrize("order", ["pick", "source"])
def test_columnar_rows_keep_schema_metadata_and_values(kind, order, tmp_path):
    table, path = odd_table(), tmp_path / ("a.parquet" if kind == "parquet" else "a.arrow")
    if kind == "parquet":
        pq.write_table(table, path, row_group_size=2, compression="zstd")
    else:
        new = pa.ipc.new_file if kind == "arrow" else pa.ipc.new_stream
        with pa.OSFile(str(path), "wb") as file, new(file, table.schema) as out:
            out.write_table(table, max_chunksize=2)
    data = read(path)
    assert data.table["raw"].null_count == 9
    table = pq.read_table(path) if kind == "parquet" else table  # Parquet renames list elements
    (written,) = write(data, PICK, tmp_path / "out", order=order)
    if kind == "parquet":
        found = pq.read_table(written)
        assert pq.ParquetFile(written).metadata.row_group(0).column(0).compression == "ZSTD"
    else:
        is_file = kind == "arrow"
        opened = (pa.ipc.open_file if is_file else pa.ipc.open_stream)(written.read_bytes())
        found = opened.read_all()
    expected = table.take(PICK if order == "pick" else np.sort(PICK))
    assert found.schema.equals(expected.schema, check_metadata=True)
    assert found.to_pylist() == expected.to_pylist()
    assert [p.name for p in (tmp_path / "out").iterdir()] == [written.name]


def test_a_columnar_source_that_changed_or_went_is_one_clear_message(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist(ROWS), path)
    data = read(path)
    pq.write_table(pa.Table.from_pylist(ROWS[:5]), path)
    with pytest.raises(UserError, match="has changed since it was read"):
        write(data, PICK, tmp_path / "out")
    path.unlink()
    with pytest.raises(UserError, match="cannot be read again"):
        write(data, PICK, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_table_in_memory_is_written_as_arrow(tmp_path):
    table = odd_table()
    (path,) = write(read(table), PICK, tmp_path)
    found = pa.ipc.open_file(path.read_bytes()).read_all()
    assert path.name == "subset.arrow" and found.to_pylist() == table.take(PICK).to_pylist()


def test_records_in_memory_are_written_as_json_lines(tmp_path):
    (path,) = write(read(ROWS), PICK, tmp_path)
    assert [json.loads(line) for line in path.open()] == [ROWS[i] for i in PICK]


def test_a_part_of_a_dataset_is_written_from_its_own_rows(tmp_path):
    data = read(put(tmp_path / "a.jsonl", b"\n".join(odd_lines()))).take(np.array([5, 2]))
    (path,) = write(data, np.array([1]), tmp_path)
    assert path.read_bytes() == odd_lines()[2] + b"\n"


def test_a_folder_that_cannot_be_made(tmp_path):
    put(tmp_path / "file", b"")
    with pytest.raises(UserError, match="cannot be made"):
        write(read(ROWS), PICK, tmp_path / "file" / "out")


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30)
ROW = st.fixed_dictionaries({"instruction": TEXT, "output": TEXT}, optional={"input": TEXT})


def as_json(rows, indent, ascii_only):
    return [json.dumps(row, indent=indent, ensure_ascii=ascii_only).encode() for row in rows]


def as_csv(rows, quoting):
    records = []
    for row in rows:
        out = io.StringIO()
        writer = csv.writer(out, quoting=quoting, lineterminator="")
        writer.writerow([row.get("instruction"), row.get("input", ""), row["output"]])
        records.append(out.getvalue().encode())
    return records


@given(
    st.lists(ROW, min_size=1, max_size=8),
    st.sampled_from(["json", "jsonl", "jsonl.gz", "jsonl.zst", "csv", "concatenated"]),
    st.booleans(),
    st.data(),
)
@settings(max_examples=200, deadline=None)
def test_whatever_is_picked_comes_back_byte_by_byte(tmp_path_factory, rows, kind, flag, data):
    folder = tmp_path_factory.mktemp("roundtrip")
    indent = 2 if kind == "concatenated" else (1 if flag and kind == "json" else None)
    parts = as_json(rows, indent, flag)
    content = b"\n".join(parts) + b"\n" * flag
    if kind == "json":
        content = b"[" + b", \n".join(parts) + b"]"
    if kind == "csv":
        parts = as_csv(rows, csv.QUOTE_ALL)
        content = b"\n".join([b"instruction,input,output", *parts]) + b"\n" * flag
    packed = {"jsonl.gz": gzip.compress, "jsonl.zst": zstandard.compress}.get(kind, bytes)(content)
    name = "json" if kind == "concatenated" else kind
    source = read(put(folder / f"in.{name}", packed))
    assert (len(source), source.sources[0].rejected) == (len(rows), 0)
    picked = data.draw(st.lists(st.integers(0, len(rows) - 1), min_size=1, unique=True))
    (path,) = write(source, np.array(picked), folder)
    assert path.name == f"subset.{name}"
    again = read(path)
    assert again.table["raw"].to_pylist() == [parts[i] for i in picked]
    assert {i.partition("-")[0] for i in again.ids.to_pylist()} == {
        source.ids[i].as_py().partition("-")[0] for i in picked
    }
    assert os.listdir(folder).count(path.name) == 1


def test_views_as_polars_writes_them_are_taken(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "messages": [
                [{"role": "user", "content": "ask"}, {"role": "assistant", "content": f"say {i}"}]
                for i in range(9)
            ],
            "label": [f"a label too long to be held inline {i}" for i in range(9)],
        }
    )
    frame.write_ipc(tmp_path / "views.arrow")
    for source in (tmp_path / "views.arrow", frame):
        (path,) = write(read(source), np.array([7, 2]), tmp_path / "out")
        assert pl.read_ipc(path).to_dicts() == [frame.to_dicts()[i] for i in (7, 2)]
