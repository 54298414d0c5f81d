"""Boosted trees on the CSV files of two folders: what one writes who needs nothing else."""

import polars
import xgboost

PARAMETERS = {
    "objective": "binary:logistic",
    "eval_metric": ["logloss", "error"],
    "tree_method": "hist",
    "learning_rate": 0.1,
    "max_depth": 4,
    "subsample": 0.8,
    "seed": 1,
}


SPECIES = polars.Enum(["Adelie", "Chinstrap", "Gentoo"])


def read(channel):
    table = polars.read_csv(f"/opt/ml/input/data/{channel}/*.csv")
    codes = polars.col("species").cast(SPECIES).to_physical()
    features = table.drop("is_male").with_columns(codes).cast(polars.Float32)
    return xgboost.DMatrix(
        features.to_numpy(),
        table["is_male"].to_numpy(),
        feature_names=features.columns,
        feature_types=["c" if name == "species" else "q" for name in features.columns],
        enable_categorical=True,
    )


class Printer(xgboost.callback.TrainingCallback):
    def after_iteration(self, model, epoch, evals_log):
        training, validation = evals_log["training"], evals_log["validation"]
        print(
            f"step={epoch + 1} training:log_loss={training['logloss'][-1]:.6g}"
            f" validation:log_loss={validation['logloss'][-1]:.6g}"
            f" validation:accuracy={1 - validation['error'][-1]:.6g}"
        )


training, validation = read("training"), read("validation")
evals = [(training, "training"), (validation, "validation")]
booster = xgboost.train(
    PARAMETERS, training, 100, evals=evals, verbose_eval=False, callbacks=[Printer()]
)
booster.save_model("/opt/ml/model/model.ubj")
