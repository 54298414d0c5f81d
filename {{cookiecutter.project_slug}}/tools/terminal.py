"""What a person sees and presses: lines, sentences, Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import threading
from collections.abc import Iterator

# What Ctrl-C, an editor or a closed terminal sends. SIGHUP stays ignored behind nohup.
INTERRUPTS = [signal.SIGINT, signal.SIGTERM]
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
    INTERRUPTS.append(signal.SIGHUP)
SPEAKING = threading.Lock()


class UserError(Exception):
    """What the user can mend, in one sentence."""


def prepare() -> None:
    """Let no character fail on the console's encoding, and no interrupt be lost."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")
    # A shell that starts a verb in the background has it ignore Ctrl-C.
    for each in INTERRUPTS:
        signal.signal(each, end)


def end(*_: object) -> None:
    """Raise KeyboardInterrupt, once: a second Ctrl-C must not break off the tidying up."""
    for each in INTERRUPTS:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt


def say(line: str) -> None:
    """Print a line of the verb's result at once, as a whole: several hosts speak."""
    with SPEAKING:
        print(line, flush=True)


def note(line: str) -> None:
    """Tell the user something that is not the verb's result."""
    print(line, file=sys.stderr, flush=True)


@contextlib.contextmanager
def at_interrupts(handler: object) -> Iterator[None]:
    """Have Ctrl-C and its like do this while the block runs."""
    before = {each: signal.signal(each, handler) for each in INTERRUPTS}
    try:
        yield
    finally:
        for each, old in before.items():
            signal.signal(each, old)


def uninterrupted() -> contextlib.AbstractContextManager:
    """Have Ctrl-C and its like do nothing while the block runs to its end."""
    return at_interrupts(signal.SIG_IGN)


class Parser(argparse.ArgumentParser):
    """Says of a flag that is none how a hyperparameter is given, where one can be."""

    def error(self, message: str) -> None:
        """End with exit code 2 and the message."""
        unknown = message.startswith("unrecognized arguments: --")
        if unknown and "--hyperparameter" in self.format_usage():
            message += "; a hyperparameter is given as --hyperparameter NAME=VALUE"
        super().error(message)


def parser_of(verb: str, text: str) -> argparse.ArgumentParser:
    """Return the parser of a verb's flags; --help shows the text, its docstring, line by line."""
    return Parser(
        prog=f"python3 tools {verb}",
        description="\n".join(line.strip() for line in text.strip().splitlines()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def add_hyperparameter(parser: argparse.ArgumentParser, what: str) -> None:
    """Add --hyperparameter, which may be given again, to the flags of a run or a job."""
    parser.add_argument(
        "--hyperparameter",
        action="append",
        default=[],
        type=name_and_value,
        metavar="NAME=VALUE",
        help=f"set a hyperparameter for this {what}; may be given again",
    )


def name_and_value(text: str) -> tuple[str, str]:
    """Split NAME=VALUE, as an argument's type; the value may be empty."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f'"{text}" must be NAME=VALUE')
    return name, value
