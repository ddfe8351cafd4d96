"""Uploading photos before the form that names them."""

from casework.photos.rules import KIND
from handlers.answers import PhotoShape, UploadShape
from handlers.base import Routes, described, needs
from handlers.uploads import PART_HEADERS, UploadHandler


class PhotoHandler(UploadHandler):
    """/api/photos/<sha256 of the bytes>"""

    body_limit = KIND.limit
    body_too_large = KIND.too_large

    @needs("photo.upload", "upload")
    @described(
        "上传一张照片或其中一段（正文为图片）",
        headers=PART_HEADERS,
        answers={200: PhotoShape, 201: PhotoShape, 202: UploadShape},
    )
    async def put(self, sha256: str) -> None:
        """Keep a photo or a part of one; sending it again changes nothing."""
        outcome = await self.services.photos.upload(self.actor, sha256, self.request.body, self.part())
        self.answer_upload(outcome, "sha256", "width", "height", "size")

    @needs("photo.upload")
    @described("照片传到了哪里", answers={200: UploadShape})
    async def get(self, sha256: str) -> None:
        """How much has arrived, so that a phone goes on where it stopped."""
        self.answer_progress(await self.services.photos.progress(self.actor, sha256))

    @needs("photo.upload")
    @described("照片是否已传完", answers={204: "text/plain"})
    async def head(self, sha256: str) -> None:
        """204 when it has arrived, 404 when not."""
        self.answer_has(await self.services.photos.has(self.actor, sha256))


routes: Routes = [(r"/api/photos/(?P<sha256>[0-9a-f]{64})", PhotoHandler)]
