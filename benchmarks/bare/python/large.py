"""Boosted trees on the files of a folder, CSV or Parquet: polars and XGBoost, and nothing else."""

import json
from pathlib import Path

import polars
import xgboost

INPUT = Path("/opt/ml/input")
PARAMETERS = {
    "objective": "binary:logistic",
    "eval_metric": ["logloss", "error"],
    "tree_method": "hist",
    "learning_rate": 0.1,
    "max_depth": 4,
}


def read(path):
    if path.suffix == ".parquet":
        return polars.read_parquet(path)
    header = polars.read_csv(path, n_rows=1).columns
    return polars.read_csv(path, schema_overrides=dict.fromkeys(header, polars.Float32))


print("Start", flush=True)
rounds = int(json.loads((INPUT / "config/hyperparameters.json").read_text())["rounds"])
table = polars.concat([read(path) for path in sorted((INPUT / "data/training").iterdir())])
print("Read", flush=True)
features = table.drop("is_male")
training = xgboost.DMatrix(
    features.to_numpy(order="c"), table["is_male"].to_numpy(), feature_names=features.columns
)
booster = xgboost.Booster(PARAMETERS, [training])
for step in range(rounds):
    booster.update(training, step)
    loss = booster.eval_set([(training, "training")], step).split("logloss:")[1].split()[0]
    print(f"step={step + 1} training:log_loss={loss}", flush=True)
