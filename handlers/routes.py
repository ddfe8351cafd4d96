"""All routes, file by file."""

from handlers import callback, health, inbox, intakes, openapi, photos, places, session, tasks
from handlers.base import Routes

routes: Routes = [
    *health.routes,
    *callback.routes,
    *session.routes,
    *places.routes,
    *photos.routes,
    *intakes.routes,
    *tasks.routes,
    *inbox.routes,
    *openapi.routes,
]
