"""The boosted trees of the template: copied into a generated repository to be run."""

import csv
import gzip
import math
from pathlib import Path

import pytest
import xgboost
from conftest import fill

from job import TrainingFailure
from model import Model

DATA = Path(__file__).parents[1] / "data"
PENGUINS = {name: [DATA / name / "penguins.csv"] for name in ("training", "validation")}
GOOD = "is_male,a,b\n0,1,2\n1,3,4\n0,5,6\n1,7,8\n"


def train(channels, steps=3, **hyperparameters):
    """Return a model that has read the channels and done so many steps."""
    defaults = {each.name: each.default for each in Model.HYPERPARAMETERS}
    model = Model(defaults | hyperparameters)
    model.read(channels)
    take_steps(model, steps)
    return model


def take_steps(model, until):
    while model.steps < until:
        model.step()
        model.steps += 1


def assert_refused(sentence, *files, **channels):
    """See reading fail with the sentence, in which FILE stands for the last file."""
    with pytest.raises(TrainingFailure) as failure:
        train({"training": list(files), **channels})
    assert str(failure.value) == sentence.replace("FILE", str(files[-1]))


# ---- The algorithm -------------------------------------------------------------------------


def test_the_penguins_are_told_apart():
    model = train(PENGUINS, 100)
    metrics = model.metrics()
    assert list(metrics) == ["training:log_loss", "validation:log_loss", "validation:accuracy"]
    assert metrics["validation:accuracy"] > 0.9
    assert metrics["training:log_loss"] < metrics["validation:log_loss"] < 0.3
    assert model.finished()
    assert model.metadata()["rows"] == {"training": 266, "validation": 67}
    assert model.metadata()["versions"]["xgboost"] == xgboost.__version__


def test_the_metrics_are_those_of_the_saved_models_predictions(tmp_path):
    model = train(PENGUINS, 10)
    model.save(tmp_path)
    with PENGUINS["validation"][0].open() as file:
        rows = list(csv.DictReader(file))
    names, texts = model.metadata()["features"], model.metadata()["categories"]
    numbers = [
        [
            float(texts[name].index(row[name]) if name in texts else row[name] or "nan")
            for name in names
        ]
        for row in rows
    ]
    table = xgboost.DMatrix(numbers, feature_names=names)
    chances = [float(chance) for chance in Model.load(tmp_path).predict(table)]
    truths = [float(row["is_male"]) for row in rows]
    pairs = list(zip(chances, truths, strict=True))
    loss = -sum(math.log(chance if truth else 1 - chance) for chance, truth in pairs) / len(rows)
    accuracy = sum((chance > 0.5) == bool(truth) for chance, truth in pairs) / len(rows)
    assert model.metrics()["validation:log_loss"] == pytest.approx(loss, abs=1e-6)
    assert model.metrics()["validation:accuracy"] == pytest.approx(accuracy, abs=1e-6)


def test_the_same_seed_and_data_give_the_same_bytes_and_another_seed_others(saved):
    first = saved(train(PENGUINS, 20))
    assert saved(train(PENGUINS, 20)) == first
    assert saved(train(PENGUINS, 20, seed=2)) != first


def test_a_resumed_training_equals_one_that_was_never_interrupted(tmp_path, saved):
    interrupted = train(PENGUINS, 7)
    interrupted.save_checkpoint(tmp_path / "checkpoint")
    resumed = train(PENGUINS, 0)
    resumed.load_checkpoint(tmp_path / "checkpoint")
    resumed.steps = 7
    assert resumed.metrics() == interrupted.metrics()
    take_steps(resumed, 30)
    whole = train(PENGUINS, 30)
    assert saved(resumed) == saved(whole)
    assert resumed.metrics() == whole.metrics()


def test_a_checkpoint_of_other_columns_is_an_error(tmp_path, write):
    train(PENGUINS, 3).save_checkpoint(tmp_path / "checkpoint")
    other = train({"training": [write(GOOD)]}, 1)
    with pytest.raises(ValueError, match="it was made from data with other columns"):
        other.load_checkpoint(tmp_path / "checkpoint")


def test_it_is_finished_after_the_last_round(write):
    model = train({"training": [write(GOOD)]}, 1, rounds=2)
    assert not model.finished()
    take_steps(model, 2)
    assert model.finished()


# ---- Data that is read ---------------------------------------------------------------------


def test_validation_is_optional(write):
    model = train({"training": [write(GOOD)]}, 1)
    assert list(model.metrics()) == ["training:log_loss"]
    assert model.metadata()["rows"] == {"training": 4}


FORMS = {
    "CRLF": GOOD.replace("\n", "\r\n"),
    "BOM": "\ufeff" + GOOD,
    "BOM and CRLF": "\ufeff" + GOOD.replace("\n", "\r\n"),
    "no last newline": GOOD.rstrip("\n"),
    "blank lines at the end": GOOD + "\n  \n\n",
    "blank lines at the end, CRLF": GOOD.replace("\n", "\r\n") + "\r\n\r\n",
    "a blank line between": GOOD.replace("0,5", "\n0,5"),
    "the truths of pandas": GOOD.replace("0,", "False,").replace("1,3", "True,3"),
    "the truths of R": GOOD.replace("0,", "FALSE,").replace("1,3", "TRUE,3"),
    "quotes": '"is_male","a","b"\n0,"1",2\n1,3,"4"\n0,5,6\n"1",7,8\n',
    "other ways to write a number": "is_male,a,b\n0.0,1.,2\n1e0,+3,.4e1\n-0,5,6\n1,70e-1,8.0\n",
    "another order": "b,is_male,a\n2,0,1\n4,1,3\n6,0,5\n8,1,7\n",
}


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_the_same_numbers_are_read_however_they_are_written(write, saved, text):
    # As a second file, so that the columns have the first one's order.
    first = write("is_male,a,b\n0,9,9\n", "0.csv")
    expected = saved(train({"training": [first, write(GOOD)]}))
    model = train({"training": [first, write(text)]})
    assert model.metadata()["rows"] == {"training": 5}
    assert saved(model) == expected
    assert train({"training": [write(text)]}).metadata()["rows"] == {"training": 4}


def test_columns_match_by_name_across_files_and_channels(write, saved):
    whole = write(GOOD, "whole.csv")
    parts = [
        write("is_male,a,b\n0,1,2\n1,3,4\n", "1.csv"),
        write("a,b,is_male\n", "2.csv"),
        write("b,is_male,a\n6,0,5\n8,1,7\n", "3.csv"),
    ]
    one = train({"training": [whole], "validation": [whole]})
    several = train({"training": parts, "validation": parts[::-1]})
    assert saved(several) == saved(one)
    expected = one.metrics()["training:log_loss"]
    assert several.metrics()["validation:log_loss"] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("end", ["", "\n"])
def test_an_empty_cell_is_a_missing_value(write, end):
    text = "is_male,a,b\n0,,2\n1,3,\n0,nan,NaN\n1,,"
    model = train({"training": [write(text + end)]}, 1)
    assert model.metadata()["rows"] == {"training": 4}


def test_a_missing_value_is_another_than_zero(write, saved):
    rows = "\n0,1\n1,2" * 20
    missing = train({"training": [write(f"is_male,a{rows}" + "\n1," * 20)]}, subsample=1.0)
    zero = train({"training": [write(f"is_male,a{rows}" + "\n1,0" * 20)]}, subsample=1.0)
    assert saved(missing) != saved(zero)


NUMBERS = {"is_male": [False, True, False, True], "b": [2, 4, 6, 8], "a": [1.0, 3.0, None, 7.0]}


def test_gzip_and_parquet_give_the_model_of_the_same_rows_in_csv(write, parquet, saved):
    # As a second file, so that the columns have the first one's order.
    first = write("is_male,a,b\n0,9,9\n", "0.csv")
    text = GOOD.replace("5", "")
    expected = saved(train({"training": [first, write(text)]}))
    # Of any name, and in members, as tools that append write it.
    halves = [gzip.compress(part.encode()) for part in (text[:20], text[20:])]
    assert saved(train({"training": [first, write(b"".join(halves), "part-0")]})) == expected
    assert saved(train({"training": [first, parquet(NUMBERS)]})) == expected
    alone = train({"training": [parquet(NUMBERS)], "validation": [write(text)]}, 1)
    assert alone.metadata()["rows"] == {"training": 4, "validation": 4}


def test_what_is_missing_in_the_last_column_of_parquet_is_no_short_row(parquet):
    table = {"is_male": [0, 1, 0], "a": [1, 2, 3], "b": [None, 2.0, None]}
    assert train({"training": [parquet(table)]}, 1).metadata()["rows"] == {"training": 3}


# ---- Data that is refused ------------------------------------------------------------------

GROUPS = ": write a point for decimals, and nothing between thousands."
ROWS = [
    ("0,1,abc", ', column "b": "abc" is not a number.'),
    ("0,inf,1", ', column "a": "inf" is not a number.'),
    ("0,-Infinity,1", ', column "a": "-Infinity" is not a number.'),
    ("0,1e39,1", ', column "a": "1e39" is not a number.'),
    ("0,1e400,1", ', column "a": "1e400" is not a number.'),
    ("0,1_0,1", ', column "a": "1_0" is not a number.'),
    ("0,0x10,1", ', column "a": "0x10" is not a number.'),
    ("0,yes,1", ', column "a": "yes" is not a number.'),
    ("0,NA,1", ', column "a": "NA" is not a number: a missing value is an empty cell.'),
    ('0,"n/a",1', ', column "a": "n/a" is not a number: a missing value is an empty cell.'),
    ("0,null,1", ', column "a": "null" is not a number: a missing value is an empty cell.'),
    ("0,None,1", ', column "a": "None" is not a number: a missing value is an empty cell.'),
    ("0,\\N,1", ', column "a": "\\N" is not a number: a missing value is an empty cell.'),
    ("0,?,1", ', column "a": "?" is not a number: a missing value is an empty cell.'),
    ("0,-,1", ', column "a": "-" is not a number: a missing value is an empty cell.'),
    ("NA,1,1", ', column "is_male": "NA" is not a number: a missing value is an empty cell.'),
    ('0,"1,5",1', f', column "a": "1,5" is not a number{GROUPS}'),
    ('0,"1,234,567.8",1', f', column "a": "1,234,567.8" is not a number{GROUPS}'),
    ("0,1.234.567,1", f', column "a": "1.234.567" is not a number{GROUPS}'),
    ("0,1 234,1", f', column "a": "1 234" is not a number{GROUPS}'),
    ("0,1'234,1", f', column "a": "1\'234" is not a number{GROUPS}'),
    ("0,2020-01-01,1", ', column "a": "2020-01-01" is not a number.'),
    ('0,"x,y",1', ', column "a": "x,y" is not a number.'),
    ("0,1", ": 2 fields, but the header has 3."),
    ("0", ": 1 fields, but the header has 3."),
    ("0,1,2,3", ": 4 fields, but the header has 3."),
    ("0,1,2,", ": 4 fields, but the header has 3."),
    ("3,1,2", ', column "is_male": 3 is neither 0 nor 1.'),
    ("0.5,1,2", ', column "is_male": 0.5 is neither 0 nor 1.'),
    (
        "no,1,2",
        ', column "is_male": "no" is neither 0 nor 1: write 1 for one class, 0 for the other.',
    ),
    (
        "is_male,a,b",
        ', column "is_male": "is_male" is the name of the column: leave out this second header.',
    ),
    ("1,1,b", ', column "b": "b" is the name of the column: leave out this second header.'),
    ('1,5",1', ": quotation marks must enclose a whole cell, and each within it stands twice."),
    (",1,2", ', column "is_male": the target is empty.'),
    (",,", ', column "is_male": the target is empty.'),
]
# Which make a column of text where they come first.
FIRST_TEXTS = {"0,1,abc", "1,1,b", "0,1_0,1", "0,0x10,1", "0,yes,1", "0,2020-01-01,1", '0,"x,y",1'}


@pytest.mark.parametrize(
    ("column", "problem"),
    [
        ({"a": ["x", "y"]}, ', column "a": String is no type of numbers.'),
        ({"a": [1.0, math.inf]}, ', row 2, column "a": "inf" is not a number.'),
        ({"a": [1e39, 1.0]}, ', row 1, column "a": "1e+39" is not a number.'),
        ({"is_male": [0, 2]}, ', row 2, column "is_male": 2 is neither 0 nor 1.'),
        ({"is_male": [None, 1]}, ', row 1, column "is_male": the target is empty.'),
        ({"c": [1, 2]}, ': column "c" is not in FIRST.'),
        (
            {"__index_level_0__": [0, 1]},
            ': the column "__index_level_0__" holds row numbers of pandas: '
            "write the file without them (index=False).",
        ),
    ],
)
def test_a_bad_cell_of_parquet_is_named(write, parquet, column, problem):
    first = write(GOOD, "0.csv")
    path = parquet({"is_male": [0, 1], "a": [1, 2], "b": [1, 2]} | column)
    assert_refused(f"FILE{problem.replace('FIRST', str(first))}", first, path)


def test_a_bad_row_of_gzip_is_named_by_its_line(write):
    packed = gzip.compress(b"is_male,a\n0,1\n1,x\n")
    assert_refused('FILE, line 3, column "a": "x" is not a number.', write(packed))
    packed = gzip.compress(b"is_male,a\n0,1\n1\n")
    assert_refused("FILE, line 3: 1 fields, but the header has 2.", write(packed))


@pytest.mark.parametrize(("row", "problem"), ROWS, ids=lambda each: each[:12])
def test_a_bad_row_is_named_by_file_line_and_column(write, row, problem):
    # In the first row, the last one with and without a newline, and far down.
    if row not in FIRST_TEXTS:
        assert_refused(f"FILE, line 2{problem}", write(f"is_male,a,b\n{row}\n1,2,3\n"))
    for end in ("\n", "\n1,2,3\n", "\r\n", ""):
        if (row, end) == ("0,1,2,", ""):
            continue  # An empty field too many, at the very end of a file, is none for polars.
        assert_refused(f"FILE, line 3{problem}", write(f"is_male,a,b\n0,1,2\n{row}{end}"))
    many = "0,1,2\n" * 50_000
    assert_refused(f"FILE, line 50002{problem}", write(f"is_male,a,b\n{many}{row}\n1,2,3\n"))
    # In whichever file, of whichever channel.
    assert_refused(
        f"FILE, line 2{problem}", write(GOOD, "0.csv"), write(f"is_male,a,b\n{row}\n", "1.csv")
    )


def test_a_bad_row_behind_a_blank_line_has_its_own_number(write):
    assert_refused('FILE, line 4, column "a": "x" is not a number.', write("is_male,a\n0,1\n\n0,x"))
    assert_refused("FILE, line 4: 1 fields, but the header has 2.", write("is_male,a\n0,1\n\n0"))


HEADERS = [
    ("is_male,a", 'column "b" is missing.'),
    ("is_male,a,b,c", 'column "c" is not in FIRST.'),
    ("is_male,a,a,b", 'the column "a" stands twice.'),
    ("is_male,,b", "column 2 has no name."),
]


@pytest.mark.parametrize(("header", "problem"), HEADERS)
def test_a_header_that_does_not_fit_is_named(write, header, problem):
    first = write(GOOD, "0.csv")
    second = write(f"{header}\n0,1,2\n", "1.csv")
    sentence = f"{second}, line 1: {problem.replace('FIRST', str(first))}"
    assert_refused(sentence, first, second)
    assert_refused(sentence, first, validation=[second])


GZIP = gzip.compress(GOOD.encode() * 100, mtime=0)
FILES = {
    "no target": (
        "a,b,c\n0,1,2\n",
        'FILE, line 1: the target column "is_male" is missing; the columns are a, b, c.',
    ),
    "the target alone": (
        "is_male\n0\n1\n",
        "FILE, line 1: there is no column beside the target.",
    ),
    "a header alone": ("is_male,a\n", "FILE has a header but no rows."),
    "a header alone, without newline": ("is_male,a", "FILE has a header but no rows."),
    "no header": (
        "0,1,2\n1,3,4\n",
        "FILE, line 1 holds numbers: write a header line with the names of the columns.",
    ),
    "no header, with row numbers": (
        ",0,1\n0,1,2\n",
        "FILE, line 1 holds numbers: write a header line with the names of the columns.",
    ),
    "row numbers of pandas": (
        ",is_male,a\n0,0,1\n",
        "FILE, line 1: column 1 has no name, as the row numbers of pandas and R: "
        "write the file without them (index=False, row.names = FALSE).",
    ),
    "row numbers of R": (
        '"","is_male","a"\n"1",0,1\n',
        "FILE, line 1: column 1 has no name, as the row numbers of pandas and R: "
        "write the file without them (index=False, row.names = FALSE).",
    ),
    "row numbers that were read back": (
        "Unnamed: 0,is_male,a\n0,0,1\n",
        'FILE, line 1: the column "Unnamed: 0" holds row numbers of pandas: '
        "write the file without them (index=False).",
    ),
    "semicolons": (
        "is_male;a\n0;1,5\n",
        "FILE, line 1: the columns are separated by semicolons: write the file with commas.",
    ),
    "Excel's own line": (
        "sep=;\nis_male;a\n0;1\n",
        "FILE, line 1: the columns are separated by semicolons: write the file with commas.",
    ),
    "tabs": (
        "is_male\ta\n0\t1\n",
        "FILE, line 1: the columns are separated by tabs: write the file with commas.",
    ),
    "an Excel workbook": (
        b"PK\x03\x04\x14\0",
        "FILE is an Excel workbook or a ZIP archive: save it as CSV UTF-8.",
    ),
    "a web page": (
        "\n<!DOCTYPE html>\n",
        "FILE is a web page or XML, not CSV: download the file itself.",
    ),
    "JSON lines": ('{"a": 1}\n', "FILE is JSON: only CSV and Parquet can be read."),
    "bzip2": (b"BZh91AY", "FILE is compressed by bzip2: only gzip can be read."),
    "a pointer of Git LFS": (
        "version https://git-lfs.github.com/spec/v1\n",
        "FILE is a pointer of Git LFS, not the file: run git lfs pull.",
    ),
    "nothing": ("", "FILE has no header."),
    "blank lines": ("\n\n", "FILE has no header."),
    "gzip that ends early": (GZIP[:40], "FILE is damaged: it can't be unpacked."),
    "Parquet that ends early": (
        b"PAR1\0\x15\0",
        "FILE is damaged: parquet: File out of specification: A Parquet file must contain a header "
        "and footer with at least 12 bytes.",
    ),
    "UTF-16": (
        GOOD.encode("utf-16"),
        'FILE is UTF-16, as Excel\'s "Unicode text" is: save it as CSV UTF-8.',
    ),
    "line ends of old Macs": (
        GOOD.replace("\n", "\r"),
        "FILE, line 1 ends with CR alone, as on old Macs: save it as CSV UTF-8.",
    ),
    "a cell without end": (
        f"{GOOD}0,1,{200_000 * '2'}\n",
        "FILE, line 6: field larger than field limit (131072).",
    ),
    "Latin-1": (
        "is_male,größe\n0,1\n".encode("latin-1"),
        "FILE is not a text file in UTF-8: only CSV and Parquet can be read.",
    ),
    "bytes behind the header": (
        b"is_male,a\n" + b"0,1\n" * 100_000 + GZIP,
        "FILE is not a text file in UTF-8: only CSV and Parquet can be read.",
    ),
}


@pytest.mark.parametrize(("content", "sentence"), FILES.values(), ids=FILES)
def test_what_is_no_table_is_named(write, content, sentence):
    assert_refused(sentence, write(content))


@pytest.mark.parametrize("value", [0, 1])
def test_a_target_of_one_value_teaches_nothing(write, value):
    sentence = f'The target column "is_male" is {value} in every row of training: '
    text = f"is_male,a\n{value},1\n{value},2\n"
    assert_refused(f"{sentence}there is nothing to learn.", write(text))


def test_the_target_is_the_hyperparameters(write):
    with pytest.raises(
        TrainingFailure, match='the target column "sex" is missing; the columns are'
    ):
        train({"training": [write(GOOD)]}, target="sex")
    assert train({"training": [write(GOOD.replace("is_male", "sex"))]}, target="sex").steps == 3


# ---- Several hosts, and what they run on ---------------------------------------------------

HOSTS = ["127.0.0.1", "algo-2", "algo-3"]
ON_A_HOST = """
import test_trees
from job.files import root
with cluster.join(hosts, stop):
    folder = root() / "input/data/training"
    model = test_trees.train({{"training": sorted(folder.glob("*.csv"))}}, 30, **{more})
    print("checksum", model.checksum(), model.metadata()["rows"], model.metadata()["features"])
    print("loss", model.metrics()["training:log_loss"])
"""


def give(tmp_path, shards):
    """Write the text of each host's file, if it has one."""
    for name, text in zip(HOSTS, shards, strict=False):
        fill(tmp_path / name)
        if text:
            (tmp_path / name / "input/data/training/a.csv").write_text(text)


def on_hosts(run_hosts, tmp_path, shards, more="{}"):
    """Return what the hosts print of the model of these shards, which all must be the same."""
    give(tmp_path, shards)
    ends = run_hosts(ON_A_HOST.format(more=more), HOSTS[: len(shards)])
    assert [code for code, _, _ in ends] == [0] * len(shards), [errors for _, _, errors in ends]
    printed = {log[log.index("checksum ") :] for _, log, _ in ends}
    assert len(printed) == 1
    return printed.pop()


def test_hosts_with_unlike_shards_have_one_model_as_good_as_that_of_all_rows(run_hosts, tmp_path):
    header, *rows = PENGUINS["training"][0].read_text().splitlines()
    rows.sort(key=lambda row: row.split(",")[3])
    parts = (rows[:20], [], rows[20:])
    shards = ["\n".join([header, *part]) if part else "" for part in parts]
    printed = on_hosts(run_hosts, tmp_path, shards)
    assert f"{{'training': 266}} {header.split(',')[1:]}" in printed
    loss = float(printed.split()[-1])
    assert loss == pytest.approx(train(PENGUINS, 30).metrics()["training:log_loss"], abs=0.02)


@pytest.mark.parametrize("empty", [0, 1])
def test_a_host_without_rows_has_the_model_of_the_other(run_hosts, tmp_path, empty):
    text = PENGUINS["training"][0].read_text()
    shards = ["", text] if empty == 0 else [text, ""]
    printed = on_hosts(run_hosts, tmp_path, shards, '{"subsample": 1.0}')
    assert printed.split()[1] == str(train(PENGUINS, 30, subsample=1.0).checksum())


def test_columns_that_differ_between_hosts_name_the_host(run_hosts, tmp_path):
    give(tmp_path, [GOOD, GOOD.replace("b", "c", 1)])
    ends = run_hosts(ON_A_HOST.format(more="{}"), HOSTS[:2])
    place = "data/training/a.csv, line 1"
    assert ends[1][2] == f'{place}: column "c" is not in data/training/a.csv of 127.0.0.1.\n'
    assert ends[0][2] == f"Host algo-2 failed: {ends[1][2]}"


def test_a_gpu_that_is_not_there_is_an_error(monkeypatch):
    with pytest.raises(TrainingFailure, match='"device" is "cuda", but xgboost-cpu is installed'):
        train(PENGUINS, device="cuda")
    monkeypatch.setattr(xgboost, "build_info", lambda: {"USE_CUDA": True})
    with pytest.raises(TrainingFailure, match='"device" is "cuda", but there is no GPU'):
        train(PENGUINS, device="cuda")


def test_empty_parts_are_skipped(write, saved, capsys):
    parts = [write("", "0.csv"), write("\n \n", "1.csv"), write(gzip.compress(b""), "2.csv")]
    model = train({"training": [*parts, write(GOOD)], "validation": [*parts[:1], write(GOOD)]})
    assert saved(model) == saved(train({"training": [write(GOOD)], "validation": [write(GOOD)]}))
    said = capsys.readouterr().out
    for path in parts:
        assert f"{path} is empty: skipped.\n" in said


def test_truths_are_ones_and_zeros_among_missing_values(write, saved):
    words = train({"training": [write("is_male,a,b\nTrue,,2\nfalse,TRUE,\nTRUE,False,nan\n")]})
    numbers = train({"training": [write("is_male,a,b\n1,,2\n0,1,\n1,0,nan\n", "b.csv")]})
    assert saved(words) == saved(numbers)


def test_a_channel_without_rows_names_its_own_file(write):
    header = write("is_male,a,b\n", "b.csv")
    assert_refused(f"{header} has a header but no rows.", write(GOOD), validation=[header])


def test_a_data_file_is_named_as_people_know_it(root):
    path = root / "input/data/training/sub/a.csv"
    path.parent.mkdir()
    path.write_text("is_male,a\n0,1\n1,x\n")
    with pytest.raises(TrainingFailure, match=r"^data/training/sub/a\.csv, line 3, column"):
        train({"training": [path]})


def test_the_columns_of_parquet_may_have_numbers_for_names(parquet):
    table = {"0": [0, 1, 0], "1": [1, 2, 3]}
    assert train({"training": [parquet(table)]}, 1, target="0").metadata()["features"] == ["1"]
