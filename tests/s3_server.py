"""As much of S3 as pyarrow asks for, on 127.0.0.1: objects in memory, keys unchecked.

A test can make it fail: `refuse` is called with the method and the key, and returns a code and a
message of S3, or None.
"""

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

NUMBERS = count()


@dataclass
class Objects:
    """What the server holds, `bucket/key` -> bytes, and what it was asked."""

    port: int = 0
    buckets: tuple[str, ...] = ("bucket",)
    held: dict[str, bytes] = field(default_factory=dict)
    uploads: dict[str, dict[int, bytes]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    refuse: object = staticmethod(lambda method, key: None)

    @property
    def environment(self):
        """What a process has to be told to find it."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
        }


@contextmanager
def serving():
    objects = Objects()
    handler = type("Handler", (_Handler,), {"objects": objects})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    objects.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield objects
    finally:
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one packet an answer

    def handle_expect_100(self):
        answered = super().handle_expect_100()
        self.wfile.flush()  # or the client waits a second for it
        return answered

    def log_message(self, *_):
        pass

    def _any(self):
        parts = urlsplit(self.path)
        key, asked = unquote(parts.path).strip("/"), parse_qs(parts.query, keep_blank_values=True)
        if parts.path.endswith("/") and "/" in key:
            key += "/"  # what pyarrow leaves for a folder
        body, objects = self._body(), self.objects
        objects.asked.append((self.command, key))
        refused = objects.refuse(self.command, key)
        if refused:
            return self._error(*refused)
        if key.split("/")[0] not in objects.buckets:
            return self._error(404, "NoSuchBucket")
        return getattr(self, f"_{self.command.lower()}")(key, asked, body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _any

    def _body(self):
        """The body, out of the chunks that a client may send it in."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b"".join(iter(self._chunk, b""))
        if "aws-chunked" not in self.headers.get("Content-Encoding", ""):
            return body
        whole = b""
        while body:
            line, _, body = body.partition(b"\r\n")
            size = int(line.partition(b";")[0], 16)
            if not size:
                break
            whole, body = whole + body[:size], body[size + 2 :]
        return whole

    def _chunk(self):
        content = self.rfile.read(int(self.rfile.readline(), 16))
        self.rfile.readline()
        return content

    def _answer(self, code=200, body=b"", **headers):
        self.send_response(code)
        headers = {"Content-Length": str(len(body))} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)

    def _xml(self, root, inside, code=200):
        text = f'<?xml version="1.0" encoding="UTF-8"?><{root}>{inside}</{root}>'
        self._answer(code, text.encode(), Content_Type="application/xml")

    def _error(self, code, name):
        self._xml("Error", f"<Code>{name}</Code><Message>{name}</Message>", code)

    def _get(self, key, asked, _):
        if "/" not in key:
            return self._answer() if self.command == "HEAD" else self._list(key, asked)
        content = self.objects.held.get(key)
        if content is None:
            return self._error(404, "NoSuchKey")
        about = {"ETag": f'"{md5(content).hexdigest()}"', "Accept_Ranges": "bytes"}
        about["Last_Modified"] = "Thu, 01 Jan 1970 00:00:00 GMT"
        wanted = self.headers.get("Range")
        if not wanted:
            size = str(len(content))
            return self._answer(200, content, **about | {"Content-Length": size})
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        part = content[int(first) : int(last) + 1 if last else None]
        about["Content_Range"] = f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}"
        return self._answer(206, part, **about)

    _head = _get

    def _list(self, bucket, asked):
        prefix = asked.get("prefix", [""])[0]
        names = (name.removeprefix(f"{bucket}/") for name in sorted(self.objects.held))
        files, folders = [], {}
        for name in (name for name in names if name.startswith(prefix)):
            inside, slash, _ = name.removeprefix(prefix).partition("/")
            if slash and "delimiter" in asked:
                folders[f"{prefix}{inside}/"] = None
            else:
                files.append(name)
        size = {name: len(self.objects.held[f"{bucket}/{name}"]) for name in files}
        found = "".join(
            f"<Contents><Key>{escape(name)}</Key><Size>{size[name]}</Size>"
            "<LastModified>1970-01-01T00:00:00.000Z</LastModified></Contents>"
            for name in files
        ) + "".join(
            f"<CommonPrefixes><Prefix>{escape(n)}</Prefix></CommonPrefixes>" for n in folders
        )
        many = f"<KeyCount>{len(files) + len(folders)}</KeyCount><IsTruncated>false</IsTruncated>"
        self._xml("ListBucketResult", many + found)

    def _put(self, key, asked, body):
        if "uploadId" in asked:
            self.objects.uploads[asked["uploadId"][0]][int(asked["partNumber"][0])] = body
        else:
            self.objects.held[key] = body
        self._answer(ETag=f'"{md5(body).hexdigest()}"')

    def _post(self, key, asked, _):
        if "uploads" in asked:
            name = str(next(NUMBERS))
            self.objects.uploads[name] = {}
            return self._xml("InitiateMultipartUploadResult", f"<UploadId>{name}</UploadId>")
        parts = self.objects.uploads.pop(asked["uploadId"][0])
        self.objects.held[key] = b"".join(parts[number] for number in sorted(parts))
        return self._xml("CompleteMultipartUploadResult", "<ETag>x</ETag>")

    def _delete(self, key, asked, _):
        if "uploadId" in asked:
            self.objects.uploads.pop(asked["uploadId"][0], None)
        self.objects.held.pop(key, None)
        self._answer(204)
