"""Paragraphs of prose out of the files of a package; tables, code and scraps are left behind."""

from __future__ import annotations

import gzip
import html
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

SKIPPED = (
    "script|style|pre|table|nav|footer|svg|math|head|form|screen|programlisting|media|info|header"
)
BLOCKS = re.compile(
    r"</?(p|para|title|h[1-6]|li|item|listitem|dd|dt|div|section|sect\d|br|hr|blockquote|ul|ol|note"
    r"|tr|td|body|center|simpara|example|page)\b[^>]*>",
    re.IGNORECASE,
)
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)


def read_text(path: Path) -> str:
    """A file's text, unpacked if need be."""
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def is_prose(text: str) -> bool:
    """Whether a paragraph reads like sentences rather than code, a menu or a table's row."""
    letters = sum((letter.isalpha() and letter.isascii()) or letter == " " for letter in text)
    count = len(text.split())
    if letters < 0.87 * len(text) or count > 2_000:
        return False
    return count >= 12 or (count >= 4 and text[-1] in '.!?:"”’')


def prose(parts: list[str]) -> list[str]:
    """The paragraphs worth reading, on one line each."""
    tidy = (re.sub(r"\s+", " ", part).replace("¶", "").strip() for part in parts)
    return [part for part in tidy if part and is_prose(part)]


def from_html(text: str) -> Iterator[list[str]]:
    """One document: the text of the blocks of HTML, DocBook or Mallard."""
    text = re.sub(r"<!--.*?-->", " ", text, flags=re.DOTALL)
    text = re.sub(rf"<({SKIPPED})\b[^>]*(?<!/)>.*?</\1>", "\n\n", text, flags=re.DOTALL | re.I)
    text = re.sub(r"<[^>]+>", "", BLOCKS.sub("\x00", text))
    yield prose(html.unescape(text).split("\x00"))


def from_text(text: str) -> Iterator[list[str]]:
    """One document: paragraphs between blank lines."""
    lines = re.sub(r"(?m)^[%#].*$", "", text).replace("'''", "")
    lines = re.sub(r"(?m)^[A-Z0-9_]+$", "\n", lines)
    yield prose(re.split(r"\n\s*\n", re.sub(r"\[\[[^\]]*\]\]|<[^>]+>", "", lines)))


def from_dict(text: str) -> Iterator[list[str]]:
    """The entries of a dictionary, 20 a document: head word and body."""
    text = re.sub(r"\{\s*([^}]*?)\s*\}", r"\1", text)
    entries = []
    for entry in re.split(r"\n(?=\S)", text):
        head, _, body = entry.partition("\n")
        paragraphs = [re.sub(r"\s+", " ", part).strip() for part in re.split(r"\n\s*\n", body)]
        body = " ".join(part for part in paragraphs if is_prose(part))
        if len(body) > 80:
            entries.append(f"{head.strip()}: {body}")
    yield from (entries[at : at + 20] for at in range(0, len(entries), 20))


def from_gcide(text: str) -> Iterator[list[str]]:
    """The definitions of the GNU dictionary without pronunciation, sources and grammar."""
    text = re.sub(r"\[[^\]]*\]", "", re.sub(r"\\[^\\\n]*\\,?", ":", text))
    entries = []
    for entry in re.split(r"\n(?=\S)", text):
        head, _, body = entry.partition("\n")
        body = re.sub(r"\s+", " ", re.sub(r"--\w[\w.& ]*\.?$|[{}]", "", body, flags=re.M)).strip()
        if len(body) > 80 and is_prose(body) and ":" in head:
            entries.append(f"{head.partition(':')[0].strip()}: {body}")
    yield from (entries[at : at + 20] for at in range(0, len(entries), 20))


def from_wordnet(text: str) -> Iterator[list[str]]:
    """The glosses and examples of WordNet's entries, 20 a document."""
    text = re.sub(r"\[(syn|ant|also):[^\]]*\]", "", text).replace("{", "").replace("}", "")
    entries = []
    for entry in re.split(r"\n(?=\S)", text):
        head, _, body = entry.partition("\n")
        senses = re.split(r"\n\s+(?:(?:n|v|adj|adv) )?\d+: ", "\n" + body)
        glosses = [re.sub(r"\s+", " ", sense).strip() for sense in senses[1:]]
        if sum(map(len, glosses)) > 100:
            entries.append(f"{head.strip()}: " + ". ".join(glosses))
    yield from (entries[at : at + 20] for at in range(0, len(entries), 20))


def from_gettext(text: str) -> Iterator[list[str]]:
    """One document: the texts of a game that are marked for translation, in order."""
    text = re.sub(r'\\\n|"\s*,?\s*_?\(?\s*\+\s*_?\s*"', " ", text)
    found = re.findall(r'_\s*\(?\s*"((?:[^"]|"")*)"', text)
    parts = [part.replace('""', '"').replace("\\n", "\n") for part in found]
    lines = [line for part in parts for line in re.split(r"\n\s*\n", part)]
    yield prose([re.sub(r"<[^>]+>|^\w[\w ]*\^|\?[a-z ]+:", "", line) for line in lines])


def from_quoted(text: str) -> Iterator[list[str]]:
    """One document: the texts of a game between backquotes, quotes or angle brackets, in order."""
    found = re.findall(r"`([^`]+)`|\"([^\"\n]{40,})\"|<([^<>\n]{40,})>", text)
    yield prose([re.sub(r"<[^>]+>", "", "".join(parts)) for parts in found])


def from_properties(text: str) -> Iterator[list[str]]:
    """One document: the values of a properties file."""
    values = (line.partition("=")[2] for line in text.replace("\\\n", " ").splitlines())
    yield prose([re.sub(r"%\w+%|\\n", " ", value) for value in values])


def from_pod(text: str) -> Iterator[list[str]]:
    """One document: the ordinary paragraphs of Perl documentation."""
    parts = [part for part in re.split(r"\n\s*\n", text) if part[:1] not in ("=", " ", "\t")]
    plain = (re.sub(r"[A-Z]<+\s*(?:[^<>|]*\|)?([^<>]*?)\s*>+", r"\1", part) for part in parts)
    yield prose(list(plain))


def from_lyx(text: str) -> Iterator[list[str]]:
    """One document: the standard paragraphs of a LyX file."""
    text = re.sub(r"\\begin_inset.*?\\end_inset", "", text, flags=re.DOTALL)
    parts = re.findall(r"\\begin_layout (?:Standard|Itemize)\n(.*?)\\end_layout", text, re.DOTALL)
    plain = [re.sub(r"\\SpecialChar (LyX|TeX|LaTeX)\n?", r"\1", part) for part in parts]
    yield prose([re.sub(r"(?m)^\\.*$", "", part) for part in plain])


def r_strings(data: bytes) -> Iterator[str]:
    """The strings of R's lazy-load file: blocks of length and zlib, strings in serialised form."""
    at = 0
    while at + 4 < len(data):
        try:
            block = zlib.decompress(data[at + 4 :])
        except zlib.error:
            at += 1
            continue
        # A string's head: type and encoding (ASCII, UTF-8), then its length.
        for found in re.finditer(rb"\x00(?:\x04\x00|\x00\x80)\x09", block):
            start = found.end() + 4
            size = int.from_bytes(block[found.end() : start], "big")
            yield block[start : start + size].decode("utf-8", "replace")
        at += 1


def from_rdata(path: Path) -> Iterator[list[str]]:
    """The lines of the books in an R package's data, joined to paragraphs."""
    text = "\n".join(r_strings(path.read_bytes())).replace("\r", "")
    parts = prose(re.split(r"\n\s*\n", text))
    yield [part for part in parts if "gutenberg" not in part.lower()]


def extract(path: Path, form: str) -> Iterator[list[str]]:
    """Documents of a file, each a list of paragraphs."""
    if form == "rdata":
        yield from from_rdata(path)
        return
    yield from FORMS[form](read_text(path))


FORMS = {
    "html": from_html,
    "xml": from_html,
    "text": from_text,
    "dict": from_dict,
    "gcide": from_gcide,
    "wordnet": from_wordnet,
    "gettext": from_gettext,
    "quoted": from_quoted,
    "properties": from_properties,
    "pod": from_pod,
    "lyx": from_lyx,
}
