"""What a job costs at most: AWS's price list, where the caller may ask it."""

from __future__ import annotations

import json
from dataclasses import replace

from cloud.aws import Aws, AwsError
from terminal import note

# Where the price list of the partition `aws` can be asked.
REGION = "us-east-1"
OTHER_PARTITIONS = ("cn-", "us-gov-", "us-iso", "eu-iso", "eusc-")


def dollars_an_hour(aws: Aws, kind: str) -> float | None:
    """Return the on-demand price of one instance for training; None where it is not known."""
    if aws.region.startswith(OTHER_PARTITIONS):
        return None
    wanted = {"instanceName": kind, "regionCode": aws.region, "component": "Training"}
    query = {
        "ServiceCode": "AmazonSageMaker",
        "Filters": [
            {"Type": "TERM_MATCH", "Field": field, "Value": value}
            for field, value in wanted.items()
        ],
    }
    try:
        found = replace(aws, region=REGION).ask(
            f"the price of {kind}", "pricing", "get-products", query
        )
    except AwsError as error:
        note(f"Not checked: the price of {kind}. {error}")
        return None
    return highest([json.loads(each) for each in (found or {}).get("PriceList", [])])


def highest(products: list[dict]) -> float | None:
    """Return the highest price for an hour among products of the price list, in USD."""
    prices = [
        float(dimension["pricePerUnit"].get("USD", 0))
        for product in products
        for term in product["terms"].get("OnDemand", {}).values()
        for dimension in term["priceDimensions"].values()
        if dimension["unit"] == "Hrs"
    ]
    return max(prices, default=0) or None
