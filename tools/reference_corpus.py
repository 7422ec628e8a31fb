"""Collect the text that the reference language model is trained on.

Steps, each re-runnable on its own, all seeded:

    fetch   download the Debian packages named here and unpack them (Debian or a derivative)
    build   extract prose and instruction rows, clean, deduplicate, drop what overlaps with the
            evaluation texts, cap every source, and write corpus.jsonl with a count per source

Only text that its licence lets us use for weights that are shared: see docs/reference_model.md.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from reference_extract import extract
from reference_rows import Row, instruction_rows, read_rows

ROOT = Path(__file__).resolve().parents[1]
GRAM = 13  # words; a shared run of that many counts as overlap
COMMON = frozenset("the of and to a in is that it for you".split())
CHUNK = 6_000  # characters of a document; a longer text is cut at a paragraph
HELD_OUT_ROWS = (
    "data/instructions/alpaca/alpaca_30k.json",
    "data/instructions/alpaca/alpaca_5000.json",
    "data/selections/alpagasus/random_9k.json",
)
HELD_OUT_TEXT = "text/wikitext2/test.txt"


class Source(NamedTuple):
    """A package's text: how it is written, where it lies, and the most characters to take."""

    package: str
    form: str
    globs: str
    cap: int


M = 1_000_000
SOURCES = [
    Source("dict-gcide", "gcide", "usr/share/dictd/gcide.dict.dz", 5 * M // 2),
    Source("dict-wn", "wordnet", "usr/share/dictd/wn.dict.dz", 2 * M),
    Source("dict-foldoc", "dict", "usr/share/dictd/foldoc.dict.dz", 3 * M // 2),
    Source("dict-jargon", "dict", "usr/share/dictd/jargon.dict.dz", 1 * M),
    Source("dict-devil", "dict", "usr/share/dictd/*.dict.dz", 1 * M),
    Source("r-cran-janeaustenr", "rdata", "usr/lib/R/site-library/*/data/Rdata.rdb", 3 * M),
    Source("r-cran-tokenizers", "rdata", "usr/lib/R/site-library/*/data/Rdata.rdb", 2 * M),
    Source("anarchism", "html", "usr/share/doc/anarchism/html/*.html", 3 * M),
    Source("debian-handbook", "html", "usr/share/doc/debian-handbook/html/en-US/*.html", 2 * M),
    Source("debian-reference-en", "html", "usr/share/**/*.en.html", 1 * M),
    Source("developers-reference", "html", "usr/share/developers-reference/*.html", 1 * M),
    Source("debian-faq", "html", "usr/share/doc/**/*.en.html", 1 * M),
    Source("debian-history", "html", "usr/share/doc/**/*.en.html", 1 * M),
    Source("debian-policy", "html", "usr/share/doc/debian-policy/policy.html/*.html", 1 * M),
    Source("debian-edu-doc-en", "html", "usr/share/doc/**/*bookworm*.html", 1 * M),
    Source("gimp-help-en", "html", "usr/share/gimp/2.0/help/en/*.html", 2 * M),
    Source("libreoffice-help-en-us", "html", "usr/share/**/en-US/text/s[wcdim]*/**/*.html", M // 2),
    Source("gnome-user-docs", "xml", "usr/share/help/C/**/*.page", 1 * M),
    Source("mate-user-guide", "xml", "usr/share/help/C/**/*.*l", 1 * M),
    Source("gnumeric-doc", "xml", "usr/share/help/C/**/*.xml", M // 3),
    Source("mh-book", "html", "usr/share/doc/mh-book/**/*.htm*", M // 2),
    Source("png-definitive-guide", "html", "usr/share/doc/**/*.html", 1 * M),
    Source("solfege-doc", "html", "usr/share/doc/solfege/help/C/*.html", 1 * M),
    Source("lyx-common", "lyx", "usr/share/lyx/doc/*.lyx", 1 * M),
    Source("shorewall-doc", "html", "usr/share/doc/**/*.htm*", M // 2),
    Source("privoxy", "html", "usr/share/doc/privoxy/**/*.html", 1 * M),
    Source("perl-doc", "pod", "usr/share/perl/**/perl[a-z]*.pod", 3 * M // 4),
    Source("git-doc", "html", "usr/share/doc/git/html/*.html", M // 2),
    Source("python3.11-doc", "html", "usr/share/doc/python3.11/html/[thfw]*/*.html", 3 * M // 4),
    Source("python-django-doc", "html", "usr/share/doc/**/html/[thifm]*/*.html", 1 * M),
    Source("postgresql-doc-15", "html", "usr/share/doc/**/*.html", 3 * M // 4),
    Source("apache2-doc", "html", "usr/share/doc/apache2-doc/manual/en/**/*.html", M // 2),
    Source("sqlite3-doc", "html", "usr/share/doc/sqlite3/*.html", 3 * M // 4),
    Source("r-doc-html", "html", "usr/share/R/doc/manual/*.html", M // 2),
    Source("python-sklearn-doc", "html", "usr/share/doc/**/html/modules/*.html", M // 2),
    Source("rust-doc", "html", "usr/share/doc/rust-doc/html/book/*.html", 1 * M),
    Source("freedombox-doc-en", "html", "usr/share/freedombox/manual/en/*.html", 1 * M),
    Source("gnumed-doc", "html", "usr/share/doc/**/*.html", 1 * M),
    Source("linux-doc-6.1", "html", "usr/share/doc/**/html/[padf]*/*.html", M // 2),
    Source("freeciv-data", "gettext", "usr/share/games/freeciv/**/*.txt", 1 * M),
    Source("freeciv-data", "gettext", "usr/share/games/freeciv/**/*.ruleset", 1 * M),
    Source(
        "freeorion-data", "text", "usr/share/games/freeorion/default/stringtables/en.txt", 1 * M
    ),
    Source("freecol", "properties", "usr/share/games/freecol/**/FreeColMessages.properties", 1 * M),
    Source("endless-sky-data", "quoted", "usr/share/games/endless-sky/data/**/*.txt", 4 * M),
    Source("wesnoth-1.16-data", "gettext", "usr/share/games/wesnoth/**/data/**/*.cfg", 2 * M),
    Source("crawl-common", "text", "usr/share/crawl/dat/descript/*.txt", 1 * M),
]
CAMPAIGNS = "did dm dw ei httt l low nr sof sota sotbe thot trow tsg ttb utbs".split()
SOURCES += [
    Source(f"wesnoth-1.16-{name}", "gettext", "usr/share/games/wesnoth/**/*.cfg", 1 * M)
    for name in CAMPAIGNS
]
PUBLIC_DOMAIN = ("shakespeare", "inaugural", "state_union")  # of the NLTK corpora


def words(text: str) -> list[str]:
    """Lower-case words, the unit that overlap is counted in."""
    return re.findall(r"\w+", text.lower())


def grams(text: str) -> Iterator[int]:
    """Hashes of every run of `GRAM` words."""
    found = words(text)
    for at in range(len(found) - GRAM + 1):
        yield hash(tuple(found[at : at + GRAM]))


class HeldOut:
    """What the training text must not contain: runs of words, and whole short rows."""

    def __init__(self, shared: Path) -> None:
        """Read the evaluation texts."""
        self.grams = set(grams((shared / HELD_OUT_TEXT).read_text(encoding="utf-8")))
        self.fields: set[str] = set()
        for name in HELD_OUT_ROWS:
            for row in read_rows(shared / name):
                ask = f"{row['instruction']} {row.get('input') or ''}"
                self.grams.update(grams(f"{ask} {row['output']}"))
                # Too short for a run: the same question, or the same answer of five words or more.
                self.fields.add(" ".join(words(ask)))
                if len(words(row["output"])) >= 5:
                    self.fields.add(" ".join(words(row["output"])))

    def shares_run(self, text: str) -> bool:
        """Whether a run of `GRAM` words of `text` is held out."""
        return any(gram in self.grams for gram in grams(text))

    def has_row(self, row: Row) -> bool:
        """Whether a turn of the row is a held-out question or answer, or shares a run with one."""
        texts = [turn["content"] for turn in row["messages"]]
        if any(" ".join(words(text)) in self.fields for text in texts):
            return True
        return self.shares_run(" ".join(texts))


def is_english(text: str) -> bool:
    """Whether enough of the words are the commonest English ones."""
    found = words(text)
    return sum(word in COMMON for word in found) >= 0.08 * len(found)


def chunks(paragraphs: Iterable[str]) -> Iterator[str]:
    """Documents of about `CHUNK` characters out of a text's paragraphs."""
    held: list[str] = []
    size = 0
    for paragraph in paragraphs:
        if held and size + len(paragraph) > CHUNK:
            yield "\n\n".join(held)
            held, size = [], 0
        held.append(paragraph)
        size += len(paragraph) + 2
    if held:
        yield "\n\n".join(held)


def package_documents(source: Source, folder: Path, seen: set[int]) -> Iterator[str]:
    """Documents of a package: new paragraphs only, short scraps dropped."""
    for path in sorted((folder / source.package).glob(source.globs)):
        if not path.is_file():
            continue
        for paragraphs in extract(path, source.form):
            fresh = []
            for paragraph in paragraphs:
                key = hash(" ".join(words(paragraph)))
                if key not in seen:
                    seen.add(key)
                    fresh.append(paragraph)
            yield from (text for text in chunks(fresh) if len(text) >= 200 and is_english(text))


def public_domain(shared: Path) -> Iterator[tuple[str, str]]:
    """(corpus, document) of the NLTK corpora whose text is in the public domain."""
    for name in PUBLIC_DOMAIN:
        with zipfile.ZipFile(shared / f"text/nltk/{name}.zip") as archive:
            for file in sorted(archive.namelist()):
                if not file.endswith((".txt", ".xml")):
                    continue
                text = archive.read(file).decode("latin-1")
                if file.endswith(".xml"):
                    text = re.sub(r"<SPEAKER>(.*?)</SPEAKER>", r"\n\1", text)
                    text = re.sub(r"<[^>]+>", "", text)
                parts = (re.sub(r"[ \t]+", " ", part).strip() for part in text.split("\n\n"))
                for chunk in chunks(part for part in parts if part):
                    yield name, chunk


def wiki_articles(path: Path) -> Iterator[str]:
    """The articles of a WikiText file, spelled as they are."""
    text = path.read_text(encoding="utf-8")
    yield from (part for part in re.split(r"(?m)^(?= = [^=].*[^=] = $)", text) if part.strip())


def candidates(shared: Path, packages: Path, rng: random.Random) -> Iterator[dict[str, Any]]:
    """Every document, capped by source, before the overlap check."""
    seen: set[int] = set()
    for source in SOURCES:
        documents = list(package_documents(source, packages, seen))
        rng.shuffle(documents)
        left = source.cap
        for text in documents:
            if (left := left - len(text)) < 0:
                break
            yield {"source": source.package, "text": text}
    for name, text in public_domain(shared):
        yield {"source": f"nltk-{name}", "text": text}
    for article in wiki_articles(shared / "text/wikitext2/valid.txt"):
        yield {"source": "wikitext2-valid", "text": article}
    yield from instruction_rows(shared, rng)


def build(shared: Path, work: Path, seed: int) -> None:
    """Write corpus.jsonl and counts.json."""
    held_out = HeldOut(shared)
    kept: Counter[str] = Counter()
    size: Counter[str] = Counter()
    dropped: Counter[str] = Counter()
    with (work / "corpus.jsonl.part").open("w", encoding="utf-8") as out:
        for document in candidates(shared, work / "packages", random.Random(seed)):
            name = document["source"]
            row = "messages" in document
            if held_out.has_row(document) if row else held_out.shares_run(document["text"]):
                dropped[name] += 1
                continue
            kept[name] += 1
            texts = [turn["content"] for turn in document["messages"]] if row else document["text"]
            size[name] += len("".join(texts))
            out.write(json.dumps(document, ensure_ascii=False) + "\n")
    (work / "corpus.jsonl.part").replace(work / "corpus.jsonl")
    counts = {name: (kept[name], size[name], dropped[name]) for name in kept | dropped}
    (work / "counts.json").write_text(json.dumps(counts, indent=1), encoding="utf-8")
    for name, (documents, letters, lost) in sorted(counts.items(), key=lambda item: -item[1][1]):
        print(f"{name:26} {documents:7} documents {letters:11} characters, {lost} dropped")
    print(f"in all {sum(kept.values())} documents, {sum(size.values())} characters; ", end="")
    print(f"{sum(dropped.values())} dropped for a run of {GRAM} words or a row held out")


def fetch(work: Path) -> None:
    """Download and unpack the packages; those that are there are kept."""
    for name in dict.fromkeys(source.package for source in SOURCES):
        folder = work / "packages" / name
        if folder.exists():
            continue
        subprocess.run(["apt-get", "download", name], cwd=work, check=True)
        (archive,) = work.glob(f"{name}_*.deb")
        folder.mkdir(parents=True)
        subprocess.run(["dpkg", "-x", str(archive), str(folder)], check=True)


def main() -> None:
    """Command line; see the module docstring."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("step", choices=["fetch", "build"])
    shared = os.environ.get("TAMIS_SHARED", ROOT.parent / "shared")
    parser.add_argument("--shared", type=Path, default=Path(shared))
    parser.add_argument("--work", type=Path, required=True, help="packages and the corpus")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    if args.step == "fetch":
        fetch(args.work)
    else:
        build(args.shared, args.work, args.seed)


if __name__ == "__main__":
    main()
