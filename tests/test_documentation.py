"""The documentation names every route, command and setting that exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from whetstone.app import create_app
from whetstone.settings import Settings

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_api_page_lists_every_route(settings: Settings) -> None:
    page = (ROOT / "docs" / "api.md").read_text("utf-8")
    routes = {
        f"`{method.upper()} {path}`"
        for path, methods in create_app(settings).openapi()["paths"].items()
        for method in methods
    }
    assert routes
    assert {route for route in routes if route not in page} == set()
    assert set(re.findall(r"^\| (`[A-Z]+ /[^`]*`)", page, re.MULTILINE)) <= routes


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


def test_settings_named_in_the_documentation_exist() -> None:
    known = (ROOT / ".env.example").read_text("utf-8")
    for page in PAGES:
        for name in re.findall(r"`((?:WHETSTONE|ELIZA)_[A-Z_]+)\b", page.read_text("utf-8")):
            assert name in known, f"{page.name}: {name}"
