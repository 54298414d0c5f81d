"""The columns of tables, and what numbers stand for the texts in them: on all hosts the same."""

import re
from collections.abc import Collection
from dataclasses import dataclass

import numpy
import polars

from job import TrainingFailure, cluster
from job.log import log

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?nan", re.ASCII | re.IGNORECASE)
INFINITE = re.compile(r"[+-]?inf(inity)?", re.IGNORECASE)
GROUPED = re.compile(r"[+-]?\d[\d.,' \u00a0\u202f]*\d", re.ASCII)
LARGEST = 3.4e38  # of a 32-bit float, as XGBoost stores the features
# What other programs write in place of a number; an empty cell has no value.
TRUTHS = {"true": "1", "false": "0", "": None}
BLANKS = " \t"  # around a cell, of which they are no part
MOST_TEXTS = 1000  # in a column
# What other programs write for a missing value; here it is an empty cell.
MISSING = {"na", "n/a", "#n/a", "null", "none", "nil", r"\n", "?", "-", "--", ".", "nan"}


@dataclass
class Columns:
    """The columns that all files must have, in the order of the file `place`."""

    names: list[str]
    place: str
    target: str
    # In each column of text, the number of each text: as they come, until `agree` has sorted those
    # of all training rows.
    codes: dict[str, dict[str, int]]
    agreed: bool = False

    @property
    def features(self) -> list[str]:
        """Return all columns but the target."""
        return [name for name in self.names if name != self.target]

    @property
    def types(self) -> list[str]:
        """Return XGBoost's types of the features: c for texts (categories), q for numbers."""
        return ["c" if name in self.codes else "q" for name in self.features]

    @property
    def categories(self) -> dict[str, list[str]]:
        """Return the texts of each column of text, in the order of their numbers."""
        return {name: list(codes) for name, codes in self.codes.items()}

    def number(self, table: polars.DataFrame) -> dict[str, dict[str, int | None]]:
        """Give each new text of a table a number, and return those of all its texts.

        Blanks around a text are not part of it. One that must not be there gets no number.
        """
        numbers = {}
        for name, codes in self.codes.items():
            numbers[name] = {"": None}
            for padded in table[name].unique(maintain_order=True).drop_nulls():
                text = padded.strip(BLANKS)
                if text and text not in codes:
                    if self.agreed or is_missing(text) or "\0" in text:
                        continue
                    codes[text] = len(codes)
                numbers[name][padded] = codes.get(text)
            _refuse_many(name, codes)
        return numbers

    def fault_of(self, name: str, text: str) -> str:
        """Return what is wrong with a cell of a column; an empty text if nothing is."""
        if name in self.codes:
            if is_missing(text):
                return f'"{text}": a missing value is an empty cell'
            if self.agreed and text and text not in self.codes[name]:
                stray = find_stray(self.codes[name])
                where = f', where "{stray}" makes the column text' if stray else ""
                return f'"{text}" is in no row of training{where}'
            return ""
        if text == name:
            return f'"{text}" is the name of the column: leave out this second header'
        if name == self.target and is_text(text):
            return f'"{text}" is neither 0 nor 1: write 1 for one class, 0 for the other'
        number = TRUTHS.get(text.lower(), text)
        if number and (not NUMBER.fullmatch(number) or abs(float(number)) > LARGEST):
            return f'"{text}" is not a number{find_remedy(text)}'
        if name == self.target and (not number or float(number) not in (0, 1)):
            return f"{text} is neither 0 nor 1" if text else "the target is empty"
        return ""

    def agree(self) -> dict[int, numpy.ndarray]:
        """Number the texts of all hosts anew, sorted by code point; every host must call it.

        Returns, for each feature of text by its place, the new numbers in the order of the old.
        """
        hosts = cluster.collect(self.categories).values()
        changes = {}
        for name, old in self.codes.items():
            texts = sorted({text for host in hosts for text in host[name]})
            new = {text: number for number, text in enumerate(texts)}
            changes[self.features.index(name)] = numpy.array([new[text] for text in old], int)
            self.codes[name] = new
            _refuse_many(name, new)
            log(f'Column "{name}" is of text: {len(texts)} categories.')
        self.agreed = True
        return changes


def is_missing(text: str) -> bool:
    """Return whether this is what another program writes for a missing value."""
    return text.strip().lower() in MISSING


def is_text(cell: str) -> bool:
    """Return whether a cell is neither a number nor meant for one."""
    number = NUMBER.fullmatch(cell) or INFINITE.fullmatch(cell) or cell.lower() in TRUTHS
    return not number and not find_remedy(cell)


def find_remedy(text: str) -> str:
    """Return how to write what is no number, to be added to a sentence; else an empty text."""
    if is_missing(text):
        return ": a missing value is an empty cell"
    if GROUPED.fullmatch(text.strip()) and not NUMBER.fullmatch(text.strip()):
        return ": write a point for decimals, and nothing between thousands"
    return ""


def find_stray(texts: Collection[str]) -> str:
    """Return the first text of a column that is no number, where most are: else an empty one."""
    strays = [text for text in texts if not NUMBER.fullmatch(text.strip())]
    return strays[0] if strays and 2 * len(strays) < len(texts) else ""


def _refuse_many(name: str, codes: dict[str, int]) -> None:
    if len(codes) > MOST_TEXTS:
        stray = find_stray(codes)
        because = f', since "{stray}" is not a number: mend that, or' if stray else ":"
        raise TrainingFailure(
            f'Column "{name}" has more than {MOST_TEXTS:,} different texts{because} '
            "leave it out, or make numbers of it."
        )
