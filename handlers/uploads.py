"""What uploads share: a file goes up whole, or in parts that go on after a lost signal.

A part says which bytes it is: ``Content-Range: bytes <first>-<last>/<total>``. It begins where the received
bytes end; 128 KiB at a time suit weak signals, and nothing but the last part is below 16 KiB. Each part but
the last is answered with 202 and the number of bytes received. Sending a part again changes nothing.
"""

import re
from collections.abc import Mapping
from typing import Any

from casework.problems import InvalidForm, NotFound
from casework.uploads.model import PART_BYTES, ByteRange, Progress
from casework.uploads.rules import FIELD
from handlers.base import Handler

_RANGE = re.compile(r"bytes ([0-9]{1,9})-([0-9]{1,9})/([0-9]{1,9})")
#: For the API document.
PART_HEADERS = {FIELD: f"分段上传时写 bytes 起-止/总长，建议每段 {PART_BYTES // 1024} KB；不写则为整个文件"}


class UploadHandler(Handler):
    """Base of the handlers of uploads."""

    def part(self) -> ByteRange | None:
        """Which part of a file the body is; None for a whole one. Raises `InvalidForm`."""
        given = self.request.headers.get(FIELD)
        if given is None:
            return None
        match = _RANGE.fullmatch(given)
        if match is None:
            message = "应为 bytes 起-止/总长，例如 bytes 0-131071/500000"
            raise InvalidForm(errors=[{"field": FIELD, "message": message}])
        return ByteRange(*map(int, match.groups()))

    def answer_progress(self, progress: Progress, status: int = 200) -> None:
        """Write how far an upload is."""
        self.answer({"received": progress.received, "complete": progress.complete}, status)

    def answer_upload(self, outcome: tuple[Mapping[str, Any], bool] | Progress, *shown: str) -> None:
        """Write what became of an upload: the progress, or these values of what is kept now."""
        if isinstance(outcome, Progress):
            self.answer_progress(outcome, 202)
            return
        kept, new = outcome
        body = {"id": kept["_id"], **{name: kept[name] for name in shown}}
        self.answer(body, 201 if new else 200)

    def answer_has(self, has: bool) -> None:
        """204 when it has arrived, else not found."""
        if not has:
            raise NotFound
        self.set_status(204)
        self.finish()
