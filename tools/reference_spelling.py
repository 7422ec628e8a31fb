"""WikiText's spelling of ordinary prose, so that the model meets it in more than one corpus."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

RARE = 8  # a word seen less often is unknown; about 5 % of the words, as in WikiText-2
WORD = re.compile(r"[A-Za-zÀ-ž]+")


def common_words(texts: Iterable[str]) -> frozenset[str]:
    """The words that are frequent enough to be spelled out."""
    counts = Counter(word for text in texts for word in WORD.findall(text))
    return frozenset(word for word, count in counts.items() if count >= RARE)


def wiki_spelling(text: str, common: frozenset[str]) -> str:
    """Blanks around punctuation, `@-@` inside words, `<unk>` for rare words."""
    text = text.translate(str.maketrans("“”‘’", "\"\"''"))
    text = WORD.sub(lambda found: found[0] if found[0] in common else "<unk>", text)
    text = re.sub(r"(?<=\w)([-,.])(?=\d)|(?<=[\w>])(-)(?=[\w<])", r" @\1\2@ ", text)
    text = re.sub(r'([,;:!?()\[\]"])(?!@)', r" \1 ", text)
    text = re.sub(r"\.(?=\s|$)", " .", text)
    text = re.sub(r"(?<=[\w>])('s\b|')", r" \1", text)
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n" + "\n".join(f" {line} " for line in lines if line)
