"""Boosted trees on several hosts: XGBoost's collective, and nothing else."""

import contextlib
import json
import re
import socket
from pathlib import Path

import polars
import xgboost
from xgboost import collective
from xgboost.tracker import RabitTracker

INPUT = Path("/opt/ml/input")
resources = json.loads((INPUT / "config/resourceconfig.json").read_text())
given = json.loads((INPUT / "config/hyperparameters.json").read_text())
hosts, rank = resources["hosts"], resources["hosts"].index(resources["current_host"])
parameters = {
    "objective": "binary:logistic",
    "eval_metric": ["logloss", "error"],
    "tree_method": "hist",
    "learning_rate": 0.1,
    "max_depth": int(given["max_depth"]),
    "nthread": 1,
}


def read(channel):
    table = polars.read_csv(INPUT / "data" / channel / "*.csv").cast(polars.Float32)
    features = table.drop("is_male")
    return xgboost.QuantileDMatrix(features.to_numpy(), table["is_male"].to_numpy(), ref=training)


together = contextlib.nullcontext()
if len(hosts) > 1:
    address = None
    while not address:
        with contextlib.suppress(OSError):
            address = socket.gethostbyname(hosts[0])
    if rank == 0:
        tracker = RabitTracker(len(hosts), address, 9099, sortby="task")
        tracker.start()
    together = collective.CommunicatorContext(
        dmlc_tracker_uri=address,
        dmlc_tracker_port=9099,
        dmlc_retry=20,
        dmlc_task_id=str(rank),
    )
with together:
    training = None
    training = read("training")
    booster = xgboost.Booster(parameters, [training])
    evaluated = [(training, "training"), (read("validation"), "validation")]
    for step in range(int(given["rounds"])):
        booster.update(training, step)
        print(re.findall(r"(\S+):(\S+)", booster.eval_set(evaluated, step)))
    if rank == 0:
        booster.save_model("/opt/ml/model/model.ubj")
if rank == 0 and len(hosts) > 1:
    tracker.wait_for()
