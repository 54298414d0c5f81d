"""The page about several hosts is computed from what was measured, and the model fits."""

import importlib.util
import json
import sys

import pytest
from support import TEMPLATE

BENCHMARKS = TEMPLATE / "benchmarks"


@pytest.fixture(scope="module")
def scaling():
    spec = importlib.util.spec_from_file_location("scaling_page", BENCHMARKS / "scaling_page.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_script_makes_of_the_measurements(scaling):
    measured = json.loads(scaling.POINTS.read_text(encoding="utf-8"))
    page = scaling.page(measured["where"], measured["points"])
    assert page == scaling.PAGE.read_text(encoding="utf-8"), "python benchmarks/scaling_page.py"


@pytest.mark.parametrize("language", ["python", "r"])
def test_a_fit_finds_the_model_that_made_the_points(scaling, language):
    true = scaling.Model(language, 0.002, 3e-8, 0.004, 1e-10)
    points = [
        {"rows": rows, "columns": columns, "hosts": hosts}
        for rows, columns in ((1000, 20), (100_000, 20), (100_000, 60), (1_000_000, 20))
        for hosts in (1, 2)
    ]
    for each in points:
        each["step"] = true.measured_step(each["rows"], each["columns"], each["hosts"])
    found = scaling.fit(language, points)
    for name in ("overhead", "per_work", "exchange", "per_byte"):
        assert getattr(found, name) == pytest.approx(getattr(true, name), rel=1e-6), name


def test_more_hosts_pay_for_more_rows(scaling):
    model = scaling.Model("python", 0.002, 3e-8, 0.004, 1e-10)
    ends = [scaling.where_it_ends(model, rows, 20) for rows in (1000, 10_000_000, 1_000_000_000)]
    assert ends == sorted(ends)
    assert ends[0] == 1 < ends[1] < ends[2]


def test_a_long_step_does_not_outweigh_the_short_ones(scaling):
    # 5 + x, but for the longest, which took a tenth more.
    points = [(x, y, y) for x, y in ((10, 15.0), (20, 25.0), (1000, 1005.0), (2000, 2205.0))]
    intercept, slope = scaling.line(points)
    assert all(abs((intercept + slope * x) / y - 1) < 0.12 for x, y, _ in points)


def test_nothing_costs_less_than_nothing(scaling):
    falling = [(1, 3.0, 1.0), (2, 2.0, 1.0), (3, 1.0, 1.0)]
    assert scaling.line(falling) == (pytest.approx(2.0), 0.0)
    below = [(1, 0.0, 1.0), (2, 2.0, 1.0), (3, 4.0, 1.0)]
    assert scaling.line(below) == (0.0, pytest.approx(16 / 14))
