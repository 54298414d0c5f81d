"""A training as one writes it first: each line with a number goes wrong on SageMaker."""

import argparse
import csv
import json
import time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("--epochs", type=int, default=3)
epochs = parser.parse_args().epochs  # 1: the word "train" comes, and is no option

settings = json.loads(Path("/opt/ml/input/config/hyperparameters.json").read_text())
epochs = int(settings.get("epochs", epochs))
with Path("/opt/ml/input/data/training/penguins.csv").open() as file:
    values = [float(row[settings["target"]]) for row in csv.DictReader(file)]  # 2: may be quoted

for epoch in range(epochs):  # 3: nobody listens to SIGTERM
    time.sleep(0.1)
    print(f"step={epoch + 1} training:mean={sum(values) / len(values):.6g}")
Path("model.json").write_text(json.dumps(values))  # 4: not in /opt/ml/model
