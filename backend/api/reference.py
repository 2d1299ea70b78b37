"""The reference pages `/docs` and `/redoc`. They load nothing from another host: we serve their assets ourselves."""

from fastapi import FastAPI
from fastapi.openapi.docs import get_redoc_html, get_swagger_ui_html
from fastapi.staticfiles import StaticFiles
from starlette.responses import HTMLResponse

_ASSETS = "/docs/assets"
_ICON = f"{_ASSETS}/favicon.png"


def install(app: FastAPI) -> None:
    """Add the pages. Their scripts and styles come with the `fastapi-offline` package."""
    openapi_url = str(app.openapi_url)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        """Swagger UI: try the API out in the browser."""
        return get_swagger_ui_html(
            openapi_url=openapi_url,
            title=f"{app.title}: try it out",
            swagger_js_url=f"{_ASSETS}/swagger-ui-bundle.js",
            swagger_css_url=f"{_ASSETS}/swagger-ui.css",
            swagger_favicon_url=_ICON,
            swagger_ui_parameters={"persistAuthorization": True, "displayOperationId": True, "tryItOutEnabled": True},
        )

    @app.get("/redoc", include_in_schema=False)
    async def redoc() -> HTMLResponse:
        """Redoc: read the API in one page."""
        return get_redoc_html(
            openapi_url=openapi_url,
            title=f"{app.title}: reference",
            redoc_js_url=f"{_ASSETS}/redoc.standalone.js",
            redoc_favicon_url=_ICON,
            with_google_fonts=False,
        )

    app.mount(_ASSETS, StaticFiles(packages=[("fastapi_offline", "static")]), name="assets")
