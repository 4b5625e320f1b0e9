"""The report's sections on evidence in Chromium: on a desk, on a phone, and printed on A4.

Needs Chromium and its driver; without them the tests skip and say so.
"""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import Environment, PackageLoader, StrictUndefined
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver

import isnet_cxr.pipeline
from isnet_cxr.pipeline.config import CONTROL
from isnet_cxr.pipeline.report.evidence import evidence_content
from isnet_cxr.pipeline.report.ranking import RANKING_HEAD
from isnet_cxr.pipeline.table import Table

pytestmark = pytest.mark.slow

PARTS = ("matrix", "ceilings", "classes", "tests", "calibration", "abstention", "ranking")


def figure(value: float, spread: float = 0.05) -> dict:
    return {"value": value, "ci95": [value - spread, value + spread]}


CEILINGS = {
    "away": {
        "figure": "pair_auc",
        "baseline": "poor",
        "classes": ["normal", "pneumonia"],
        "reached": {"baseline": figure(0.6), "ceiling": figure(0.9)},
        "gap": figure(0.3),
        "gained": {"good": figure(0.15), "a classifier of a long name": figure(-0.03)},
        "closed": {"good": figure(0.5, 0.2), "a classifier of a long name": figure(-0.1, 0.3)},
    }
}
WORST = ("isnet as published −0.400 [−0.30, −0.50]", "0.003", "12.5", "12.5")  # noqa: RUF001
RANKING = Table(
    RANKING_HEAD,
    [
        [
            test,
            str(place),
            f"multi-task U-Net {place}",
            "0.900 [0.85, 0.95]",
            "0.500",
            "0.9",
            *WORST,
        ]
        for test in ("internal test", "leave out a hospital")
        for place in range(1, 5)
    ],
)
A4_PX = 703
"""Width of A4 less two margins of 12 mm, at 96 pixels per inch."""


@pytest.fixture(scope="module")
def browser() -> Iterator[WebDriver]:
    if shutil.which("chromium") is None or shutil.which("chromedriver") is None:
        pytest.skip("no chromium and chromedriver")
    options = webdriver.ChromeOptions()
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"):
        options.add_argument(flag)
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def page(evidence, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The sections by themselves, with the style of the report."""
    environment = Environment(
        loader=PackageLoader("isnet_cxr.pipeline"), autoescape=True, undefined=StrictUndefined
    )
    folder = Path(isnet_cxr.pipeline.__file__).parent / "templates"
    report = (folder / "report.html.j2").read_text()
    macro, style = report.split("<!doctype")[0], re.search(r"<style>.*?</style>", report, re.S)
    assert style is not None
    links = re.findall(r"<a href=.*?</a> ?", report[report.index("<nav>") : report.index("</nav>")])
    body = macro + '{% include "evidence.html.j2" %}{% include "ranking.html.j2" %}'
    html = environment.from_string(body).render(
        evidence=evidence_content({**evidence, "ceilings": CEILINGS}),
        ranking={"table": RANKING, "by": "internal: macro AUC; abroad: AUC, two classes"},
        control=CONTROL,
    )
    path = tmp_path_factory.mktemp("page") / "page.html"
    head = (
        '<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    )
    path.write_text(f"{head}{style[0]}<main><nav>{''.join(links)}</nav>{html}</main>")
    return path.as_uri()


def shown(browser: WebDriver, page: str, width: int, *, printed: bool = False) -> None:
    metrics = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    media = {"media": "print" if printed else "screen"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.get(page)


@pytest.mark.parametrize("width", [1400, 400])
def test_every_part_is_there_in_order_and_nothing_widens_the_page(browser, page, width):
    shown(browser, page, width)
    places = [browser.find_element(By.ID, part).rect for part in PARTS]
    assert [place["y"] for place in places] == sorted(place["y"] for place in places)
    for place in places:
        assert place["width"] <= width
        assert place["height"] > 100
    assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    pictures = browser.find_elements(By.TAG_NAME, "img")
    assert len(pictures) == 1 + 2 + 1 + 1
    assert all(picture.get_property("naturalWidth") for picture in pictures)
    assert all(picture.rect["width"] >= min(600, width) for picture in pictures)


def test_print_cuts_no_column_and_no_picture_off(browser, page):
    shown(browser, page, A4_PX, printed=True)
    parts = browser.find_elements(By.CSS_SELECTOR, "td, th, img")
    assert len(parts) > 100
    beyond = [part.text for part in parts if part.rect["x"] + part.rect["width"] > A4_PX + 1]
    assert beyond == []
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
