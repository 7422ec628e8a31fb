"""The rows of a run where every machine of a cluster finds them: files beside the scores.

They lie there while the run lasts. What a killed run has left in a folder is removed by the next
one. On an object store it stays, below `rows/`, where nothing is needed when no run is at work.
"""

from __future__ import annotations

import shutil
import socket
import tempfile
import uuid
import weakref
from contextlib import ExitStack, suppress
from pathlib import Path

import pyarrow as pa

from tamis.data.spool import opened, shared
from tamis.errors import UserError
from tamis.places import Place, place

FOLDER = "rows"


class Kept:
    """Keeps the files of some rows in a place; they are removed with it."""


def put(where: Place, table: pa.Table, spool: object) -> tuple[list[str], Kept]:
    """Copies a table's files into a place; their names there, and what keeps them."""
    sweep(where)
    kept, held, names = Kept(), ExitStack(), list[str]()
    weakref.finalize(kept, _remove, where, names, held)
    files, mapped = shared(table, spool)
    try:
        for path in files:
            name = f"{FOLDER}/{uuid.uuid4().hex}.arrow"
            held.enter_context(where.claim(f"{name}.lock", wait=True))
            names.append(name)
            where.put_file(path, name)
    except OSError as error:
        raise UserError(
            f"the rows cannot be written to {where.shown(FOLDER)} for the machines of the cluster: "
            f"{error.strerror or error}; name another place with --store"
        ) from error
    del mapped  # it has kept the files that were copied
    return names, kept


def sweep(where: Place) -> None:
    """Removes from a folder what runs have left that were killed: nobody holds it any more."""
    if where.folder is None:  # another machine's claims cannot be seen there
        return
    with suppress(OSError):
        for name in where.names(FOLDER):
            path = f"{FOLDER}/{name}"
            if name.endswith(".arrow"):
                with where.claim(f"{path}.lock", wait=False) as free:
                    if free:
                        where.remove(path)
                        where.remove(f"{path}.lock")


def opened_at(address: str, names: list[str], cache: str) -> pa.Table:
    """The table that another machine has put there; `cache` names the copies of a run."""
    try:
        copies = [str(place(address).local_copy(name, _folder(cache))) for name in names]
    except OSError as error:
        raise UserError(
            f"the machine {socket.gethostname()} does not find the rows of the run at {address} "
            f"({error.strerror or error}): --store has to be a folder that every machine of the "
            "cluster has mounted under this name, or an address such as s3://bucket/scores"
        ) from error
    return opened(copies)


def forget(cache: str) -> None:
    """Removes this machine's copies of a run's rows, if it has any."""
    shutil.rmtree(_folder(cache), ignore_errors=True)


def _folder(cache: str) -> Path:
    return Path(tempfile.gettempdir()) / f"tamis-rows-{cache}"


def _remove(where: Place, names: list[str], held: ExitStack) -> None:
    for name in names:
        with suppress(OSError):
            where.remove(name)
    held.close()
    for name in names if where.folder is not None else ():
        with suppress(OSError):
            where.remove(f"{name}.lock")
