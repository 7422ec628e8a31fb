"""Rows of many lengths, and how models are trained on them."""

from tamis.training.settings import Training

RECORDS = [
    {
        "instruction": f"question number {i}",
        "output": " ".join(["word"] * (1 + i * 7 % 13)) + str(i),
    }
    for i in range(80)
]

PLAIN = Training(template="plain", max_length=64)
