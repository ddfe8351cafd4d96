"""All routes, file by file; the platform's callback (`handlers.callback`) goes past them."""

from handlers import health, inbox, intakes, openapi, pages, photos, places, session, tasks
from handlers.base import Routes

routes: Routes = [
    *health.routes,
    *session.routes,
    *pages.routes,
    *places.routes,
    *photos.routes,
    *intakes.routes,
    *tasks.routes,
    *inbox.routes,
    *openapi.routes,
]
