"""The rows that `tamis.testing` tries every method on."""

from __future__ import annotations

from typing import Any


def hard_rows() -> list[dict[str, Any]]:
    """Conversations that break careless code: scripts, emptiness, size, repeats, tools, turns."""
    plain = [
        (f"Write {i} words on topic {i % 7}.", "word " * i + f"end {i % 5}.") for i in range(1, 25)
    ]
    odd = [
        ("写一首关于春天的诗。", "春风吹过山岗,花开满园,鸟儿在枝头歌唱。"),
        ("اكتب جملة قصيرة.", "هذه جملة قصيرة باللغة العربية."),
        ("เขียนประโยคสั้น ๆ", "ภาษาไทยไม่มีช่องว่างระหว่างคำ"),
        ("俳句を書いて", "古池や蛙飛び込む水の音"),
        ("emoji?", "👍🏽 👨‍👩‍👧‍👦 🎉"),
        ("say nothing", ""),
        ("", "An answer without a question."),
        ("blank", "   \n\t "),
        ("nul", "before\x00after"),
        ("long word", "x" * 20_000),
        ("long text", "The quick brown fox jumps over the lazy dog. " * 500),
        ("code", "```python\ndef f(x):\n    return x ** 2\n```"),
        ("markup", "<script>alert('1')</script> $\\frac{1}{2}$"),
        ("twice", "The very same answer, word for word."),
        ("twice", "The very same answer, word for word."),
    ]
    rows: list[dict[str, Any]] = [
        {"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]}
        for q, a in [*plain, *odd]
    ]
    talk = [("user", "Hi"), ("assistant", "Hello!"), ("user", "Bye"), ("assistant", "Goodbye.")]
    turns = [{"role": role, "content": text} for role, text in talk]
    tool = {"name": "add", "arguments": {"a": 1, "b": 2}}
    calls = [
        {"role": "user", "content": "1 + 2?"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"type": "function", "function": tool}],
        },
        {"role": "tool", "content": "3"},
        {"role": "assistant", "content": "It is 3."},
    ]
    silent = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Well?"}]
    return [*rows, {"messages": turns}, {"messages": calls}, {"messages": silent}]
