"""Uploading photos before the form that names them."""

from casework.photos.rules import UPLOAD_BYTES
from casework.problems import NotFound
from handlers.answers import PhotoShape
from handlers.base import Handler, Routes, described, needs


class PhotoHandler(Handler):
    """/api/photos/<sha256 of the bytes>"""

    body_limit = UPLOAD_BYTES

    @needs("photo.upload", "photo")
    @described("上传一张照片（正文为图片）", answers={200: PhotoShape, 201: PhotoShape})
    async def put(self, sha256: str) -> None:
        """Keep a photo; sending it again changes nothing."""
        photo, new = await self.services.photos.upload(self.actor, sha256, self.request.body)
        body = {
            "id": photo["_id"],
            "sha256": sha256,
            "width": photo["width"],
            "height": photo["height"],
            "size": photo["size"],
        }
        self.answer(body, 201 if new else 200)

    @needs("photo.upload")
    @described("照片是否已传完", answers={204: "text/plain"})
    async def head(self, sha256: str) -> None:
        """204 when it has arrived, 404 when not."""
        if not await self.services.photos.has(self.actor, sha256):
            raise NotFound
        self.set_status(204)
        self.finish()


routes: Routes = [(r"/api/photos/(?P<sha256>[0-9a-f]{64})", PhotoHandler)]
