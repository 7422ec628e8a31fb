"""Folders of this machine and places elsewhere keep whole files by name, and say what fails."""

import os
from pathlib import Path

import pytest

from s3_server import serving
from tamis.errors import UserError
from tamis.places import Local, Remote, place


@pytest.fixture(scope="module")
def server():
    with serving() as objects:
        yield objects


@pytest.fixture(params=["folder", "s3", "fsspec"])
def here(request, tmp_path, monkeypatch, server):
    """A place of each kind, with nothing in it."""
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    if request.param == "s3":
        server.held.clear()
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        return place("s3://bucket/a b/é")
    if request.param == "fsspec":
        pytest.importorskip("fsspec")
        return place(f"memory://{tmp_path.name}/a")
    return place(tmp_path / "a b" / "é")


def write(here, name, content):
    here.write(name, lambda file: file.write(content))


def test_what_is_written_is_there_whole_by_its_name(here):
    assert here.names("m/k") == []
    assert not here.exists("m/k/one")
    write(here, "m/k/one", b"1" * 100_000)
    write(here, "m/k/two", b"2")
    write(here, "m/k/claims/three", b"3")
    assert sorted(here.names("m/k")) == ["one", "two"]  # and nothing that was written aside
    assert here.exists("m/k/one") and not here.exists("m/k")
    assert here.read("m/k/two").to_pybytes() == b"2"
    with here.open("m/k/one") as file:
        file.seek(99_999)
        assert file.read() == b"1"
    here.remove("m/k/one")
    here.remove("m/k/one")
    assert here.names("m/k") == ["two"]
    with pytest.raises(FileNotFoundError):
        here.open("m/k/one")
    assert place(here.address) == here


def test_a_fault_while_writing_leaves_nothing(here):
    def into(file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        here.write("m/k/one", into)
    assert here.names("m/k") == []


def test_a_file_is_put_and_mapped_by_whoever_needs_it(here, tmp_path):
    (tmp_path / "rows").write_bytes(os.urandom(1000))
    here.put_file(tmp_path / "rows", "rows/x.arrow")
    copy = here.local_copy("rows/x.arrow", tmp_path / "kept")
    assert copy.read_bytes() == (tmp_path / "rows").read_bytes()
    if here.folder is None:
        here.remove("rows/x.arrow")  # it is fetched once
        assert here.local_copy("rows/x.arrow", tmp_path / "kept") == copy
        assert not [p for p in copy.parent.iterdir() if p.suffix == ".tmp"]
    else:
        assert copy == here.folder / "rows/x.arrow"
    with pytest.raises(FileNotFoundError):
        here.local_copy("rows/none.arrow", tmp_path / "kept")


def test_a_claim_is_held_against_others(here):
    with here.claim("m/k/claims/x.lock", wait=False) as held:
        assert held
        with here.claim("m/k/claims/x.lock", wait=False) as again:
            assert not again
    with here.claim("m/k/claims/x.lock", wait=False) as held:
        assert held


def test_addresses(tmp_path, monkeypatch, server):
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    assert place("a:b").address == str(tmp_path / "a:b")
    assert place(f"file://{tmp_path}/a%20b") == Local(tmp_path / "a b")
    url = f"s3://bucket/x?endpoint_override=127.0.0.1:{server.port}&scheme=http&region=us-east-1"
    found = place(url)
    write(found, "m/k/one", b"1")
    assert isinstance(found, Remote) and server.held["bucket/x/m/k/one"] == b"1"
    assert found.address == url and found.shown("m/k") == "s3://bucket/x/m/k"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("s3://key:secret@bucket/x", "holds no secret"),
        ("abfs://c@a/x?sas_token=secret", "holds no secret"),
        ("s3://", "is no address"),
        ("gibberish://x/y", "gibberish://"),
    ],
)
def test_an_address_that_will_not_do_is_one_message(url, said):
    with pytest.raises(UserError, match=said) as told:
        place(url)
    assert "secret@" not in str(told.value) and "=secret" not in str(told.value)


def test_without_fsspec_the_message_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "fsspec.core", None)
    with pytest.raises(UserError, match="needs fsspec"):
        place("oss://bucket/x")


def test_a_store_that_refuses_is_told_and_not_taken_for_empty(monkeypatch, server):
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    found = place("s3://bucket/x")
    monkeypatch.setattr(server, "refuse", lambda method, key: (403, "AccessDenied"))
    for call in (lambda: found.names("m"), lambda: write(found, "m/k", b"1")):
        with pytest.raises(OSError, match="ACCESS_DENIED"):
            call()
