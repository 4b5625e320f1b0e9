"""A finished study as MLflow's own pages show it, in a real browser: SQLite, and PostgreSQL.

Needs Chromium and its driver; without them the tests skip and say so.
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient
from selenium import webdriver
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support.ui import WebDriverWait
from servers import Server, postgres

from isnet_cxr.data.manifests.manifest import write_manifest
from isnet_cxr.data.phantoms import DEVELOPMENT, EXTERNAL, LABELS, Hospital, make_hospital
from isnet_cxr.pipeline.config import parse_study
from isnet_cxr.pipeline.study.run import run_study
from isnet_cxr.pipeline.tracking import STORE
from isnet_cxr.pipeline.tracking.exporting import export_runs
from isnet_cxr.pipeline.tracking.importing import import_runs

pytestmark = pytest.mark.slow

STUDY = "tiny study"
CHILDREN = ("baseline seed 0", "exchange seed 0")
PATIENCE_S = 300  # MLflow's pages take a second, or minutes on a machine that is busy with others
CHROMIUM_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1500,1100",
)


@dataclass(frozen=True)
class Pages:
    """MLflow's pages on a finished study."""

    address: str
    experiment: str
    run_ids: dict[str, str]


def _images(hospital: Hospital, out: Path) -> pd.DataFrame:
    """Ten images per class in the development set, less two patients; three elsewhere."""
    count = 10 if hospital in DEVELOPMENT else 3
    counts = dict.fromkeys(hospital.looks, count)
    images = make_hospital(hospital, out, counts=counts, seed=0, suffix="png")
    if hospital in DEVELOPMENT:
        number = {patient: n for n, patient in enumerate(images.patient_id.unique())}
        images["split"] = [("test", "val", *["train"] * 9)[number[p]] for p in images.patient_id]
    return images


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a finished study of two short trainings, with its own store."""
    out = tmp_path_factory.mktemp("study")
    datasets = {}
    for hospital in (*DEVELOPMENT, EXTERNAL[0]):
        manifest = out / f"{hospital.name}.csv"
        write_manifest(_images(hospital, out / hospital.name), manifest)
        datasets[hospital.name] = {"manifest": str(manifest)}
    described = {
        "name": STUDY,
        "classes": list(LABELS),
        "datasets": datasets,
        "development": [hospital.name for hospital in DEVELOPMENT],
        "external": {EXTERNAL[0].name: [EXTERNAL[0].name]},
        "exclude_duplicates": False,
        "defaults": {"preprocessing": {"size_px": 32}, "epochs": 2, "batch_size": 8},
        "classifiers": {"baseline": {"method": "baseline"}, "exchange": {"method": "exchange"}},
        "background_control": False,
        "seeds": [0],
    }
    config = parse_study(described, folder=out)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        run_study(config, out / "study", say=print, progress=False)
    return out / "study"


@pytest.fixture(scope="module", params=["SQLite", "PostgreSQL"])
def pages(
    request: pytest.FixtureRequest,
    study: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Pages]:
    """MLflow's pages: of the study's own store, and of a server that its runs were carried to."""
    folder = tmp_path_factory.mktemp("server")
    if request.param == "SQLite":
        yield from _pages(Server(f"sqlite:///{study / STORE}", folder))
        return
    with postgres() as database:
        server = Server(database, folder)

        def deliver() -> None:
            export_runs(study, folder / "carried")
            assert import_runs(folder / "carried", server.address) == (3, 3)
            assert import_runs(folder / "carried", server.address) == (3, 0)

        yield from _pages(server, deliver)


def _pages(server: Server, deliver: Callable[[], None] = lambda: None) -> Iterator[Pages]:
    server.start()
    try:
        deliver()
        client = MlflowClient(server.address)
        experiment = client.get_experiment_by_name(STUDY).experiment_id
        runs = client.search_runs([experiment])
        ids = {run.info.run_name: run.info.run_id for run in runs}
        yield Pages(server.address, experiment, ids)
    finally:
        server.kill()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip(
            "chromium and chromedriver are not installed: MLflow's pages were not looked at"
        )
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*CHROMIUM_FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    opened = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    opened.set_page_load_timeout(PATIENCE_S)
    opened.set_script_timeout(PATIENCE_S)
    yield opened
    opened.quit()


@pytest.fixture
def visit(browser: WebDriver, pages: Pages) -> Callable[..., WebDriver]:
    """Open a page of the study's experiment and wait until ``shown`` holds."""

    def open_page(place: str, shown: Callable[[WebDriver], object]) -> WebDriver:
        browser.get("about:blank")  # MLflow's addresses differ behind the # only: force a load
        browser.get(f"{pages.address}/#/{place}")
        _wait(browser, shown)
        return browser

    return open_page


def _wait(page: WebDriver, shown: Callable[[WebDriver], object]) -> None:
    try:
        WebDriverWait(page, PATIENCE_S).until(shown)
    except TimeoutException:
        pytest.fail(f"{page.current_url} shows:\n{text_of(page)}")


def text_of(browser: WebDriver) -> str:
    # One script: an element that is found first and read later may be gone in between.
    return str(browser.execute_script("return document.body.innerText"))


def test_the_study_is_one_run_with_its_trainings_below(pages, visit):
    unfold = f"//*[@role='gridcell'][.//a[contains(., '{STUDY}')]]//button"
    place = f"experiments/{pages.experiment}/runs"
    page = visit(place, lambda page: page.find_elements(By.XPATH, unfold))
    assert "3 matching runs" in text_of(page)
    assert not any(child in text_of(page) for child in CHILDREN)
    page.find_element(By.XPATH, unfold).click()
    _wait(page, lambda page: all(child in text_of(page) for child in CHILDREN))


def test_metrics_are_drawn_as_curves_over_the_epochs(pages, visit):
    child = pages.run_ids[CHILDREN[0]]
    place = f"experiments/{pages.experiment}/runs/{child}/model-metrics"
    page = visit(place, lambda page: page.find_elements(By.CSS_SELECTOR, ".js-plotly-plot"))
    search = "input[placeholder='Search metric charts']"
    page.find_element(By.CSS_SELECTOR, search).send_keys("val_loss")
    lines = (
        "[...document.querySelectorAll('.scatterlayer path.js-line')].map(l => l.getAttribute('d'))"
    )
    _wait(page, lambda page: any("L" in path for path in page.execute_script(f"return {lines}")))
    assert "val_loss" in text_of(page)
    assert "macro_auc" not in text_of(page)


def test_the_report_opens_among_the_artifacts(pages, visit):
    place = f"experiments/{pages.experiment}/runs/{pages.run_ids[STUDY]}/artifacts/report.html"
    page = visit(place, lambda page: page.find_elements(By.TAG_NAME, "iframe"))
    assert {"report.html", "resolved.yaml", "summary.json"} <= set(text_of(page).splitlines())
    page.switch_to.frame(page.find_element(By.TAG_NAME, "iframe"))
    _wait(page, lambda page: "Research use only" in text_of(page))
    assert STUDY in text_of(page)


def test_the_experiment_is_one_of_model_training(pages, visit):
    """It is marked as such, and in that half of MLflow's pages it opens with its runs."""
    experiment = MlflowClient(pages.address).get_experiment(pages.experiment)
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    place = f"experiments/{pages.experiment}?workflowType=machine_learning"
    page = visit(place, lambda page: "/runs" in page.current_url and STUDY in text_of(page))
    assert "Model training" in text_of(page)


def test_runs_have_parameters_and_tags_to_sort_by(pages, visit):
    place = f"experiments/{pages.experiment}/runs/{pages.run_ids[CHILDREN[1]]}"
    page = visit(place, lambda page: "method" in text_of(page))
    shown = text_of(page)
    assert all(words in shown for words in ("commit", "seed", "dataset", "lakeview", "Classifier"))
    place = f"experiments/{pages.experiment}/runs/{pages.run_ids[STUDY]}"
    page = visit(place, lambda page: "defaults" in text_of(page) or "seeds" in text_of(page))
    assert "Research use only" in text_of(page)


def test_the_registry_shows_version_alias_and_signature(pages, visit):
    client = MlflowClient(pages.address)
    (version,) = client.search_model_versions(f"name='{STUDY}'")
    client.set_registered_model_alias(STUDY, "champion", version.version)  # it may have failed
    page = visit("models", lambda page: STUDY in text_of(page))
    page = visit(f"models/{STUDY}", lambda page: "champion" in text_of(page))
    assert "Version 1" in text_of(page)
    page = visit(f"models/{STUDY}/versions/1", lambda page: "Inputs" in text_of(page))
    assert "champion" in text_of(page)
    assert "Research use only" in text_of(page)
    inputs = "//*[contains(text(), 'Inputs')]"
    page.find_element(By.XPATH, inputs).click()
    _wait(page, lambda page: "binary" in text_of(page) and "pixels" in text_of(page))


def test_two_classifiers_compare_side_by_side(pages, visit):
    ids = ",".join(f'"{pages.run_ids[child]}"' for child in CHILDREN)
    place = f'compare-runs?runs=[{ids}]&experiments=["{pages.experiment}"]'
    page = visit(place, lambda page: all(child in text_of(page) for child in CHILDREN))
    away = EXTERNAL[0].name  # the page draws the first names only; which there are, others test
    shown = (f"{away}/macro_f1", f"{away}/pointing/covid/hits", "heatmaps/forgotten/rank")
    _wait(page, lambda page: all(name in text_of(page) for name in shown))
