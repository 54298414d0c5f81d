"""The verb runs and its pages: what a person sees of the local runs."""

import json
import re
import shutil
import subprocess

import pytest
from support import oldest_python, unavailable

EVIL = "<script>alert('x')</script> & \"q\" $title"
# The flags of a browser that asks nobody and keeps nothing.
BROWSER = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update --allow-file-access-from-files"
)
# What a page looks like from outside: as wide as the frame, each text's size and contrast.
LOOK = """<!doctype html><meta charset="utf-8"><body style="margin: 0">
<iframe id="page" style="border: 0; width: WIDTHpx; height: 3000px"></iframe>
<pre id="found"></pre>
<script>
const frame = document.getElementById("page");
const light = color => {
  const [r, g, b] = color.match(/[0-9.]+/g).map(Number).map(
    c => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
frame.onload = () => {
  const page = frame.contentDocument, look = each => frame.contentWindow.getComputedStyle(each);
  const paper = light(look(page.body).backgroundColor);
  const texts = [...page.querySelectorAll("body *")].filter(
    each => [...each.childNodes].some(node => node.nodeType == 3 && node.data.trim()));
  const seen = texts.filter(each => each.tagName != "title").map(each => {
    const svg = each.ownerSVGElement, box = each.getBoundingClientRect();
    const ink = light(svg ? look(each).fill : look(each).color);
    return {
      text: each.textContent.trim().slice(0, 60),
      right: box.right,
      wide: !!each.closest(".wide"),
      size: parseFloat(look(each).fontSize) * (svg ? svg.getScreenCTM().a : 1),
      contrast: (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05),
    };
  });
  document.getElementById("found").textContent = JSON.stringify({
    dark: paper < 0.2, width: page.documentElement.scrollWidth, texts: seen,
    charts: [...page.querySelectorAll("figure svg")].map(
      each => each.getBoundingClientRect().width),
    columns: new Set([...page.querySelectorAll("figure")].map(
      each => each.getBoundingClientRect().left)).size,
    scripts: page.querySelectorAll("script").length,
  });
};
frame.srcdoc = PAGE;
</script>"""


def report(**changes):
    """A report as `train` leaves it, of a run that was interrupted and stopped."""
    losses = [[step, 1 / step, step * 0.1] for step in range(1, 101)]
    return {
        "name": "any",
        "command": "python3 tools train --interrupt-after 5",
        "image": "penguins:local",
        "status": "Stopped",
        "reason": "stopped after 9 s",
        "exit_code": 0,
        "started": "2026-11-27T10:00:00+00:00",
        "ended": "2026-11-27T10:00:12+00:00",
        "seconds": 12.0,
        "process": 1,
        "hyperparameters": {"rounds": "100", "target": "is_male"},
        "hosts": {
            "algo-1": [
                {"began": 0.1, "ended": 5.0, "exit_code": 137},
                {"began": 5.2, "ended": 11.9, "exit_code": 0},
            ],
            "algo-2": [{"began": 0.1, "ended": None, "exit_code": None}],
        },
        "events": [
            {"at": 5.0, "what": "interruption", "text": "killed after 5 s"},
            {"at": 5.1, "what": "resume", "text": "started again with the checkpoints alone"},
            {"at": 9.0, "what": "stop", "text": "stopped after 9 s"},
        ],
        "metrics": {"training:loss": losses, "a-long-name:" + "x" * 60: losses[:1], "none": []},
        **changes,
    }


class Shelf:
    """A repository with runs in it."""

    def __init__(self, repository):
        self.repository = repository

    def put(self, name, content):
        folder = self.repository / "runs" / name
        folder.mkdir(parents=True)
        if not isinstance(content, bytes):
            content = (content if isinstance(content, str) else json.dumps(content)).encode()
        (folder / "report.json").write_bytes(content)

    def runs(self, **environment):
        done = subprocess.run(
            [oldest_python(), "-B", "tools", "runs"],
            cwd=self.repository,
            env={"PATH": "/usr/bin:/bin", "PYTHONIOENCODING": "utf-8", **environment},
            capture_output=True,
            encoding="utf-8",
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def page(self, place):
        return (self.repository / "runs" / place).read_text(encoding="utf-8")


@pytest.fixture
def shelf(bake):
    return Shelf(bake("python"))


def test_without_a_run_it_says_how_to_make_one(shelf):
    assert shelf.runs() == "There is no run yet: `make train` makes one.\n"


def test_the_list_has_what_differed_and_curves(shelf):
    losses = {"loss": [[step, 10 - step, 0.1] for step in range(1, 9)]}
    shelf.put("run-2", report(metrics=losses, started="2026-11-27T11:00:00+00:00", reason=""))
    other = {"rounds": "7", "target": "is_male"}
    shelf.put("run-1", report(metrics={}, hyperparameters=other, status="Failed", reason="Why.\nB"))
    assert shelf.runs() == (
        "run-1  Failed        12.0 s  rounds=7\n"
        "    Why.\n"
        "run-2  Stopped       12.0 s  rounds=100\n"
        "    loss  2          █▇▆▅▄▃▂▁\n"
        "\nCompare them: runs/index.html\n"
    )
    assert "    loss  2          #*+=-:._\n" in shelf.runs(PYTHONIOENCODING="cp1252")


DAMAGED = {
    "empty": "",
    "half": '{"name": "x", "status": "Compl',
    "a list": "[1]",
    "nothing in it": "{}",
    "not UTF-8": b'{"name": "caf\xe9"}',
    "deep": "[" * 100000,
    "a number for text": report(reason=5),
    "text for a number": report(seconds="long"),
    "a process like none": report(status="InProgress", process=10**30),
    "points of two": report(metrics={"loss": [[1, 2]]}),
    "infinite": report(metrics={"loss": [[1, float("inf"), 1], [2, 1, 1]]}),
    "not a number": report(metrics={"loss": [[1, float("nan"), 1]]}),
    "huge": report(metrics={"loss": [[1, 10**400, 1], [2, 1, 1]]}),
    "hosts in a list": report(hosts=[1]),
    "events of text": report(events=["stop"]),
    "hyperparameters of none": report(hyperparameters=None),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_report_breaks_nothing(shelf, content):
    shelf.put("good", report(started="2027"))
    shelf.put("damaged", content)
    said = shelf.runs()
    assert re.search(r"^damaged  Unreadable .*\n    Its report.json is damaged", said)
    assert "\ngood     Stopped" in said
    for place in ("index.html", "good/report.html"):
        assert "training:loss" in shelf.page(place)
    assert "damaged" in shelf.page("damaged/report.html")


def test_a_page_is_written_anew_where_it_changes(shelf):
    shelf.put("old", report())
    shelf.put("changed", report())
    shelf.runs(PYTHONHASHSEED="1")
    pages = {name: shelf.repository / "runs" / name / "report.html" for name in ("old", "changed")}
    before = {name: path.stat().st_ino for name, path in pages.items()}
    shelf.put("new", report())
    pages["changed"].write_text("half", encoding="utf-8")
    shelf.runs(PYTHONHASHSEED="2")
    assert pages["old"].stat().st_ino == before["old"]
    assert pages["changed"].stat().st_ino != before["changed"]
    assert shelf.page("changed/report.html").endswith("</html>\n")
    assert "old/report.html" in shelf.page("index.html")


def test_odd_values_are_shown_as_they_are(shelf):
    odd = report(hyperparameters={"": "\ud800", "other": "\x1b[1m"}, metrics={"m": [[1, 5, 0]]})
    shelf.put("odd", odd)
    assert "m  5" in shelf.runs()


def test_long_numbers_touch_neither_the_curve_nor_the_edge(shelf):
    values = [-9.99954e-21, 9.99912e-21]
    points = [[step, values[step % 2], step * 0.1] for step in range(1, 10)]
    shelf.put("run", report(metrics={"loss": points}))
    assert "    loss  9.99912e-21 █▁█▁█▁█▁█\n" in shelf.runs()
    labels = re.findall(r'text-anchor="end"[^>]*>([-+.0-9e]+)<', shelf.page("run/report.html"))
    assert {"1e-20", "-1e-20"} <= set(labels) and all(len(each) <= 7 for each in labels)


def test_text_in_pages_is_escaped(shelf):
    evil = report(
        **dict.fromkeys(("command", "image", "status", "reason", "started"), EVIL),
        hyperparameters={EVIL: EVIL},
        hosts={EVIL: [{"began": 0, "ended": 1, "exit_code": 0}]},
        events=[{"at": 1, "what": EVIL, "text": EVIL}],
        metrics={EVIL: [[1, 2, 1], [2, 3, 2]]},
    )
    shelf.put("evil", evil)
    shelf.put("other", report())
    shelf.runs()
    for place in ("index.html", "evil/report.html"):
        page = shelf.page(place)
        assert "<script" not in page and "onload" not in page
        assert "&lt;script&gt;alert('x')&lt;/script&gt; &amp; " in page
        assert not re.findall(r'="[^"]*<', page)


def test_a_page_asks_no_network_for_anything(shelf):
    shelf.put("run", report())
    shelf.runs()
    for place in ("index.html", "run/report.html"):
        page = shelf.page(place)
        assert not re.findall(r"https?:|//|@import|url\(|<script|<link|<img", page), place
        assert "default-src 'none'" in page
        links = re.findall(r'href="([^"]*)"', page)
        folder = shelf.repository / "runs" / place
        absent = {link for link in links if not (folder.parent / link).exists()}
        assert absent <= {"log.txt"}


def look(shelf, place, folder, width, dark):
    """Open a page in the browser, in a frame of this width; return what there is to see."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if not browser:
        unavailable("There is no chromium on this machine.")
    text = json.dumps(shelf.page(place)).replace("</", "<\\/")
    harness = LOOK.replace("WIDTH", str(width)).replace("PAGE", text)
    file = folder / "look.html"
    file.write_text(harness, encoding="utf-8", errors="replace")
    scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
    size, data = f"--window-size={width + 40},3200", f"--user-data-dir={folder / 'profile'}"
    done = subprocess.run(
        [browser, *BROWSER.split(), scheme, size, data, "--dump-dom", file.as_uri()],
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )
    found = re.search(r'<pre id="found">(.+)</pre>', done.stdout)
    assert found, done.stderr[-2000:]
    return json.loads(found[1].replace("&gt;", ">").replace("&lt;", "<").replace("&amp;", "&"))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(("width", "columns"), [(390, 1), (1280, 3)], ids=["phone", "desk"])
@pytest.mark.parametrize("place", ["run-1/report.html", "index.html"])
def test_a_page_can_be_read(shelf, tmp_path, place, width, columns, dark):
    for number in range(1, 10):
        settings = {"rounds": str(number), "target": "is_male"}
        shelf.put(
            f"a-project-of-some-length-20261127-10000{number}", report(hyperparameters=settings)
        )
    reason = f"AlgorithmError: {'a long word ' * 30}{'x' * 200}, exit code: 1"
    shelf.put("run-1", report(status="Failed", reason=reason, started="2027"))
    shelf.runs()
    seen = look(shelf, place, tmp_path, width, dark)
    assert seen["dark"] == dark
    assert seen["width"] == width, "a page must not scroll sideways"
    assert (seen["columns"], seen["scripts"]) == (columns, 0)
    assert len(seen["charts"]) == 2 and min(seen["charts"]) > 250
    words = " ".join(each["text"] for each in seen["texts"])
    for word in ("training:loss", "Failed", "step 100"):
        assert word in words
    if place != "index.html":
        for word in ("interruption", "resume", "stop", "algo-2", "rounds", "AlgorithmError"):
            assert word in words
    for each in seen["texts"]:
        assert each["wide"] or each["right"] <= width, each
        assert each["size"] >= 10, each
        assert each["contrast"] >= 4.5, each
