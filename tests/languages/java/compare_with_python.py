"""Load what the Java program saved in Python's XGBoost, and see that it predicts the same.

    python compare_with_python.py MODEL_FOLDER [VALIDATION_CSV [PYTHON_MODEL_FOLDER]]

MODEL_FOLDER holds model.ubj and one or both of
- metadata.json, of a training: its validation metrics must follow from Python's predictions for
  VALIDATION_CSV,
- predictions.csv, which BoostedTreesTest writes with -Dcomparison=MODEL_FOLDER: the features of
  some rows, missing ones among them, and Java's predictions, which must be Python's to the last
  bit.

Needs xgboost-cpu of the same minor version as XGBoost4J, or a newer one.
"""

import csv
import json
import math
import sys
from pathlib import Path

import numpy
import xgboost


def read(path: Path, categories: dict[str, list[str]]) -> tuple[list[str], numpy.ndarray]:
    """Return the column names and the numbers of a CSV file, those of a text by its category."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    numbers = [
        [
            categories[name].index(cell) if name in categories and cell else cell or "nan"
            for name, cell in zip(header, row, strict=True)
        ]
        for row in rows
    ]
    return header, numpy.array(numbers, dtype=numpy.float32)


def predict(model: Path, names: list[str], values: numpy.ndarray) -> numpy.ndarray:
    """Return the probabilities that the model in the folder gives."""
    booster = xgboost.Booster(model_file=model / "model.ubj")
    types = booster.feature_types
    return booster.predict(xgboost.DMatrix(values, feature_names=names, feature_types=types))


def compare_predictions(model: Path) -> float:
    """Return the greatest difference between Java's predictions and Python's."""
    names, table = read(model / "predictions.csv", {})
    return float(abs(predict(model, names[:-1], table[:, :-1]) - table[:, -1]).max())


def compare_metrics(model: Path, validation: Path) -> float:
    """Return the greatest difference between the metrics of metadata.json and Python's."""
    metadata = json.loads((model / "metadata.json").read_text(encoding="utf-8"))
    header, table = read(validation, metadata["categories"])
    labels = table[:, header.index(metadata["target"])]
    features = table[:, [header.index(name) for name in metadata["features"]]]
    probabilities = predict(model, metadata["features"], features).astype(float)
    log_loss = -numpy.log(numpy.where(labels == 1, probabilities, 1 - probabilities)).mean()
    accuracy = ((probabilities > 0.5) == (labels == 1)).mean()
    metrics = metadata["metrics"]
    return max(
        abs(log_loss - metrics["validation:log_loss"]),
        abs(accuracy - metrics["validation:accuracy"]),
    )


def compare_bytes(model: Path, python: Path) -> float:
    """Return in how many bytes Java's model and Python's differ, which were trained alike."""
    one, other = ((folder / "model.ubj").read_bytes() for folder in (model, python))
    return sum(map(int.__ne__, one, other)) if len(one) == len(other) else math.inf


def main(arguments: list[str]) -> int:
    """Print what was compared; return 1 if something differs or there is nothing to compare."""
    model = Path(arguments[0])
    differences = {}
    if (model / "predictions.csv").exists():
        differences["predictions"] = (compare_predictions(model), 0.0)
    if (model / "metadata.json").exists() and len(arguments) > 1:
        differences["metrics"] = (compare_metrics(model, Path(arguments[1])), 1e-6)
    if len(arguments) > 2:
        differences["bytes"] = (compare_bytes(model, Path(arguments[2])), 1.0)
    for name, (difference, allowed) in differences.items():
        print(f"{name} differ by {difference:.3g}, allowed is {allowed:.3g}")
    good = [math.isfinite(found) and found <= allowed for found, allowed in differences.values()]
    return 0 if good and all(good) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
