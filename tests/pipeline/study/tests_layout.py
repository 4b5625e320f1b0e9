"""A page in a real browser at some width: what stands outside of it, and what is hidden."""

import shutil
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
BEYOND = """
const limit = document.documentElement.clientWidth + 1;
return [...document.querySelectorAll("td, th, img, figure, h2, p, li, pre")]
  .filter(e => e.getBoundingClientRect().width && e.getBoundingClientRect().right > limit
    && !e.closest(arguments[0]))
  .map(e => e.tagName + " " + (e.textContent || e.alt).trim().slice(0, 40));
"""


def has_browser() -> bool:
    """Whether Chromium and its driver are installed."""
    return bool(shutil.which("chromium") and shutil.which("chromedriver"))


def beyond_the_edge(page: Path, *, width: int, print_: bool, scrolled: str = "#nothing") -> Any:
    """Open a page and list what stands outside of it, but for what is inside ``scrolled``."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which("chromium"))
    for flag in FLAGS:
        options.add_argument(flag)
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    with webdriver.Chrome(options=options, service=service) as driver:
        size = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        media = "print" if print_ else "screen"
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media})
        driver.get(page.as_uri())
        return driver.execute_script(BEYOND, scrolled)
