"""The site, built once; the scripts that make it."""

import functools
import http.server
import importlib
import sys
import threading

import pytest
from browser import Browser
from support import TEMPLATE


@pytest.fixture(scope="session")
def scripts():
    """Import a script of scripts/ by its name."""
    sys.path.insert(0, str(TEMPLATE / "scripts"))
    yield importlib.import_module
    sys.path.remove(str(TEMPLATE / "scripts"))


@pytest.fixture(scope="session")
def site(scripts, tmp_path_factory):
    """The folder of the built site."""
    folder = tmp_path_factory.mktemp("site")
    scripts("docs").main(folder)
    return folder


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="session")
def address(site):
    """Where the site is served."""
    handler = functools.partial(Silent, directory=site)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """A headless Chromium."""
    tab = Browser(tmp_path_factory.mktemp("profile"))
    yield tab
    tab.close()
