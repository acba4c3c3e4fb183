"""In a browser: JupyterLab opens a notebook for people, runs it, and its slider scrubs through the episode."""

import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from tests.report.test_widgets import compendium  # noqa: F401, a fixture

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
def lab(compendium, tmp_path, monkeypatch):  # noqa: F811
    """The address of a JupyterLab that serves the compendium's notebooks."""
    monkeypatch.setenv("SAFEVLA_PROFILE", "laptop")
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    port = _free_port()
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--ServerApp.port={port}"]
    command += ["--IdentityProvider.token=", f"--ServerApp.root_dir={compendium}", "--LabApp.news_url=None"]
    with open(tmp_path / "lab.log", "wb") as log:
        server = subprocess.Popen(command, cwd=compendium, stdout=log, stderr=log)
        address = f"http://127.0.0.1:{port}"
        try:
            for _ in range(120):
                try:
                    urllib.request.urlopen(f"{address}/api/status", timeout=1.0)
                    break
                except (urllib.error.URLError, OSError):
                    assert server.poll() is None, (tmp_path / "lab.log").read_text()[-2000:]
                    time.sleep(0.25)
            yield address
        finally:
            server.terminate()
            server.wait(timeout=20)


@pytest.mark.skipif(BROWSER is None, reason="no Chromium here")
def test_jupyterlab_scrubs_through_an_episode(lab, tmp_path):
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.goto(f"{lab}/lab/tree/notebooks/explore_episode.ipynb?reset")
        page.locator(".jp-Notebook .jp-Cell").first.click(timeout=60_000)  # the menu is the notebook's once it has the focus
        page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for(timeout=60_000)  # its kernel is there
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.locator(".lm-Menu-itemLabel", has_text=re.compile("^Run All( Cells)?$")).click()
        slider = page.locator(".widget-slider .noUi-handle").first
        slider.wait_for(timeout=90_000)
        slider.scroll_into_view_if_needed()
        picture = page.locator(".widget-output img").first
        picture.wait_for(timeout=30_000)
        before = picture.get_attribute("src")
        slider.focus()
        for _ in range(5):
            page.keyboard.press("ArrowRight")
        page.wait_for_function(
            "before => { const i = document.querySelector('.widget-output img'); return i && i.src !== before && i.src }",
            arg=before, timeout=30_000,
        )  # fmt: skip
        assert int(page.locator(".widget-readout").first.inner_text()) >= 1
        assert page.locator(".jp-RenderedText[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
        page.screenshot(path=str(tmp_path / "lab.png"))
        browser.close()
