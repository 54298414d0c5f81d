"""A random forest that predicts the weight of penguins, in grams."""

from pathlib import Path
from typing import Any

import features
import joblib
import sklearn
from opt_ml import Hyperparameter, log
from sklearn.ensemble import RandomForestRegressor
from sklearn.metrics import root_mean_squared_error
from sklearn.pipeline import make_pipeline


class Model:
    HYPERPARAMETERS = (
        Hyperparameter("outcome", str, "body_mass_g", "column to predict"),
        Hyperparameter("trees", int, 200, "trees of the forest", minimum=1),
        Hyperparameter("bootstrap", bool, True, "whether a tree sees a sample of the rows"),
    )
    REQUIRED_CHANNELS = ("train", "holdout")

    def __init__(self, hyperparameters: dict[str, Any]) -> None:
        self.hyperparameters = hyperparameters
        self.steps = 0

    def read(self, channels: dict[str, list[Path]]) -> None:
        self.tables = {name: features.read(files) for name, files in channels.items()}
        features.refuse_strangers(self.tables["holdout"], self.tables["train"])

    def finished(self) -> bool:
        return self.steps >= 1

    def step(self) -> None:
        log(f"Growing {self.hyperparameters['trees']} trees.")
        forest = RandomForestRegressor(
            self.hyperparameters["trees"],
            bootstrap=self.hyperparameters["bootstrap"],
            random_state=1,
        )
        self.pipeline = make_pipeline(features.encoder(), forest)
        table = self.tables["train"]
        self.pipeline.fit(table, table[self.hyperparameters["outcome"]])
        self.steps = 1

    def metrics(self) -> dict[str, float]:
        return {"training:rmse": self._rmse("train"), "holdout:rmse": self._rmse("holdout")}

    def _rmse(self, channel: str) -> float:
        table = self.tables[channel]
        outcome = table[self.hyperparameters["outcome"]]
        return root_mean_squared_error(outcome, self.pipeline.predict(table))

    def save_checkpoint(self, path: Path) -> None:
        joblib.dump(self.pipeline, path)

    def load_checkpoint(self, path: Path) -> None:
        self.pipeline = joblib.load(path)
        self.steps = 1

    def save(self, folder: Path) -> None:
        joblib.dump(self.pipeline, folder / "forest.joblib")

    @staticmethod
    def load(folder: Path) -> Any:
        return joblib.load(folder / "forest.joblib")

    def metadata(self) -> dict[str, Any]:
        return {
            "rows": {name: len(table) for name, table in self.tables.items()},
            "versions": {"scikit-learn": sklearn.__version__},
        }
