"""The boosted trees on columns of text, and on cells without a value."""

import gzip
import math

import numpy
import polars
import pytest
import test_trees
import xgboost
from test_trees import HOSTS, assert_refused, give, on_hosts, take_steps, train

import columns
import tables

SPECIES = ["Gentoo", "Adelie", "", "Chinstrap", "Adélie", "𠮷", "Gentoo", "﨑"]
SORTED = ["Adelie", "Adélie", "Chinstrap", "Gentoo", "﨑", "𠮷"]  # by code point, not by UTF-16
ROWS = [
    (i % 3 == SORTED.index(species) % 3 if species else i % 2, species, i * 7 % 11 if i % 5 else "")
    for i, species in enumerate(SPECIES * 12)
]
TEXT = "is_male,species,mass\n" + "".join(f"{y:d},{s},{m}\n" for y, s, m in ROWS)


def bare():
    """Return the bytes of the model that XGBoost alone makes of these rows."""
    x = [
        [SORTED.index(species) if species else math.nan, math.nan if mass == "" else mass]
        for _, species, mass in ROWS
    ]
    y = [float(is_male) for is_male, _, _ in ROWS]
    names, types = ["species", "mass"], ["c", "q"]
    matrix = xgboost.DMatrix(numpy.array(x), y, feature_names=names, feature_types=types)
    parameters = {
        "learning_rate": 0.1,
        "max_depth": 4,
        "subsample": 0.8,
        "device": "cpu",
        "seed": 1,
        "objective": "binary:logistic",
        "eval_metric": ["logloss", "error"],
        "tree_method": "hist",
        "seed_per_iteration": True,
    }
    booster = xgboost.Booster(parameters, [matrix])
    for step in range(10):
        booster.update(matrix, step)
    return booster.save_raw("ubj")


def test_a_text_is_a_category_and_an_empty_cell_a_missing_value(write, saved, capsys):
    model = train({"training": [write(TEXT)], "validation": [write(TEXT)]}, 10)
    assert saved(model) == bare()
    assert model.metadata()["categories"] == {"species": SORTED}
    assert model.metadata()["rows"] == {"training": 96, "validation": 96}
    metrics = model.metrics()
    assert metrics["validation:log_loss"] == pytest.approx(metrics["training:log_loss"])
    assert 'Column "species" is of text: 6 categories.\n' in capsys.readouterr().out


def parquet_of(kind):
    def table(parquet, _):
        species = polars.Series([text or None for _, text, _ in ROWS], dtype=kind)
        masses = [None if mass == "" else mass for _, _, mass in ROWS]
        truths = [bool(is_male) for is_male, _, _ in ROWS]
        return parquet({"mass": masses, "species": species, "is_male": truths})

    return table


FORMS = {
    "another order": lambda parquet, write: write(
        "species,mass,is_male\n" + "".join(f"{s},{m},{y:d}\n" for y, s, m in ROWS)
    ),
    "CRLF and quotes": lambda parquet, write: write(
        'is_male,"species",mass\r\n' + "".join(f'{y:d},"{s}",{m}\r\n' for y, s, m in ROWS)
    ),
    "truths, blank lines": lambda parquet, write: write(
        "is_male,species,mass\n\n" + "".join(f"{bool(y)},{s},{m}\n  \n" for y, s, m in ROWS)
    ),
    "gzip": lambda parquet, write: write(gzip.compress(TEXT.encode())),
    "Parquet": parquet_of(polars.String),
    "Parquet, a dictionary": parquet_of(polars.Categorical),
    "Parquet, an enumeration": parquet_of(polars.Enum(SPECIES[:2] + SPECIES[3:6] + SPECIES[7:])),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_the_same_texts_are_read_however_they_are_written(write, parquet, saved, form):
    # As a second file, so that the columns have the first one's order.
    first = write("is_male,species,mass\n0,Emperor,9\n", "0.csv")
    expected = saved(train({"training": [first, write(TEXT)]}))
    model = train({"training": [first, form(parquet, write)], "validation": [write(TEXT)]})
    assert saved(model) == expected
    assert model.metadata()["categories"] == {"species": sorted([*SORTED, "Emperor"])}


def test_a_file_is_read_in_pieces_that_end_where_a_row_ends(write, saved, monkeypatch):
    texts = ['"a, ""b"""', '"c\nd\n\ne"', "f", '""', "", '"\n"']
    rows = [f"{i % 2},{texts[i % 6]},{i % 7},{texts[i % 5]}\n" for i in range(200)]
    text = "is_male,x,y,z\n" + "".join(rows)
    whole = train({"training": [write(text)]})
    expected = saved(whole)
    assert whole.metadata()["categories"]["x"] == ["\n", 'a, "b"', "c\nd\n\ne", "f"]
    for sizes in ((1, 1), (7, 50), (64, 64), (100, 1000)):
        monkeypatch.setattr(tables, "PIECE", sizes)
        for each in (write(text), write(text.rstrip("\n")), write(gzip.compress(text.encode()))):
            model = train({"training": [each]})
            assert model.metadata()["rows"] == {"training": 200}
            assert saved(model) == expected


MARKS = {
    "within a cell": '5" pipe',
    "two within a cell": 'a "good" pipe',
    "twice within a cell": 'a 5"" pipe',
    "behind a blank": ' "pipe"',
    "behind a cell": '"5" pipe',
    "never closed": '"pipe',
}


@pytest.mark.parametrize("cell", MARKS.values(), ids=MARKS)
@pytest.mark.parametrize("longest", [tables.LONGEST_ROW, 200])
def test_a_stray_quotation_mark_is_named_by_its_line(write, monkeypatch, cell, longest):
    monkeypatch.setattr(tables, "LONGEST_ROW", longest)
    monkeypatch.setattr(tables, "PIECE", (100, 100))
    sentence = (
        "FILE, line 12: quotation marks must enclose a whole cell, and each within it stands twice."
    )
    for first, second in (("x", "y"), ("1", "2")):
        rows = [f"{i % 2},{cell if i == 10 else first},{second}\n" for i in range(50_000)]
        assert_refused(sentence, write(f"is_male,a,b\n{''.join(rows)}"))


# ---- Which columns are of text -------------------------------------------------------------

KINDS = {
    "a text comes first": (["x", "1", "", "2"], ["1", "2", "x"]),
    "a number within a text": (["1a", "1"], ["1", "1a"]),
    "a text below empty cells": (["", '""', "x"], ["x"]),
    "blanks are no text": (["x", " ", " x", '" x"', "x\t"], ["x"]),
    "blanks around numbers": ([" 1", "\t", "2 ", "3\t", " True "], None),
    "truths among texts": (["x", "true", "False"], ["False", "true", "x"]),
    "a date": (["2020-01-01"], ["2020-01-01"]),
    "numbers": (["", "1", "2"], None),
    "truths": (["True", "0"], None),
    "nothing": (["", "", '""'], None),
}


@pytest.mark.parametrize(("cells", "categories"), KINDS.values(), ids=KINDS)
def test_the_first_cell_that_is_not_empty_decides(write, cells, categories):
    rows = [f"{number % 2},{cell},1\n" for number, cell in enumerate([*cells, "", ""])]
    model = train({"training": [write("is_male,a,b\n" + "".join(rows))]}, 1)
    expected = {"a": categories} if categories else {}
    assert model.metadata()["categories"] == expected


def test_blanks_around_a_cell_are_not_part_of_it(write, saved):
    text = TEXT.replace(",", " ,\t").replace("\n", " \n")
    assert (
        saved(train({"training": [write(text)], "validation": [write(TEXT, "b.csv")]}, 10))
        == bare()
    )


def test_a_row_that_is_too_long_is_named_where_columns_are_of_text(write):
    assert_refused(
        "FILE, line 3: 3 fields, but the header has 2.", write("is_male,a\n0,x\n1,1,000\n")
    )


def test_a_name_may_have_what_must_be_quoted(write):
    model = train({"training": [write('is_male,"a ""b"", c"\n0,x\n1,y\n')]}, 1)
    assert model.metadata()["categories"] == {'a "b", c': ["x", "y"]}


def test_the_first_file_with_rows_decides(write):
    empty = write("is_male,a\n", "0.csv")
    texts, numbers = write("is_male,a\n0,x\n1,1\n", "1.csv"), write("is_male,a\n0,1\n", "2.csv")
    model = train({"training": [empty, texts, numbers]}, 1)
    assert model.metadata()["categories"] == {"a": ["1", "x"]}
    assert_refused('FILE, line 2, column "a": "x" is not a number.', empty, numbers, texts)


@pytest.mark.parametrize("cell", ["inf", "-Infinity", "NA", "1.234,5", "1 234", "null"])
def test_what_is_a_number_gone_wrong_makes_no_column_of_text(write, cell):
    sentence = f'FILE, line 2, column "a": "{cell}" is not a number'
    remedy = ": a missing value is an empty cell" if cell in ("NA", "null") else ""
    if "1" in cell:
        remedy = ": write a point for decimals, and nothing between thousands"
    assert_refused(f"{sentence}{remedy}.", write(f'is_male,a,b\n0,"{cell}",1\n1,2,3\n'))


def test_the_target_is_no_text(write):
    sentence = (
        'FILE, line 2, column "is_male": "no" is neither 0 nor 1: '
        "write 1 for one class, 0 for the other."
    )
    assert_refused(sentence, write("is_male,a\nno,1\nyes,2\n"))


# ---- What is refused -----------------------------------------------------------------------

MISSING = ["NA", "n/a", "NULL", "None", "nan", "?", " - "]


@pytest.mark.parametrize("word", MISSING)
def test_a_missing_value_of_a_text_is_an_empty_cell(write, parquet, word):
    sentence = f', column "a": "{word.strip()}": a missing value is an empty cell.'
    path = write(f"is_male,a\n0,x\n\n1,{word}\n")
    assert_refused(f"FILE, line 4{sentence}", path)
    assert_refused(f"FILE, line 4{sentence}", write("is_male,a\n0,x\n", "0.csv"), path)
    assert_refused(f"FILE, row 2{sentence}", parquet({"is_male": [0, 1], "a": ["x", word]}))


def test_a_typing_error_that_makes_a_text_of_a_column_is_named(write):
    first = write("is_male,a\n0,4O\n1,41.5\n0,42\n", "0.csv")
    other = write("is_male,a\n0,41.5\n1,43\n")
    sentence = (
        f'{other}, line 3, column "a": "43" is in no row of training, '
        'where "4O" makes the column text.'
    )
    assert_refused(sentence, first, validation=[other])
    many = write("is_male,a\n0,4O\n" + "".join(f"1,{i}\n" for i in range(1001)), "many.csv")
    sentence = (
        'Column "a" has more than 1,000 different texts, since "4O" is not a number: mend that, or '
        "leave it out, or make numbers of it."
    )
    assert_refused(sentence, many)


def test_a_category_that_only_validation_has_is_named(write, parquet):
    first = write("is_male,a\n0,x\n1,y\n", "0.csv")
    other = write('is_male,a\n0,"x"\n0,\n1,"Emperor, or so"\n')
    sentence = f'{other}, line 4, column "a": "Emperor, or so" is in no row of training.'
    assert_refused(sentence, first, validation=[first, other])
    other = parquet({"is_male": [0, 1], "a": ["x", "z"]})
    sentence = f'{other}, row 2, column "a": "z" is in no row of training.'
    assert_refused(sentence, first, validation=[other])


def test_a_column_of_another_type_in_parquet_is_named(write, parquet):
    first = write("is_male,a\n0,x\n", "0.csv")
    path = parquet({"is_male": [0, 1], "a": [1, 2]})
    assert_refused('FILE, column "a": Int64 is no type of texts.', first, path)
    # One without any value has none.
    path = parquet({"is_male": [0, 1], "a": [None, None]})
    assert train({"training": [first, path]}, 1).metadata()["rows"] == {"training": 3}


def test_too_many_texts_are_no_categories(write, monkeypatch):
    monkeypatch.setattr(columns, "MOST_TEXTS", 3)
    text = "is_male,id\n0,a\n1,b\n1,c\n"
    assert train({"training": [write(text)]}, 1).metadata()["categories"] == {"id": ["a", "b", "c"]}
    sentence = 'Column "id" has more than 3 different texts: leave it out, or make numbers of it.'
    assert_refused(sentence, write(text + "0,d\n"))


@pytest.mark.parametrize("row", ['1,"a, b"', '1,"a, b, c"', "1", "1,x"])
def test_a_row_that_ends_early_is_named_though_a_text_has_commas(write, row):
    fields = 1 if row == "1" else 2
    for rows in (f"0,x,1\n{row}\n", f'0,x,1\n{row}\n1,"a, b",\n'):
        sentence = f"FILE, line 3: {fields} fields, but the header has 3."
        assert_refused(sentence, write(f"is_male,a,b\n{rows}"))
    assert train({"training": [write('is_male,a,b\n0,x,1\n1,"a, b",\n\n1,,\n')]}, 1)


# ---- Checkpoints and hosts -----------------------------------------------------------------


def test_a_resumed_training_with_texts_equals_one_that_was_not_interrupted(tmp_path, write, saved):
    channels = {"training": [write(TEXT)]}
    train(channels, 4).save_checkpoint(tmp_path / "checkpoint")
    resumed = train(channels, 0)
    resumed.load_checkpoint(tmp_path / "checkpoint")
    resumed.steps = 4
    take_steps(resumed, 10)
    assert saved(resumed) == saved(train(channels, 10))


def test_a_checkpoint_of_other_categories_is_an_error(tmp_path, write):
    train({"training": [write(TEXT)]}).save_checkpoint(tmp_path / "checkpoint")
    other = train({"training": [write(TEXT.replace("Chinstrap", "Emperor"))]}, 0)
    with pytest.raises(ValueError, match="it was made from data with other categories"):
        other.load_checkpoint(tmp_path / "checkpoint")


def test_hosts_agree_on_the_categories_of_all(run_hosts, tmp_path, write):
    header, *rows = TEXT.splitlines()
    few = [row for row in rows if "Gentoo" in row]
    rest = [row for row in rows if "Gentoo" not in row]
    shards = ["", "\n".join([header, *few]), "\n".join([header, *rest])]
    more = '{"subsample": 1.0}'
    printed = on_hosts(run_hosts, tmp_path, shards, more)
    alone = train({"training": [write(TEXT)]}, 30, subsample=1.0)
    assert printed.split()[1] == str(alone.checksum())


def test_hosts_that_have_too_many_categories_together_all_say_so(run_hosts, tmp_path):
    texts = [[f"{host}-{number}" for number in range(600)] for host in "ab"]
    shards = ["is_male,id\n" + "".join(f"0,{each}\n" for each in host) for host in texts]
    give(tmp_path, shards)
    for code, _, errors in run_hosts(test_trees.ON_A_HOST.format(more="{}"), HOSTS[:2]):
        assert code == 1
        assert 'olumn "id" has more than 1,000 different texts: leave it out' in errors
