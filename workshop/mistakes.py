"""Mistakes on purpose: edits of files that the pupil owns. Python 3.9, as on the pupil's machine.

docs/en/labs/mistakes.md, 6-data.md and their Korean twins say what shows each of them, and where.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

WORKSHOP = Path(__file__).resolve().parent
# What differs from language to language: the list of ENTRYPOINT, the program and its folder.
WORDS = {
    "python": {
        "program": '["python", "train.py"]',
        "train": "training/train.py",
        "folder": "training/",
    },
    "r": {"program": '["Rscript", "train.R"]', "train": "training/train.R", "folder": "training/"},
    "java": {
        "program": '["java", "-jar", "training.jar"]',
        "train": "src/main/java/training/Train.java",
        "folder": "src/main/java/training/",
    },
}
ENTRYPOINT = r"^ENTRYPOINT \[\"(?:python|Rscript|java)\".*\n"
WHOLE = r"\A[\s\S]*\Z"


class Mistake(NamedTuple):
    """What is wrong, in a sentence; the edits that make it (file, pattern, replacement); the run.

    A mistake without edits is one of the run's flags.
    """

    what: str
    edits: tuple[tuple[str, str, str], ...] = ()
    run: str = "make train"


def entrypoint(what: str, lines: str, run: str = "make train") -> Mistake:
    """Return a mistake that puts lines in the place of ENTRYPOINT."""
    return Mistake(what, (("Dockerfile", ENTRYPOINT, f"{lines}\n" if lines else ""),), run)


def request(what: str, pattern: str, replacement: str) -> Mistake:
    """Return a mistake in training-job.json."""
    return Mistake(what, (("training-job.json", pattern, replacement),))


def bare(what: str, run: str, *edits: tuple[str, str]) -> Mistake:
    """Return a naive program in the place of train; the edits mend what comes before its fault."""
    own = tuple(("{train}", pattern, replacement) for pattern, replacement in edits)
    return Mistake(what, (("{train}", WHOLE, "{bare}"), *own), run)


# The word "train" is let pass: what is wrong with it in bare/, in the three languages.
NO_WORD = (
    r"parse_args\(\)\.epochs|if \(length\(arguments\) > 0\) arguments\[1\] else |"
    r"args\.length > 0 \? args\[0\] : ",
    "{no_word}",
)

MISTAKES: dict[str, Mistake] = {
    # The four answers of the exam question but the right one, and no answer.
    "no-entrypoint": entrypoint("The Dockerfile has no ENTRYPOINT.", ""),
    "server": entrypoint("ENTRYPOINT is the word of a server.", 'ENTRYPOINT ["server"]'),
    "data-path": entrypoint(
        "The build is told where the data are, and nothing is the ENTRYPOINT.",
        "ARG TRAINING_DATA=s3://bucket/data\nENV TRAINING_DATA=${TRAINING_DATA}",
    ),
    "opt-ml-train": entrypoint(
        "The program is copied to /opt/ml/train, and nothing is the ENTRYPOINT.",
        "COPY {folder} /opt/ml/train/",
    ),
    # Other ways to start it.
    "cmd": entrypoint("CMD stands in the place of ENTRYPOINT.", "CMD {program}"),
    "shell-form": entrypoint(
        "ENTRYPOINT is no list, so a shell starts.",
        "ENTRYPOINT {shell}",
        'make train ARGS="--long --stop-after 5 --grace 5"',
    ),
    "deaf": entrypoint(
        "A shell stands before the program, and SIGTERM ends there.",
        'ENTRYPOINT ["sh", "-c", "{shell} \\"$@\\"; exit $?", "sh"]',
        'make train ARGS="--long --stop-after 5 --grace 5"',
    ),
    "swallowed-failure": entrypoint(
        "A failure is swallowed by || true.",
        'ENTRYPOINT ["sh", "-c", "{shell} \\"$@\\" || true", "sh"]',
        'make train ARGS="--hyperparameter target=none"',
    ),
    "train-crlf": Mistake(
        "A script called train is on the PATH, and its lines end with CRLF.",
        (
            ("train", WHOLE, '#!/bin/sh\r\nexec {shell} "$@"\r\n'),
            ("Dockerfile", ENTRYPOINT, "COPY --chmod=755 train /usr/local/bin/\n"),
        ),
    ),
    "non-root": Mistake(
        "The program runs as a user who is not root.",
        (("Dockerfile", r"(?=^ENTRYPOINT \[\"(?:python|Rscript|java)\")", "USER nobody\n"),),
    ),
    # Green, and silent.
    "crlf": Mistake("The lines of the program end with CRLF.", (("{train}", r"\r?\n", "\r\n"),)),
    "regex": request("The Regex of a metric matches no line.", "training:log_loss=", "log_loss: "),
    "spot-without-checkpoints": request(
        "A job on spot instances has no checkpoints.",
        r'  "CheckpointConfig": \{[^}]*\},\n',
        '  "EnableManagedSpotTraining": true,\n',
    ),
    "channel": request(
        "A channel has another name than the model asks for.",
        '"ChannelName": "training"',
        '"ChannelName": "train"',
    ),
    # Flags of the run.
    "lost-worker": Mistake(
        "One of two hosts dies.", run='make train ARGS="--long --hosts 2 --kill-host algo-2:10"'
    ),
    "small-memory": Mistake(
        "The container has little memory.", run='make train ARGS="--memory 16m"'
    ),
    # A naive program, as job/ spares one.
    "bare-arguments": bare("The program reads its arguments alone.", "make train"),
    "bare-quotes": bare(
        "The program takes a hyperparameter as it comes.",
        'make train ARGS=\'--hyperparameter target="\\"is_male\\""\'',
        NO_WORD,
    ),
    "bare-stop": bare(
        "The program does not handle SIGTERM.",
        'make train ARGS="--hyperparameter epochs=9999 --stop-after 5 --grace 5"',
        NO_WORD,
    ),
    "bare-model": bare("The program saves its model beside itself.", "make train", NO_WORD),
}

TRAINING = "data/training/penguins.csv"
HEADER = (
    "is_male,species,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,"
    "delta_15_n,delta_13_c"
)

# Wrong data, as other people's programs export them: lab 6.
DATA: dict[str, Mistake] = {
    "semicolons": Mistake(
        "A spreadsheet saved the file with semicolons and decimal commas.",
        ((TRAINING, ",", ";"), (TRAINING, r"(?<=\d)\.(?=\d)", ",")),
    ),
    "decimal-comma": Mistake(
        "Numbers have a decimal comma, between commas.",
        ((TRAINING, r"(?<=\d)\.(?=\d)", ","),),
    ),
    "na": Mistake("An empty cell says NA.", ((TRAINING, r"(?<=,)(?=[,\r\n])", "NA"),)),
    "missing-column": Mistake(
        "The last column is missing in validation.",
        (("data/validation/penguins.csv", r",[^,\n]*$", ""),),
    ),
    "one-and-two": Mistake(
        "The target is 1 and 2, not 0 and 1.", ((TRAINING, "^1", "2"), (TRAINING, "^0", "1"))
    ),
    "two-headers": Mistake(
        "Two files were joined, each with its header.",
        ((TRAINING, r"^(?=0,Chinstrap,50\.9,17\.9,196,)", f"{HEADER}\n"),),
    ),
}
MISTAKES |= DATA


def language_of(repository: Path) -> str:
    """Return the language of a generated repository; "" where there is none."""
    found = [name for name in WORDS if (repository / WORDS[name]["train"]).is_file()]
    return found[0] if (repository / "training-job.json").is_file() and found else ""


def fill(text: str, language: str) -> str:
    """Put a language's words in the place of {program}, {shell}, {train} and {folder}."""
    words = {
        **WORDS[language],
        "shell": " ".join(re.findall(r'"(.*?)"', WORDS[language]["program"])),
        "no_word": "parse_known_args()[0].epochs" if language == "python" else "",
    }
    if text == "{bare}":
        name = Path(words["train"]).name
        return (WORKSHOP / "bare" / language / name).read_text(encoding="utf-8")
    for name, word in words.items():
        text = text.replace(f"{{{name}}}", word)
    return text


def broken(repository: Path, mistake: Mistake) -> dict[Path, bytes]:
    """Return file → what is in it once the mistake is made.

    Raises ValueError with a sentence where a file is not as it was generated.
    """
    language = language_of(repository)
    contents: dict[Path, bytes] = {}
    for name, pattern, replacement in mistake.edits:
        path = repository / fill(name, language)
        text = contents.get(path) or (path.read_bytes() if path.is_file() else b"")
        new = fill(replacement, language).encode()
        edited, count = re.subn(pattern.encode(), lambda _, new=new: new, text, flags=re.M)
        if not count:
            raise ValueError(
                f"{path.relative_to(repository)} has other lines than when it was generated: "
                "this mistake can't be made in it."
            )
        contents[path] = edited
    return contents
