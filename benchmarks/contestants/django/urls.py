"""The routes."""

from django.http import JsonResponse
from django.urls import include, path
from rest_framework.routers import SimpleRouter
from tasks.views import TaskViewSet

router = SimpleRouter(trailing_slash=False, use_regex_path=False)
router.register("tasks", TaskViewSet, basename="task")

urlpatterns = [
    path("api/v1/users/me/", include(router.urls)),
    path("health/live", lambda _: JsonResponse({"status": "ok"})),
]
