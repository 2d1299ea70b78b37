"""The reference pages `/docs` and `/redoc`. They load nothing from another host: we serve their assets ourselves."""

from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.staticfiles import StaticFiles
from starlette.responses import HTMLResponse, Response

_PACKAGE, _DIRECTORY = "fastapi_offline", "static"
_ASSETS = "/docs/assets"
_ICON = f"{_ASSETS}/favicon.png"
_REDOC = "redoc.standalone.js"
_REDOC_LOGO = "https://cdn.redoc.ly/redoc/logo-mini.svg"
_NO_PICTURE = "data:,"

# Holds the pages to their promise, whatever their next version would like to load.
_SAME_HOST = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)

_HEADERS = {
    "Content-Security-Policy": _SAME_HOST,
    "Permissions-Policy": ", ".join(
        f"{feature}=()" for feature in ("camera", "display-capture", "geolocation", "microphone", "payment", "usb")
    ),
}
# The same for everybody, unlike what the API answers, and another one with each version of the server.
_KEPT = {"Cache-Control": "public, max-age=3600"}

_SWAGGER_UI = {
    "displayOperationId": True,
    "displayRequestDuration": True,
    "persistAuthorization": True,
    "validatorUrl": None,  # else it asks a public service about us as soon as our host has a public name
}


def install(app: FastAPI) -> None:
    """Add the pages. Their scripts and styles come with the `fastapi-offline` package."""
    openapi_url = str(app.openapi_url)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        """Swagger UI: try the API out in the browser."""
        page = get_swagger_ui_html(
            openapi_url=openapi_url,
            title=f"{app.title}: try it out",
            swagger_js_url=f"{_ASSETS}/swagger-ui-bundle.js",
            swagger_css_url=f"{_ASSETS}/swagger-ui.css",
            swagger_favicon_url=_ICON,
            swagger_ui_parameters=_SWAGGER_UI,
        )
        return _confined(page)

    @app.get("/redoc", include_in_schema=False)
    async def redoc() -> HTMLResponse:
        """Redoc: read the API in one page."""
        page = get_redoc_html(
            openapi_url=openapi_url,
            title=f"{app.title}: reference",
            redoc_js_url=f"{_ASSETS}/{_REDOC}",
            redoc_favicon_url=_ICON,
            with_google_fonts=False,
        )
        return _confined(page)

    @app.get(f"{_ASSETS}/{_REDOC}", include_in_schema=False)
    def redoc_script() -> Response:
        """Redoc without the one picture that it would get from its makers' host."""
        script = files(_PACKAGE).joinpath(_DIRECTORY, _REDOC).read_text(encoding="utf-8")
        return Response(script.replace(_REDOC_LOGO, _NO_PICTURE), headers=_KEPT, media_type="text/javascript")

    app.mount(_ASSETS, _Assets(packages=[(_PACKAGE, _DIRECTORY)]), name="assets")


class _Assets(StaticFiles):
    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """The file, for a browser to keep."""
        response = super().file_response(*args, **kwargs)
        response.headers.update(_KEPT)
        return response


def _confined(page: HTMLResponse) -> HTMLResponse:
    page.headers.update(_HEADERS)
    return page
