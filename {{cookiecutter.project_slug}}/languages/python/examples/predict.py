"""Predict with the sample's model: needs xgboost-cpu, and nothing of this repository.

python examples/predict.py runs/RUN/model data/validation/penguins.csv
"""

import csv
import json
import sys
from pathlib import Path

import xgboost

folder, file = map(Path, sys.argv[1:])
if (folder / ".saving").exists():
    sys.exit("The job was killed while it saved: the model is not whole.")
metadata = json.loads((folder / "metadata.json").read_text())
columns, categories = metadata["features"], metadata["categories"]


def number(column, cell):
    """Return what stands for a cell in the model: for a text, its place among the categories."""
    if cell and column in categories:
        return categories[column].index(cell)
    return float(cell or "nan")


booster = xgboost.Booster(model_file=folder / "model.ubj")
with file.open(newline="", encoding="utf-8-sig") as rows:
    reader = csv.DictReader(rows, skipinitialspace=True)
    values = [[number(name, row[name]) for name in columns] for row in reader]
table = xgboost.DMatrix(values, feature_names=columns, feature_types=booster.feature_types)
print(*booster.predict(table), sep="\n")
