"""tools/cloud/prices.py: what AWS's price list says of an instance type."""

import json

import pytest
from support import load_tools


@pytest.fixture(scope="module")
def modules(bake):
    return load_tools(bake("python"), "cloud.prices", "cloud.aws")


def product(*prices, unit="Hrs", currency="USD", term="OnDemand"):
    """Return a product as the price list has it: text within JSON."""
    dimensions = {
        f"rate-{i}": {"unit": unit, "pricePerUnit": {currency: price}}
        for i, price in enumerate(prices)
    }
    return json.dumps({"terms": {term: {"sku.term": {"priceDimensions": dimensions}}}})


@pytest.fixture
def ask(modules, monkeypatch):
    """Function: what the price list answers, region → the price, and what was asked where."""
    prices, aws = modules

    def run(answer, region="eu-west-1"):
        asked = []

        def call(self, service, operation, request):
            asked.append((self.region, service, operation, request))
            if isinstance(answer, Exception):
                raise answer
            return {"PriceList": answer}

        monkeypatch.setattr(aws.Aws, "call", call)
        return prices.dollars_an_hour(aws.Aws(region), "ml.m5.large"), asked

    return run


def test_the_price_is_that_of_training_in_the_jobs_region(ask):
    price, ((region, *operation, query),) = ask([product("0.1280000000")])
    assert price == 0.128
    # The price list itself is in few regions.
    assert (region, operation) == ("us-east-1", ["pricing", "get-products"])
    assert {each["Field"]: each["Value"] for each in query["Filters"]} == {
        "instanceName": "ml.m5.large",
        "regionCode": "eu-west-1",
        "component": "Training",
    }


@pytest.mark.parametrize(
    "answer",
    [[], [product("0")], [product("1", unit="GB-Mo")], [product("1", term="Reserved")]],
)
def test_what_is_not_in_the_list_is_not_known(ask, answer):
    assert ask(answer)[0] is None


def test_of_several_the_highest_counts(ask):
    assert ask([product("0.1", "0.3"), product("0.2"), product("9", currency="CNY")])[0] == 0.3


@pytest.mark.parametrize("region", ["cn-north-1", "us-gov-west-1", "eusc-de-east-1"])
def test_another_partitions_price_list_is_not_asked(ask, region):
    assert ask([product("1")], region) == (None, [])


@pytest.mark.parametrize("code", ["AccessDeniedException", "Unreachable"])
def test_a_price_that_can_not_be_asked_is_said_and_stops_nothing(ask, modules, capsys, code):
    price, _ = ask(modules[1].AwsError("It is so.", code))
    assert price is None
    assert capsys.readouterr().err.startswith("Not checked: the price of ml.m5.large")
