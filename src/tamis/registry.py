"""Finds methods: built in by file name, from a package by entry point, from a file by path.

There is no list to edit: a file `scorers/mtld.py` with a function `mtld` is the scorer `mtld`.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from tamis.errors import UserError, nearest

if TYPE_CHECKING:
    from tamis.spec import Spec

FOLDERS = {
    "score": "scorers",
    "select": "selectors",
    "measure": "measures",
    "recipe": "recipes",
}
"""Kind -> folder of the package, and entry-point group `tamis.<folder>`."""


def built_in(kind: str) -> list[str]:
    """Names of the methods in the package, read off the file names: nothing is imported."""
    folder = Path(__file__).parent / FOLDERS[kind]
    return sorted(p.stem for p in folder.glob("*.py") if not p.stem.startswith("_"))


def plugged_in(kind: str) -> dict[str, str]:
    """Names -> `module:function` of the methods that installed packages bring."""
    return {e.name: e.value for e in entry_points(group=f"tamis.{FOLDERS[kind]}")}


def names(kind: str) -> list[str]:
    """All method names of a kind; nothing is imported."""
    own, brought = built_in(kind), plugged_in(kind)
    clash = sorted(set(own) & set(brought))
    if clash:
        raise UserError(f"{brought[clash[0]]} is named like the built-in {clash[0]!r}: rename it")
    return sorted([*own, *brought])


def find(method: str, *, kinds: tuple[str, ...] = tuple(FOLDERS), allow_code: bool = False) -> Spec:
    """The Spec of a name, or of `./file.py:function` where `allow_code` is set."""
    if ".py:" in method:
        return _from_file(method, allow_code)
    for kind in kinds:
        if method in built_in(kind):
            return _load(f"tamis.{FOLDERS[kind]}.{method}", method)
        if method in plugged_in(kind):
            module, _, function = plugged_in(kind)[method].partition(":")
            return _load(module, function)
    known = [name for kind in kinds for name in names(kind)]
    raise UserError(f"no method {method!r}; {nearest(method, known)}")


def specs(kinds: tuple[str, ...] = tuple(FOLDERS)) -> Iterator[Spec]:
    """Every registered method."""
    for kind in kinds:
        for name in names(kind):
            yield find(name, kinds=(kind,))


def _load(module: str, function: str) -> Spec:
    from tamis.spec import spec_of

    loaded = importlib.import_module(module)
    if not hasattr(loaded, function):
        raise UserError(f"{module} holds no function {function!r}: it must be named like its file")
    return spec_of(getattr(loaded, function))


def _from_file(reference: str, allow_code: bool) -> Spec:
    """A method of the user's own file; the file's content is part of its cache key."""
    path_text, _, function = reference.rpartition(":")
    path = Path(path_text).expanduser().resolve()
    if not path.is_file():
        raise UserError(f"{path_text} is not a file")
    if not allow_code:
        raise UserError(
            f"{reference} is code that would run here: add --allow-code if you trust it"
        )
    code = hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest()
    module_name = f"tamis_user_{path.stem}_{code}"
    if module_name not in sys.modules:
        found = importlib.util.spec_from_file_location(module_name, path)
        if found is None or found.loader is None:
            raise UserError(f"{path_text} cannot be loaded as Python")
        module = importlib.util.module_from_spec(found)
        sys.modules[module_name] = module
        try:
            found.loader.exec_module(module)
        except Exception as error:
            del sys.modules[module_name]
            raise UserError(
                f"{path_text} fails on import: {type(error).__name__}: {error}"
            ) from error
    return replace(_load(module_name, function), code=code)
