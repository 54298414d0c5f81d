"""Measure how Python reads data that is large for the memory: ways, seconds, anonymous memory.

    .venv/bin/python benchmarks/large_data.py IMAGE FOLDER [--memory MB] [--gigabytes N] [--files N]

IMAGE is a Python image that `make build` made. FOLDER takes the data and what is written aside.
Each way runs in a container of its own, with one thread; --memory limits it. CONTAINER_ENGINE is
that of `make build`. README.md says what came out.
"""

import argparse
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

COLUMNS = 20
STEPS = 3
PARAMETERS = {
    "objective": "binary:logistic",
    "tree_method": "hist",
    "max_depth": 4,
    "device": "cpu",
}


# ---- In the container ----------------------------------------------------------------------


def generate(folder: Path, gigabytes: float, files: int) -> None:
    """Write files of CSV: a target and 20 numbers a row, eight characters each."""
    import numpy
    import polars

    random = numpy.random.default_rng(1)
    rows = int(gigabytes * 1e9 / 172 / files)
    for number in range(files):
        x = random.normal(size=(rows, COLUMNS)).astype("float32")
        y = (x[:, 0] + x[:, 1] * x[:, 2] + random.normal(size=rows) / 2 > 0).astype("int8")
        table = {"is_male": y} | {f"x{column}": x[:, column] for column in range(COLUMNS)}
        polars.DataFrame(table).write_csv(folder / f"{number:03}.csv", float_precision=5)


def read(path):
    """Return the table of a file as polars reads it at its fastest."""
    import polars

    header = polars.read_csv(path, n_rows=1).columns
    return polars.read_csv(path, schema_overrides=dict.fromkeys(header, polars.Float32))


def polars_alone(files):
    """Read all the tables, and no more."""
    import polars

    polars.concat([read(path) for path in files])


def bare(files):
    """The obvious program: all the tables into a DMatrix."""
    import polars
    import xgboost

    table = polars.concat([read(path) for path in files])
    features = table.drop("is_male")
    names = features.columns
    return xgboost.DMatrix(features.to_numpy(order="c"), table["is_male"], feature_names=names)


def template(files):
    """As the template does where the memory is large enough."""
    return spooled(files, 2**50)


def on_disk(files):
    """As it does where it is not."""
    return spooled(files, 0)


def spooled(files, room):
    sys.path.insert(0, "/opt/ml/code")
    import matrices
    import tables

    matrices.memory = lambda: room
    headers = tables.read_headers(files)
    columns = tables.find_columns(headers, "is_male")
    rows = (table for file in headers.items() for table in tables.read_tables(*file, columns))
    spool = matrices.spool(rows, columns)
    report("read")
    return matrices.build({"training": spool}, columns, PARAMETERS)["training"]


def again(files):
    """Files that are read for each pass that XGBoost makes, with nothing written aside."""
    import xgboost

    class Tables(xgboost.DataIter):
        def reset(self):
            self.at = 0

        def next(self, give):
            if self.at == len(files):
                return False
            table = read(files[self.at])
            give(data=table.drop("is_male").to_numpy(order="c"), label=table["is_male"].to_numpy())
            self.at += 1
            return True

    return xgboost.QuantileDMatrix(Tables())


def measure(way: str) -> None:
    """Go one way and print its seconds and its peak of anonymous memory."""
    threading.Thread(target=watch, daemon=True).start()
    matrix = WAYS[way](sorted(Path("/data").glob("*.csv")))
    report("matrix" if matrix else "read")
    if matrix:
        import xgboost

        booster = xgboost.Booster(PARAMETERS, [matrix])
        for step in range(STEPS):
            booster.update(matrix, step)
        report(f"{STEPS} steps")


START = time.monotonic()
peak = 0


def watch() -> None:
    global peak
    while True:
        status = Path("/proc/self/status").read_text()
        peak = max(peak, int(status.split("RssAnon:")[1].split()[0]) // 1000)
        time.sleep(0.01)


def report(what: str) -> None:
    seconds = f"{time.monotonic() - START:7.1f} s {time.process_time():7.1f} s of CPU"
    print(f"  {what:8} {seconds} {peak:6} MB", flush=True)


WAYS = {each.__name__: each for each in (polars_alone, bare, template, on_disk, again)}


# ---- Outside -------------------------------------------------------------------------------


def main() -> None:
    """Generate the data if there is none, go each way."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("image")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--memory", type=int)
    parser.add_argument("--gigabytes", type=float, default=1)
    parser.add_argument("--files", type=int, default=8)
    parser.add_argument("--way", action="append", choices=WAYS)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    engine = os.environ.get("CONTAINER_ENGINE", "docker")
    run = [engine, "run", "--rm", "-v", f"{arguments.folder.resolve()}:/data"]
    run += ["-v", f"{Path(__file__).resolve()}:/large_data.py:ro", "-e", "TMPDIR=/data"]
    run += ["-e", "OMP_NUM_THREADS=1", "-e", "POLARS_MAX_THREADS=1", "--entrypoint=python"]
    limit = []
    if arguments.memory:
        limit = ["-m", f"{arguments.memory}m", "--memory-swap", f"{arguments.memory}m"]

    def inside(limit: list[str], *words: object) -> int:
        words = map(str, ("/large_data.py", "--inside", *words))
        return subprocess.run([*run, *limit, arguments.image, *words]).returncode

    if not list(arguments.folder.glob("*.csv")):
        inside([], "generate", arguments.gigabytes, arguments.files)
    for way in arguments.way or WAYS:
        print(way, flush=True)
        code = inside(limit, way)
        if code != 0:
            print(f"  ended with exit code {code}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:3] == ["--inside", "generate"]:
        generate(Path("/data"), float(sys.argv[3]), int(sys.argv[4]))
    elif sys.argv[1:2] == ["--inside"]:
        measure(sys.argv[2])
    else:
        main()
