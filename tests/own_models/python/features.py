"""Tables of penguins, and the text in them as numbers."""

from collections.abc import Sequence
from pathlib import Path

import pandas
from sklearn.compose import make_column_transformer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from job import TrainingFailure

TEXT = ["species", "sex"]
NUMBERS = ["bill_length_mm", "flipper_length_mm"]


def read(files: Sequence[Path]) -> pandas.DataFrame:
    """Return the rows of all the files."""
    return pandas.concat([pandas.read_csv(path) for path in files], ignore_index=True)


def refuse_strangers(table: pandas.DataFrame, known: pandas.DataFrame) -> None:
    """Raise TrainingFailure for a species that the other table does not have."""
    strangers = sorted(set(table["species"]) - set(known["species"]))
    if strangers:
        raise TrainingFailure(
            f'The species "{strangers[0]}" of holdout is not among those of train.'
        )


def encoder():
    """Return what makes numbers of a table's columns."""
    return make_column_transformer((OneHotEncoder(), TEXT), (StandardScaler(), NUMBERS))
