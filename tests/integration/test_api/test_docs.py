"""The reference pages in a real browser: complete without any other host, and good for trying the API out."""

import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, ConsoleMessage, Error, Page, Request, async_playwright, expect

from tests.factories.clients import PASSWORD, Client
from tests.integration.test_api.answers import TASKS, answered

# Not a name of this machine: both pages are laxer, or more silent, towards what they take for a developer's own.
HOST = "donewell.example"

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--host-resolver-rules=MAP {HOST} 127.0.0.1",
]


# How soon a page shows something says how busy the machine is, not whether it works.
expect.set_options(timeout=30_000)


@dataclass
class Visit:
    """A page in a browser that knows nobody yet, and what it did that it should not."""

    page: Page
    url: str
    elsewhere: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def watch(self) -> None:
        self.page.on("request", self._on_request)
        self.page.on("console", self._on_console)
        self.page.on("pageerror", self._on_error)

    def _on_request(self, request: Request) -> None:
        if request.url.startswith("data:") or request.url.removeprefix("blob:").startswith(f"{self.url}/"):
            return
        self.elsewhere.append(request.url)

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _on_error(self, error: Error) -> None:
        self.complaints.append(str(error))


@pytest.fixture(scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Debian's Chromium, with a profile directory that is made for it and removed after it."""
    chromium = shutil.which("chromium")
    assert chromium, "These tests need a browser: apt-get install -y chromium"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        await browser.close()


@pytest.fixture
async def visit(live_server: str, browser: Browser) -> AsyncIterator[Visit]:
    """Somebody new at this worker's application, which has a name that is not localhost."""
    context = await browser.new_context(viewport={"width": 1200, "height": 1000})
    visit = Visit(await context.new_page(), f"http://{HOST}:{urlsplit(live_server).port}")
    visit.watch()
    yield visit
    await context.close()


async def sign_in(page: Page, email: str) -> None:
    await page.get_by_role("button", name="Authorize").click()
    form = page.locator(".auth-container", has_text="password (OAuth2, password)")
    await expect(form.locator("#oauth_username")).to_be_focused()
    await form.locator("#oauth_username").fill(email)
    await form.locator("#oauth_password").fill(PASSWORD)
    await form.get_by_text("Authorize", exact=True).click()
    await expect(form.get_by_text("Logout", exact=True)).to_be_visible()
    await form.get_by_role("button", name="Close").click()


async def test_a_person_signs_in_and_makes_tasks_without_leaving_the_page(visit: Visit, owner: Client) -> None:
    page = visit.page
    await page.goto(f"{visit.url}/docs")
    await sign_in(page, owner.email)

    operation = page.locator("#operations-Tasks-createTask")
    status = operation.locator(".live-responses-table tbody .response-col_status")
    await operation.locator(".opblock-summary-control").click()
    await operation.get_by_role("button", name="Try it out").click()
    # As it stands there, the example is good to be sent.
    await operation.get_by_role("button", name="Execute").click()
    await expect(status).to_have_text("201")
    await operation.get_by_role("button", name="Clear").click()

    await operation.get_by_role("textbox", name="user_id").fill("me")
    await operation.locator("textarea.body-param__text").fill(json.dumps({"title": "Written in the browser"}))
    await operation.get_by_role("button", name="Execute").click()
    await expect(status).to_have_text("201")
    await expect(operation.locator(".live-responses-table")).to_contain_text("Written in the browser")

    titles = [task["title"] for task in answered(await owner.get(TASKS))]
    assert titles == ["Written in the browser", "Water the plants"]
    assert (visit.elsewhere, visit.complaints) == ([], [])


async def test_swagger_ui_shows_the_paths_of_phase_ii_last(visit: Visit, anonymous: Client) -> None:
    names = [tag["name"] for tag in answered(await anonymous.get("/openapi.json"))["tags"]]
    assert (names[0], names[-1]) == ("Sign-in", "Phase II")
    sections = visit.page.locator("h3.opblock-tag a span")

    await visit.page.goto(f"{visit.url}/docs")

    await expect(sections).to_have_text(names)
    assert (visit.elsewhere, visit.complaints) == ([], [])


async def test_redoc_shows_every_operation(visit: Visit, owner: Client) -> None:
    document = answered(await owner.get("/openapi.json"))
    names = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    page = visit.page

    await page.goto(f"{visit.url}/redoc")

    await expect(page.get_by_role("heading", name="Donewell", exact=False).first).to_be_visible()
    for name in names:
        await expect(page.locator(f'[id$="operation/{name}"]').first).to_be_attached()
    assert (visit.elsewhere, visit.complaints) == ([], [])


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_the_browser_itself_keeps_the_page_from_loading_anything_else(visit: Visit, path: str) -> None:
    """Whatever the next version of the page would like to load: the policy forbids it."""
    # The policy comes before anything that the page would draw.
    await visit.page.goto(f"{visit.url}{path}", wait_until="commit")
    loaded = await visit.page.evaluate("fetch('http://127.0.0.1:9/').then(() => 'loaded', error => error.name)")

    assert loaded == "TypeError"
    assert visit.elsewhere == []
    assert "Content Security Policy" in " ".join(visit.complaints)
