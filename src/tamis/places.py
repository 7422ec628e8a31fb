"""Where files of record are kept: a folder of this machine, or one on an object store.

A place holds whole files by name, `a/b/c`. Nobody sees a half-written one, and none is changed.

| address | what serves it |
|---|---|
| a folder, `file://` | this machine: written aside, synced, renamed; read by mapping |
| `s3://`, `gs://`, `abfs://`, `hdfs://` | pyarrow, which is here anyway |
| any other, as `oss://` or `sftp://` | fsspec and its package for that kind |

pyarrow comes first: it adds no package and reads what the tools of a store read. Keys for S3 are
found in `AWS_ACCESS_KEY_ID`, `AWS_PROFILE` or the machine's role; a server of one's own is named by
`AWS_ENDPOINT_URL`, or by `?endpoint_override=HOST:PORT&scheme=http` behind the address. Keys do not
belong into an address: it stands in messages and files.

An object store shows a file when all of it is there, so it gets its name at once; elsewhere it is
written aside and moved. pyarrow knows no conditional writes, so claims on a place elsewhere are
locks of this machine, in the user's cache, by its address. Two machines may then compute the same
rows at the same time. That costs time and changes nothing: parts are only added, and hold the same.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, quote, unquote, urlsplit

import pyarrow as pa

from tamis.errors import UserError

OURS = ("s3", "gs", "gcs", "abfs", "abfss", "hdfs", "viewfs")
"""The kinds of addresses that pyarrow serves."""
WHOLE = ("s3", "gcs", "abfs")
"""File systems of pyarrow on which a file appears when it is whole."""
SECRET = ("account_key", "sas_token", "secret_key", "secret", "password", "token")
"""What an address may not say."""
MARKS = "/:?&=@%#+,;~"  # of an address: any other is written as its number, as a blank or an accent
BLOCK = 1 << 24  # bytes copied at a time


class Place(Protocol):
    """Whole files by name. What fails raises OSError, FileNotFoundError where there is no file."""

    @property
    def address(self) -> str:
        """By which other processes find it: an absolute path, or the URL as it was given."""

    @property
    def folder(self) -> Path | None:
        """Where it is on this machine; None where it is not."""

    @property
    def at_once(self) -> int:
        """How many files are best read side by side."""

    def shown(self, name: str) -> str:
        """A file, or a folder, as a person would look for it."""

    def names(self, folder: str) -> list[str]:
        """The files right in a folder, without its name; none where there is no folder."""

    def exists(self, name: str) -> bool: ...

    def open(self, name: str) -> pa.NativeFile:
        """A file to read at any position."""

    def read(self, name: str) -> pa.Buffer:
        """All of a file."""

    def write(self, name: str, into: Callable[[Any], object]) -> None:
        """A file of what `into` writes to the open file that it is handed."""

    def put_file(self, path: str | os.PathLike[str], name: str) -> None:
        """A copy of a file of this machine."""

    def local_copy(self, name: str, cache: str | os.PathLike[str]) -> Path:
        """The file where this machine can map it: itself, or a copy, fetched once into `cache`."""

    def remove(self, name: str) -> None:
        """Removes a file; one that is not there is no error."""

    def claim(self, name: str, *, wait: bool) -> AbstractContextManager[bool]:
        """Holds what is called so against other processes; False where another holds it already."""


def user_cache() -> Path:
    """The user's folder for what tamis keeps between runs."""
    return Path.home() / ".cache" / "tamis"


def place(address: str | os.PathLike[str]) -> Place:
    """The place with an address: a folder, or a URL.

    Raises UserError where nothing here serves such URLs, or where one holds a secret.
    """
    text = os.fspath(address)
    if "://" not in text:
        return Local(Path(text).expanduser().absolute())
    parts = urlsplit(text)
    if parts.scheme == "file":
        return Local(Path(unquote(parts.path)).absolute())
    if parts.password or any(name in SECRET for name in parse_qs(parts.query)):
        raise UserError(
            f"{parts.scheme}://{parts.hostname}: an address stands in messages and files, so it "
            "holds no secret; keys are found in the environment, as the tools of that store do"
        )
    if not (parts.netloc + parts.path).strip("/"):
        raise UserError(f"{text} is no address: {parts.scheme}://BUCKET/FOLDER is one")
    files, root = _file_system(text, parts.scheme)
    return Remote(text.rstrip("/"), files, root.rstrip("/"))


def _file_system(url: str, scheme: str) -> tuple[Any, str]:
    """A file system of pyarrow, and the path in it."""
    from pyarrow import fs

    try:
        found: tuple[Any, str] = fs.FileSystem.from_uri(quote(url, safe=MARKS))
        return found
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        refused = error  # it knows no such kind, or the address is wrong
    except OSError as error:
        raise UserError(f"{url} cannot be reached: {error}") from error
    if scheme in OURS and "uilt without" not in str(refused):
        raise UserError(f"{url} is no address: {refused}") from refused
    try:
        from fsspec.core import url_to_fs

        # a list of files that is kept would hide what others add
        opened, root = url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        raise UserError(
            f"{scheme}:// needs fsspec and its package for that kind of store ({error}): install "
            "them, or name a folder, or an address with s3://, gs://, abfs:// or hdfs://"
        ) from error
    except Exception as error:
        raise UserError(f"{url} cannot be reached: {error}") from error
    return fs.PyFileSystem(fs.FSSpecHandler(opened)), root


@dataclass(frozen=True, slots=True)
class Local:
    """A folder of this machine, or one that it has mounted."""

    folder: Path
    at_once: int = field(default=1, compare=False)

    @property
    def address(self) -> str:
        return str(self.folder)

    def shown(self, name: str) -> str:
        return str(self.folder / name)

    def names(self, folder: str) -> list[str]:
        try:
            with os.scandir(self.folder / folder) as found:
                return [entry.name for entry in found if entry.is_file()]
        except (FileNotFoundError, NotADirectoryError):
            return []

    def exists(self, name: str) -> bool:
        return (self.folder / name).is_file()

    def open(self, name: str) -> pa.NativeFile:
        # opened here: of a relative path with a colon pyarrow makes an address
        return pa.memory_map(str(self.folder / name))

    def read(self, name: str) -> pa.Buffer:
        return pa.py_buffer((self.folder / name).read_bytes())

    def write(self, name: str, into: Callable[[Any], object]) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with _aside(path) as aside, open(aside, "wb") as file:
            into(file)
            file.flush()
            os.fsync(file.fileno())

    def put_file(self, path: str | os.PathLike[str], name: str) -> None:
        with open(path, "rb") as file:
            self.write(name, lambda out: _copy(file, out))

    def local_copy(self, name: str, cache: str | os.PathLike[str]) -> Path:
        path = self.folder / name
        path.stat()
        return path

    def remove(self, name: str) -> None:
        (self.folder / name).unlink(missing_ok=True)

    @contextmanager
    def claim(self, name: str, *, wait: bool) -> Iterator[bool]:
        with _locked(self.folder / name, wait) as held:
            yield held


@dataclass(frozen=True, slots=True)
class Remote:
    """A folder that others keep, behind a file system of pyarrow."""

    address: str
    files: Any = field(compare=False, repr=False)
    root: str = field(compare=False)
    folder: None = field(default=None, compare=False)
    at_once: int = field(default=8, compare=False)

    def shown(self, name: str) -> str:
        return f"{self.address.partition('?')[0].rstrip('/')}/{name}"

    def _path(self, name: str) -> str:
        return f"{self.root}/{name}"

    def names(self, folder: str) -> list[str]:
        from pyarrow.fs import FileSelector

        with _as_os_error():
            found = self.files.get_file_info(FileSelector(self._path(folder), allow_not_found=True))
        return [info.base_name for info in found if info.is_file]

    def exists(self, name: str) -> bool:
        with _as_os_error():
            return bool(self.files.get_file_info(self._path(name)).is_file)

    def open(self, name: str) -> pa.NativeFile:
        with _as_os_error():
            return self.files.open_input_file(self._path(name))

    def read(self, name: str) -> pa.Buffer:
        with _as_os_error(), self.files.open_input_file(self._path(name)) as file:
            return file.read_buffer()

    def write(self, name: str, into: Callable[[Any], object]) -> None:
        # whole in memory: a stream that a fault closes would leave what it holds under its name
        content = pa.BufferOutputStream()
        into(content)
        self._put(name, content.getvalue())

    def put_file(self, path: str | os.PathLike[str], name: str) -> None:
        with pa.memory_map(os.fspath(path)) as file:
            self._put(name, file.read_buffer())

    def _put(self, name: str, content: pa.Buffer) -> None:
        path, whole = self._path(name), self.files.type_name in WHOLE
        with _as_os_error():
            if not whole:
                self.files.create_dir(path.rpartition("/")[0], recursive=True)
            aside = path if whole else f"{path}-{uuid.uuid4().hex}.tmp"
            out = self.files.open_output_stream(aside, compression=None)
            out.write(content)
            out.close()
            if not whole:
                self.files.move(aside, path)

    def local_copy(self, name: str, cache: str | os.PathLike[str]) -> Path:
        path = Path(cache) / _digest(self.address) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path.with_name(f"{path.name}.lock"), wait=True):
            if not path.exists():
                self._fetch(name, path)
        return path

    def _fetch(self, name: str, path: Path) -> None:
        with (
            _as_os_error(),
            self.files.open_input_file(self._path(name)) as file,
            _aside(path) as aside,
            open(aside, "wb") as out,
        ):
            _copy(file, out)
            if out.tell() != file.size():
                raise OSError(f"{self.shown(name)} broke off after {out.tell()} bytes")

    def remove(self, name: str) -> None:
        with _as_os_error(), suppress(FileNotFoundError):
            self.files.delete_file(self._path(name))

    @contextmanager
    def claim(self, name: str, *, wait: bool) -> Iterator[bool]:
        with _locked(user_cache() / "claims" / _digest(self.address) / name, wait) as held:
            yield held


def _digest(address: str) -> str:
    return blake2b(address.encode(), digest_size=8).hexdigest()


@contextmanager
def _aside(path: Path) -> Iterator[Path]:
    """A name to write under; what is there at the end gets the path's, after a fault none is."""
    aside = path.with_name(f"{path.name}-{uuid.uuid4().hex}.tmp")
    try:
        yield aside
        os.replace(aside, path)
    except BaseException:
        with suppress(OSError):
            aside.unlink()
        raise


def _copy(source: Any, target: Any) -> None:
    while block := source.read(BLOCK):
        target.write(block)


@contextmanager
def _locked(path: Path, wait: bool) -> Iterator[bool]:
    """A lock that the system releases when its holder dies."""
    from filelock import FileLock, Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=-1 if wait else 0)
    except Timeout:
        yield False
        return
    except NotImplementedError as error:
        raise OSError(f"locks of files do not work there: {error}") from error
    try:
        yield True
    finally:
        lock.release()


@contextmanager
def _as_os_error() -> Iterator[None]:
    """Around a file system that is not ours: whatever it raises is one kind of error."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise OSError(f"{type(error).__name__}: {error}") from error
