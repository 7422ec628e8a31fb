"""A worker process: lines of JSON come in, a line goes out for each.

It ends by itself as soon as nobody is left who could write to it.
"""

from __future__ import annotations

import faulthandler
import json
import os
import sys
from queue import SimpleQueue
from threading import Thread
from typing import BinaryIO

from tamis.run.executors.answering import Answering
from tamis.run.session import Run


def main(device: str) -> None:
    """Answers shards until its input ends."""
    faulthandler.enable()
    asked: SimpleQueue[bytes] = SimpleQueue()
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what methods print goes to the error stream
    Thread(target=_listen, args=(os.fdopen(os.dup(0), "rb"), asked), daemon=True).start()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    answering = Answering(Run(device=device))
    while True:
        reply = answering.answer(json.loads(asked.get()))
        out.write(json.dumps(reply).encode() + b"\n")
        out.flush()


def _listen(source: BinaryIO, asked: SimpleQueue[bytes]) -> None:
    """Hands on what is asked; at its end nobody waits for an answer, so all stops there."""
    for line in source:
        asked.put(line)
    sys.stderr.flush()
    os._exit(0)
