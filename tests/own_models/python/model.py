"""A support vector machine that predicts the weight of penguins, in grams."""

from pathlib import Path
from typing import Any

import features
import joblib
import sklearn
from sklearn.metrics import root_mean_squared_error
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVR

from job.algorithm import Algorithm
from job.hyperparameters import Hyperparameter
from job.log import log


class Model(Algorithm):
    HYPERPARAMETERS = (
        Hyperparameter("outcome", str, "body_mass_g", "column to predict"),
        Hyperparameter("cost", float, 1000, "weight of an error", minimum=0),
        Hyperparameter("tolerance", float, 0.001, "what ends the fit", minimum=0),
        Hyperparameter("iterations", int, 1_000_000, "what else ends it", minimum=1),
        Hyperparameter("shrinking", bool, True, "whether to leave out settled rows"),
    )
    REQUIRED_CHANNELS = ("train", "holdout")

    def read(self, channels: dict[str, list[Path]]) -> None:
        self.tables = {name: features.read(files) for name, files in channels.items()}
        features.refuse_strangers(self.tables["holdout"], self.tables["train"])

    def fit(self) -> Any:
        log("Fitting a support vector machine.")
        machine = SVR(
            C=self.hyperparameters["cost"],
            tol=self.hyperparameters["tolerance"],
            max_iter=self.hyperparameters["iterations"],
            shrinking=self.hyperparameters["shrinking"],
        )
        table = self.tables["train"]
        pipeline = make_pipeline(features.encoder(), machine)
        return pipeline.fit(table, table[self.hyperparameters["outcome"]])

    def metrics(self) -> dict[str, float]:
        return {"training:rmse": self._rmse("train"), "holdout:rmse": self._rmse("holdout")}

    def _rmse(self, channel: str) -> float:
        table = self.tables[channel]
        outcome = table[self.hyperparameters["outcome"]]
        return root_mean_squared_error(outcome, self.fitted.predict(table))

    def save(self, folder: Path) -> None:
        joblib.dump(self.fitted, folder / "machine.joblib")

    @staticmethod
    def load(folder: Path) -> Any:
        return joblib.load(folder / "machine.joblib")

    def metadata(self) -> dict[str, Any]:
        return {
            "rows": {name: len(table) for name, table in self.tables.items()},
            "versions": {"scikit-learn": sklearn.__version__},
        }
