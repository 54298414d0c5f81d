"""Pages about runs: each is one file that needs neither a network nor a script."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template
from xml.etree.ElementTree import Element, SubElement, tostring

# A chart's size and margins, in units of its drawing.
WIDTH, HEIGHT = 340, 180
LEFT, RIGHT, TOP, BOTTOM = 48, 8, 12, 22
# So many runs are compared in a chart: page.html has as many colours.
COLOURS = 8
# So few points are seen one by one.
FEW = 40


def page_of_run(report: dict) -> str:
    """Return the page of a run: status, reason, curves, hosts, hyperparameters."""
    main = Element("main")
    links = put(main, "p")
    for place in ("../index.html", "log.txt", "report.json"):
        put(links, "a", "All runs" if "index" in place else place, href=place)
    put(main, "h1", report["name"])
    put(main, "p", report["status"], class_=f"status {report['status']}")
    if report["reason"]:
        put(main, "p", report["reason"], class_="reason")
    define(main, {
        "Started": report["started"].replace("T", " "),
        "Took": f"{report['seconds']:.1f} s",
        "Exit code": report["exit_code"],
        "Image": report["image"],
        "Command": report["command"],
    })  # fmt: skip
    put(main, "h2", "Metrics")
    charts = put(main, "div", class_="charts")
    for name, points in report["metrics"].items():
        draw(charts, name, [points], report["events"])
    put(main, "h2", "Hosts")
    for name, spans in report["hosts"].items():
        put(main, "h3", name)
        show_spans(main, spans, report)
    for event in report["events"]:
        put(main, "p", f"{event['at']:.1f} s: {event['what']} ({event['text']})")
    put(main, "h2", "Hyperparameters")
    define(main, report["hyperparameters"])
    return page(report["name"], main)


def page_of_all(reports: Sequence[dict], differing: Sequence[str]) -> str:
    """Return the page that compares runs, the last one first: curves together, and a table."""
    main = Element("main")
    put(main, "h1", "Local runs")
    reports = list(reversed(reports))
    metrics = list(dict.fromkeys(name for each in reports for name in each["metrics"]))
    charts = put(main, "div", class_="charts")
    for name in metrics:
        draw(charts, name, [each["metrics"].get(name, []) for each in reports[:COLOURS]])
    table = put(put(main, "div", class_="wide"), "table")
    row = put(table, "tr")
    for title in ("Run", "Status", "Seconds", *differing, *metrics):
        put(row, "th", title)
    for index, report in enumerate(reports):
        row = put(table, "tr")
        cell = put(row, "td")
        put(cell, "span", class_=f"key c{index}" if index < COLOURS else "key")
        put(cell, "a", report["name"], href=f"{report['name']}/report.html")
        put(row, "td", report["status"], class_=f"status {report['status']}")
        put(row, "td", f"{report['seconds']:.1f}")
        for name in differing:
            put(row, "td", report["hyperparameters"].get(name, ""))
        for name in metrics:
            points = report["metrics"].get(name)
            put(row, "td", f"{points[-1][1]:.6g}" if points else "")
    return page("Local runs", main)


def page(title: str, main: Element) -> str:
    """Return a whole page."""
    template = Template(Path(__file__).with_name("page.html").read_text(encoding="utf-8"))
    body = tostring(main, encoding="unicode", short_empty_elements=False)
    return template.substitute(title=escape(title), main=body)


def put(parent: Element, tag: str, text: object = "", **attributes: object) -> Element:
    """Add an element, whose text and attributes will be escaped, and return it."""
    words = {
        name.rstrip("_").replace("_", "-"): f"{value:.1f}"
        if isinstance(value, float)
        else str(value)
        for name, value in attributes.items()
    }
    child = SubElement(parent, tag, words)
    child.text = str(text)
    return child


def define(parent: Element, facts: dict[str, object]) -> None:
    """Add names and their values, those that are empty left out."""
    table = put(parent, "dl")
    for name, value in facts.items():
        if value not in ("", None):
            put(table, "dt", name)
            put(table, "dd", value)


def show_spans(main: Element, spans: Sequence[dict], report: dict) -> None:
    """Add a host in time: when it ran, and what was done to the run meanwhile."""
    scale = 1000 / max(report["seconds"], 0.001)
    svg = put(main, "svg", class_="time", viewBox="0 0 1000 10", preserveAspectRatio="none")
    for span in spans:
        begun, code = span["began"], span["exit_code"]
        ended = report["seconds"] if span["ended"] is None else span["ended"]
        kind = "InProgress" if code is None else "Failed" if code else "Completed"
        width = max((ended - begun) * scale, 4.0)
        put(svg, "rect", class_=kind, x=begun * scale, width=width, y=1, height=8)
        end = "" if code is None else f", exit code {code}"
        put(main, "p", f"{begun:.1f} s to {ended:.1f} s{end}", class_="quiet")
    for event in report["events"]:
        at = event["at"] * scale
        put(svg, "line", class_="mark", x1=at, x2=at, y1=0, y2=10)


def short(value: float) -> str:
    """Return a number in as many digits as the margin of a chart takes."""
    texts = [f"{value:.{digits}g}" for digits in (4, 3, 2, 1)]
    return next((text for text in texts if len(text) <= 7), texts[-1])


def draw(charts: Element, name: str, series: Sequence[list], events: Sequence[dict] = ()) -> None:
    """Add the curves of a metric over its steps, one for each run, and marks of the events."""
    figure = put(charts, "figure")
    put(figure, "h3", name)
    points = [point for each in series for point in each]
    if not points:
        put(figure, "p", "No line of the log matches its Regex.", class_="quiet")
        return
    steps, values = [step for step, _, _ in points], [value for _, value, _ in points]
    x = scale_of(min(steps), max(steps), LEFT, WIDTH - RIGHT)
    y = scale_of(max(values), min(values), TOP, HEIGHT - BOTTOM)
    svg = put(figure, "svg", viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=name)
    for value in {min(values), (min(values) + max(values)) / 2, max(values)}:
        put(svg, "line", class_="grid", x1=LEFT, x2=WIDTH - RIGHT, y1=y(value), y2=y(value))
        put(svg, "text", short(value), x=LEFT - 5, y=y(value) + 3, text_anchor="end")
    for step, anchor in ((min(steps), "start"), (max(steps), "end")):
        place = LEFT if anchor == "start" else WIDTH - RIGHT
        put(svg, "text", f"step {step:g}", x=place, y=HEIGHT - 6, text_anchor=anchor)
    for line, event in enumerate(events):
        # A resume stands at the step that follows, all else at the one before.
        after = event["what"] == "resume"
        near = [step for step, _, at in series[0] if (at > event["at"]) == after]
        if near:
            at = x(near[0 if after else -1])
            put(svg, "line", class_="mark", x1=at, x2=at, y1=TOP - 8, y2=HEIGHT - BOTTOM)
            left = at > WIDTH / 2
            place = {"x": at - 4 if left else at + 4, "text_anchor": "end" if left else "start"}
            put(svg, "text", event["what"], y=TOP + 11 * line, **place)
    for index, each in enumerate(series):
        words, before = [], math.inf
        for step, value, _ in each:
            # A run that resumes goes back some steps: a curve of its own.
            words.append(f"{'L' if step > before else 'M'}{x(step):.1f} {y(value):.1f}")
            before = step
            if len(each) <= FEW:
                dot = put(svg, "circle", class_=f"c{index}", cx=x(step), cy=y(value), r=2.5)
                put(dot, "title", f"step {step:g}: {value:.6g}")
        put(svg, "path", class_=f"curve c{index}", d=" ".join(words))


def scale_of(low: float, high: float, start: float, end: float):
    """Return the function that takes low to start and high to end."""
    return lambda value: start + (value - low) / ((high - low) or 1) * (end - start)
