"""A pipeline of scikit-learn that predicts the weight of penguins: text columns, one fit."""

import joblib
import pandas
from sklearn.compose import make_column_transformer
from sklearn.metrics import root_mean_squared_error
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVR

from job import TrainingFailure
from job.algorithm import Algorithm
from job.hyperparameters import Hyperparameter
from job.log import log


class Model(Algorithm):
    HYPERPARAMETERS = (
        Hyperparameter("outcome", str, "body_mass_g", "column to predict"),
        Hyperparameter("C", float, 1000, "weight of an error", minimum=0),
        Hyperparameter("tol", float, 0.001, "what ends the fit", minimum=0),
        Hyperparameter("max_iter", int, 1_000_000, "what else ends it", minimum=1),
        Hyperparameter("shrinking", bool, True, "whether to leave out settled rows"),
    )
    REQUIRED_CHANNELS = ("train", "holdout")

    def read(self, channels):
        names = self.REQUIRED_CHANNELS
        self.tables = {name: pandas.concat(map(pandas.read_csv, channels[name])) for name in names}
        species = {name: set(table["species"]) for name, table in self.tables.items()}
        for each in sorted(species["holdout"] - species["train"]):
            raise TrainingFailure(f'The species "{each}" of holdout is not among those of train.')

    def fit(self):
        log("Fitting a support vector machine.")
        settings = dict(self.hyperparameters)
        table = self.tables["train"]
        outcome = table[settings.pop("outcome")]
        text = (OneHotEncoder(), ["species", "sex"])
        numbers = (StandardScaler(), ["bill_length_mm", "flipper_length_mm"])
        encoder = make_column_transformer(text, numbers)
        return make_pipeline(encoder, SVR(**settings)).fit(table, outcome)

    def metrics(self):
        return {"training:rmse": self.error("train"), "holdout:rmse": self.error("holdout")}

    def error(self, channel):
        outcome = self.tables[channel][self.hyperparameters["outcome"]]
        return root_mean_squared_error(outcome, self.fitted.predict(self.tables[channel]))

    def save(self, folder):
        joblib.dump(self.fitted, folder / "machine.joblib")

    @staticmethod
    def load(folder):
        return joblib.load(folder / "machine.joblib")

    def metadata(self):
        return {"rows": {name: len(table) for name, table in self.tables.items()}}
