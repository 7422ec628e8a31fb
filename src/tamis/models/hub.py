"""Where a language model's files are: a folder, the package, or the Hugging Face Hub."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from tamis.errors import MissingExtra, UserError

REFERENCE = "reference"
"""The small language model in the package: docs/reference_model.md says what it is."""

ADAPTER = "adapter_config.json"
"""What makes a folder one of an adapter: PEFT writes it."""

DESCRIBING = ("*.json", "*.model", "*.txt", "*.jinja", "*.tiktoken")
WEIGHTS = ("*.safetensors", "*.safetensors.index.json")
OLD_WEIGHTS = ("pytorch_model*.bin", "pytorch_model.bin.index.json")
TIMEOUT = 10.0
"""Seconds to wait for the Hub before its cache on disk is asked."""


@dataclass(frozen=True, slots=True)
class Located:
    """A model by name: the folder of its files, and an id that changes when they change."""

    name: str
    folder: Path
    id: str
    revision: str | None = None  # of the Hub; None for a folder
    adapter: Path | None = None  # folder of a low-rank adapter that belongs to the model


def locate(name: str) -> Located:
    """The model called `name`: `reference`, a folder, or a Hub name with an optional :revision.

    Of a Hub model only what describes it is fetched; `weights` fetches the rest. Raises UserError
    where it is nowhere: no other model takes its place.
    """
    folder = _folder(name)
    if folder is not None and (folder / ADAPTER).is_file():
        return _adapted(folder)
    if folder is not None:
        if not (folder / "config.json").is_file():
            raise UserError(f"{name} holds no config.json: it is no folder of a language model")
        return Located(name, folder, f"{folder.name}@{_content(folder)}")
    repository, _, revision = name.partition(":")
    found = _fetch(name, repository, revision or None, DESCRIBING)
    return Located(name, found, f"{repository}@{found.name}", found.name)


def _adapted(folder: Path) -> Located:
    """The model that the adapter in a folder belongs to, with the adapter."""
    said = json.loads((folder / ADAPTER).read_text(encoding="utf-8"))
    base = said.get("base_model_name_or_path")
    if not base:
        raise UserError(f"{folder / ADAPTER} names no base_model_name_or_path")
    revision = said.get("revision")
    found = locate(f"{base}:{revision}" if revision and not Path(str(base)).is_dir() else str(base))
    return replace(found, id=f"{found.id}+{folder.name}@{_content(folder)}", adapter=folder)


def weights(model: Located) -> Path:
    """The folder with the model's weights in it."""
    if model.revision is None:
        return model.folder
    repository = model.name.partition(":")[0]
    found = _fetch(model.name, repository, model.revision, (*DESCRIBING, *WEIGHTS))
    if not any(found.glob("*.safetensors")):
        found = _fetch(model.name, repository, model.revision, (*DESCRIBING, *OLD_WEIGHTS))
    return found


def _folder(name: str) -> Path | None:
    if name == REFERENCE:
        return Path(str(files("tamis").joinpath("assets/reference")))
    path = Path(name).expanduser()
    return path.resolve() if path.is_dir() else None


def _content(folder: Path) -> str:
    """Hash of every file that decides a number."""
    digest = hashlib.blake2b(digest_size=6)
    wanted = sorted(
        {p for pattern in (*DESCRIBING, *WEIGHTS, *OLD_WEIGHTS) for p in folder.glob(pattern)}
    )
    for path in wanted:
        digest.update(path.name.encode())
        with open(path, "rb") as file:
            while block := file.read(1 << 24):
                digest.update(block)
    return digest.hexdigest()


def _fetch(name: str, repository: str, revision: str | None, patterns: tuple[str, ...]) -> Path:
    """The snapshot's folder in the Hub's cache, from the Hub where it answers."""
    try:
        from huggingface_hub import HfApi, snapshot_download
    except ImportError:
        raise MissingExtra("a language model", "lm") from None
    settings: dict[str, Any] = {"allow_patterns": list(patterns), "ignore_patterns": ["*/*"]}
    try:
        commit = HfApi().model_info(repository, revision=revision, timeout=TIMEOUT).sha
        return Path(snapshot_download(repository, revision=commit, **settings))
    except Exception as error:  # the library raises many kinds; what counts is whether it is here
        reason = (str(error).splitlines() or [type(error).__name__])[0]
    try:
        cached = snapshot_download(repository, revision=revision, local_files_only=True, **settings)
        return Path(cached)
    except Exception:
        raise UserError(
            f"the language model {name!r} is no folder here, and the Hugging Face Hub does not "
            f"have it or cannot be reached ({reason}). Name a local folder with --model FOLDER, "
            f"or the small model in the package with --model {REFERENCE}"
        ) from None
