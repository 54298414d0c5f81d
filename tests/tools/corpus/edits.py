"""Edits of a generated repository, each one line to read: a name, what is edited, what is found."""

from typing import NamedTuple

ENTRYPOINTS = {
    "python": 'ENTRYPOINT ["python", "train.py"]',
    "r": 'ENTRYPOINT ["Rscript", "train.R"]',
    "java": 'ENTRYPOINT ["java", "-jar", "training.jar"]',
}


class Edit(NamedTuple):
    """What happens to a repository; `then` adds another edit."""

    language: str
    file: str
    old: str  # "" replaces the whole file, which may be new
    new: str | bytes
    more: tuple = ()

    def then(self, other):
        return self._replace(more=(*self.more, other))

    def apply(self, texts):
        """Edit path → text in place."""
        if self.old:
            text = texts[self.file]
            assert self.old in text, f"{self.file} has no {self.old!r} any more"
            # The last one: the final stage's.
            before, _, after = text.rpartition(self.old)
            texts[self.file] = before + self.new + after
        elif isinstance(self.new, bytes):
            texts[self.file] = None if b"\0" in self.new else self.new.decode()
        else:
            texts[self.file] = self.new
        for each in self.more:
            each.apply(texts)
        return texts


def docker(old, new, language="python"):
    """A part of the Dockerfile becomes another."""
    return Edit(language, "Dockerfile", old, new)


def entry(line, language="python"):
    """Another line, or other lines, in the place of ENTRYPOINT."""
    return docker(ENTRYPOINTS[language], line, language)


def before(line, language="python"):
    """A line before ENTRYPOINT."""
    return entry(f"{line}\n{ENTRYPOINTS[language]}", language)


def base(image, language="python"):
    """The first stage of the Python image is made from another image."""
    return docker("FROM --platform=${PLATFORM} ${BASE} AS", f"FROM {image} AS", language)


def job(old, new, language="python"):
    """A part of training-job.json becomes another."""
    return Edit(language, "training-job.json", old, new)


def tuning(old, new, language="python"):
    """A part of tuning-job.json becomes another."""
    return Edit(language, "tuning-job.json", old, new)


def file(name, content, language="python"):
    """A file, new or written over."""
    return Edit(language, name, "", content)


COPY = "COPY training/ ./"
ROUNDS = '"rounds": "100"'
CHANNEL = '"ChannelName": "validation"'
REGEX = "validation:accuracy=([-+.0-9e]+)"
PLATFORM = "--platform=linux/amd64"
