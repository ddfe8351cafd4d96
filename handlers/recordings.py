"""Uploading voice notes before the form that names them."""

from casework.recordings.rules import KIND
from handlers.answers import RecordingShape, UploadShape
from handlers.base import Routes, described, needs
from handlers.uploads import PART_HEADERS, UploadHandler


class RecordingHandler(UploadHandler):
    """/api/recordings/<sha256 of the bytes>"""

    body_limit = KIND.limit
    body_too_large = KIND.too_large

    @needs("recording.upload", "upload")
    @described(
        "上传一段语音或其中一段（正文为 MP3、AAC、M4A、AMR、WebM 或 Ogg）",
        headers=PART_HEADERS,
        answers={200: RecordingShape, 201: RecordingShape, 202: UploadShape},
    )
    async def put(self, sha256: str) -> None:
        """Keep a voice note or a part of one; sending it again changes nothing."""
        outcome = await self.services.recordings.upload(self.actor, sha256, self.request.body, self.part())
        self.answer_upload(outcome, "sha256", "size", "type")

    @needs("recording.upload")
    @described("语音传到了哪里", answers={200: UploadShape})
    async def get(self, sha256: str) -> None:
        """How much has arrived, so that a phone goes on where it stopped."""
        self.answer_progress(await self.services.recordings.progress(self.actor, sha256))

    @needs("recording.upload")
    @described("语音是否已传完", answers={204: "text/plain"})
    async def head(self, sha256: str) -> None:
        """204 when it has arrived, 404 when not."""
        self.answer_has(await self.services.recordings.has(self.actor, sha256))


routes: Routes = [(r"/api/recordings/(?P<sha256>[0-9a-f]{64})", RecordingHandler)]
