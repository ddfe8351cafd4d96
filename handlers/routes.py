"""All routes, file by file; the platform's callback (`handlers.callback`) goes past them."""

from handlers import (
    corrections,
    health,
    held,
    inbox,
    intakes,
    openapi,
    pages,
    phone,
    photos,
    places,
    recordings,
    session,
    tasks,
)
from handlers.base import Routes

routes: Routes = [
    *health.routes,
    *session.routes,
    *pages.routes,
    *phone.routes,
    *places.routes,
    *photos.routes,
    *recordings.routes,
    *intakes.routes,
    *tasks.routes,
    *corrections.routes,
    *held.routes,
    *inbox.routes,
    *openapi.routes,
]
