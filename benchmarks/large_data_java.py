"""Measure how the Java program reads large data: processor time, memory, and data beyond it.

    .venv/bin/python benchmarks/large_data_java.py [--rows N]

README.md says what is measured. Linux only: /proc tells what a container uses. CONTAINER_ENGINE and
BUILD_ARGS are those of `make build`.
"""

import argparse
import contextlib
import os
import random
import re
import shlex
import subprocess
import time
from pathlib import Path

from run import ENGINE, Comparison, call

LARGE = Path(__file__).with_suffix("")
COLUMNS = 20
FILES = 4
ROWS_THAT_DIFFER = 50_000
DATA = "/opt/ml/input/data/training"


def write_data(folder: Path, rows: int) -> int:
    """Write the files of a channel, and all in one without header; return their bytes."""
    random.seed(1)
    block = ""
    for _ in range(ROWS_THAT_DIFFER):
        row = [random.gauss(0, 1) for _ in range(COLUMNS)]
        target = row[0] + row[1] * row[2] > 0
        block += f"{target:d},{','.join(f'{value:.6f}' for value in row)}\n"
    channel = folder / "training"
    channel.mkdir(parents=True)
    header = f"is_male,{','.join(f'x{column}' for column in range(COLUMNS))}\n"
    for number in range(FILES):
        with (channel / f"part-{number}.csv").open("w", encoding="utf-8") as file:
            file.write(header)
            for _ in range(rows // ROWS_THAT_DIFFER // FILES):
                file.write(block)
    with (folder / "all.csv").open("w", encoding="utf-8") as file:
        for _ in range(rows // ROWS_THAT_DIFFER // FILES * FILES):
            file.write(block)
    return sum(path.stat().st_size for path in channel.iterdir())


def used(name: str) -> tuple[float, float]:
    """Return the processor seconds and the anonymous MB of a container's program."""
    pid = call(ENGINE, "inspect", "--format", "{{.State.Pid}}", name).strip()
    times = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    seconds = (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")
    return seconds, int(re.search(r"RssAnon:\s+(\d+)", status)[1]) / 1000


def measure(what: str, last: str, *options: str) -> None:
    """Run a container; print what it used until its log has a line that begins with `last`."""
    name = "benchmark-large"
    subprocess.run([ENGINE, "rm", "--force", "--volumes", name], capture_output=True)
    call(ENGINE, "run", "--detach", "--name", name, "--env=OMP_THREAD_LIMIT=1", *options)
    start = time.monotonic()
    seconds = memory = 0.0
    log = ""
    while not re.search(f"^{last}", log, re.MULTILINE):
        with contextlib.suppress(OSError, TypeError):  # It ended meanwhile.
            seconds, now = used(name)
            memory = max(memory, now)
        log = call(ENGINE, "logs", name)
        if call(ENGINE, "inspect", "--format", "{{.State.Running}}", name).strip() == "false":
            break
    wall = time.monotonic() - start
    end = call(ENGINE, "wait", name).strip()
    print(f"| {what} | {end} | {wall:.0f} s | {seconds:.1f} s | {memory:.0f} MB |", flush=True)
    call(ENGINE, "rm", "--force", "--volumes", name)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description="Measure the Java program on large data.")
    parser.add_argument("--rows", type=int, default=5_400_000, help="default: 1 GB of CSV")
    rows = parser.parse_args().rows
    comparison = Comparison("java")
    comparison.make("build")
    image, tools = comparison.image, "benchmark-java:tools"
    call(
        ENGINE,
        "build",
        "--target=test",
        f"--tag={tools}",
        *shlex.split(comparison.build_args),
        str(comparison.repository),
    )
    folder = comparison.folder / "large"
    size = write_data(folder, rows)
    numbers = 4 * COLUMNS * rows / 1e6
    (folder / "hyperparameters.json").write_text('{"rounds": "10"}', encoding="utf-8")
    config = f"--volume={folder}/hyperparameters.json:/opt/ml/input/config/hyperparameters.json:ro"
    data = f"--volume={folder}:{DATA.rpartition('/')[0]}:ro"
    small = f"--memory={size // 2}"
    java = [f"--volume={LARGE}:/large:ro", data, "--entrypoint=java", tools]
    print(f"{size / 1e9:.2f} GB of CSV, {numbers:.0f} MB as 32-bit floats\n")
    print("| what | exit code | time | processor | memory |\n|---|--:|--:|--:|--:|")
    files = [f"{DATA}/part-{number}.csv" for number in range(FILES)]
    measure("numbers read and dropped", "sum", *java, "/large/Read.java", *files)
    measure("`training` read", "Read", data, config, image, "train")
    measure("10 trees", "step=10 ", data, config, image, "train")
    measure("10 trees, half the memory", "step=10 ", small, data, config, image, "train")
    comparison.clean()


if __name__ == "__main__":
    main()
