"""Rules about how the program is started: what happens to the word "train"."""

from __future__ import annotations

import json
import posixpath

from check.launchers import TINI
from check.program import advice, other_program, own_words
from check.repository import Repository
from check.rules import Found, rule
from check.stages import is_within


def named_in_cmd(repository: Repository) -> bool:
    """Whether CMD holds the program that "train" takes the place of."""
    runs = repository.image.cmd and any(each.is_train for each in repository.starts)
    return bool(runs and not repository.contents.train_program[0])


@rule("error", "C1", of_image=True)
def entrypoint_missing(repository: Repository) -> Found:
    """SageMaker runs `docker run IMAGE train`. Without an ENTRYPOINT, "train" is a program that
    must lie on the PATH with its x bit set, or goes to whatever ENTRYPOINT the base image has;
    most often the job ends with `exec: "train": executable file not found in $PATH`. The same
    happens behind a script that runs its arguments where ENTRYPOINT names no program behind it.
    Name the program in the final stage: ENTRYPOINT ["python", "train.py"]. A stage other than
    the last does not count, unless the last is made FROM it."""
    if any(each.refuses for each in repository.starts):
        what = 'the script behind ENTRYPOINT ends without a program where its argument is "train"'
        yield repository.entry, f"{what}: let that word start the program, by exec"
    there, path = repository.contents.train_program
    if there or named_in_cmd(repository) or not any(each.is_train for each in repository.starts):
        return
    if repository.image.entrypoint:
        what = 'ENTRYPOINT runs its arguments, and the one that SageMaker gives is "train", '
        what += "which is no program of the image"
        words = [*(repository.entry.json or []), "PROGRAM"]
        instead = f"write the program behind it, ENTRYPOINT {json.dumps(words)}"
        # Of several ways one may run a program, by what the check can't know.
        yield (
            repository.entry,
            f"{what}: {instead}",
            all(each.is_train for each in repository.starts),
        )
        return
    has = "has an empty" if repository.entry.name == "ENTRYPOINT" else "has no"
    what = f"the final stage {has} ENTRYPOINT, so `docker run IMAGE train` looks for a program "
    what += 'called "train", or runs what the base image names'
    what += f", and {path} is not on the PATH" if path else ""
    sure = there is False or repository.language
    if not sure:
        what += " (docker image inspect --format '{{.Config.Entrypoint}}' shows the base's)"
    yield repository.entry, f"{what}: {advice(repository)}", sure


@rule("error", "C1", "C2", of_image=True)
def cmd_as_entrypoint(repository: Repository) -> Found:
    """SageMaker puts the word "train" behind the image's name, and in Docker that replaces CMD.
    A program named in CMD is therefore never run by a training job, though `docker run IMAGE`
    on a laptop runs it. Write the program as ENTRYPOINT, to which "train" is added; where
    ENTRYPOINT is a script that runs its arguments, write the program behind it."""
    if not named_in_cmd(repository):
        return
    entry, cmd = repository.image.entrypoint, repository.image.cmd
    what = 'CMD stands in the place of ENTRYPOINT, and SageMaker replaces it by the word "train"'
    instead = advice(repository)
    if entry and cmd.json:
        what = 'ENTRYPOINT runs what stands in CMD, and SageMaker replaces CMD by the word "train"'
        if not any(each.waits for each in repository.starts):
            instead = f"write ENTRYPOINT {json.dumps([*entry.json, *cmd.json])}"
    yield cmd, f"{what}: {instead}", entry or repository.contents.base.start is not None


@rule("error", "C4", of_image=True)
def shell_form(repository: Repository) -> Found:
    """ENTRYPOINT without brackets runs `/bin/sh -c "…" train`: the shell is process 1 and takes
    the word "train" for itself; the program neither sees it nor receives SIGTERM when the job
    is stopped. An `exec` in it lets SIGTERM through, but not the word. The exec form is a JSON
    list: double quotes, a comma between words."""
    entry = repository.image.entrypoint
    if entry and entry.json is None:
        execs = entry.rest.startswith("exec ")
        what = 'ENTRYPOINT is in shell form, so neither "train" nor SIGTERM reaches the program'
        if execs:
            what = 'ENTRYPOINT is in shell form, so "train" does not reach the program'
        elif entry.rest.startswith("["):
            what = "ENTRYPOINT is no valid JSON list (double quotes, a comma between words), so "
            what += 'Docker takes it for shell form, and neither "train" nor SIGTERM reaches it'
        yield entry, f"{what}: {advice(repository)}", not execs


@rule("error", "C4", "C6", of_image=True)
def shell_wrapper(repository: Repository) -> Found:
    """Stopping a job sends SIGTERM to process 1 alone. Where that is a shell that waits for the
    program, the program learns nothing, is killed after 120 seconds, and the model is lost.
    Name the program itself in ENTRYPOINT; what a script prepared belongs into RUN and ENV. A
    script that must stay runs the program by `exec`, in each branch, and not in a pipe; one that
    has more to do behind it starts the program with `&`, sets a trap that hands SIGTERM on, and
    waits."""
    found = [each for each in repository.starts if each.waits in ("a shell", "su")]
    if found and not any(each.stops and not each.words for each in found):
        what = "ENTRYPOINT starts a shell, and SIGTERM reaches that alone: "
        what += 'end the script with exec program "$@"'
        if repository.language or own_words(repository, found[0]):
            what += f", or name the program itself, {advice(repository)}"
        yield repository.entry, what


@rule("error", "C4", "C6", of_image=True)
def waiting_launcher(repository: Repository) -> Found:
    """`conda run`, `accelerate launch`, `deepspeed` and `xvfb-run` start the program as a child
    and wait for it; as process 1 they take SIGTERM and hand nothing on, so the program is killed
    after 120 seconds and the model is lost. Name the environment's own python instead of
    `conda run`; `torchrun` does what `accelerate launch` does and hands SIGTERM on."""
    for each in repository.starts:
        if each.waits in ("", "a shell", "su"):
            continue
        words = own_words(repository, each)
        instead = f"start {json.dumps(words)} in its place" if words else "start the program itself"
        if each.waits in ("conda run", "mamba run") and words:
            instead = f"name the environment's own program, {json.dumps(words)}, in its place"
        elif each.waits in ("accelerate launch", "deepspeed"):
            words = ["torchrun", *(words[1:] or ["train.py"])]
            instead = f"start {json.dumps(words)}, which hands it on, or start it in a script with "
            instead += "& and a trap that does"
        elif each.waits == "xvfb-run":
            instead = "start Xvfb in a script that ends with exec and the program"
        what = f"{each.waits} waits for the program, and SIGTERM reaches {each.waits} alone"
        yield repository.entry, f"{what}: {instead}"


@rule("warning", "C4", "C6", of_image=True)
def launcher_unknown(repository: Repository) -> Found:
    """SIGTERM reaches process 1 alone. Where that is a launcher or a script that the check can't
    read, it may replace itself by the program (exec), hand the signal on, or keep it. Look:
    `docker run --rm --entrypoint cat IMAGE SCRIPT` shows whether it ends in exec; with the
    container running, `docker exec CONTAINER ps -p 1 -o args` shows what process 1 is."""
    for each in repository.starts:
        if each.unsure:
            what = f"the check can't tell whether {each.unsure} hands SIGTERM on to the program: "
            what += "see that it ends in exec (docker exec CONTAINER ps -p 1 -o args), "
            yield repository.entry, what + "or name the program itself in ENTRYPOINT"
        elif each.stops and not each.refuses and not each.words:
            what = "the check sees no program that the script behind ENTRYPOINT runs"
            yield repository.entry, f"{what}: end the script with exec and the program"


@rule("error", "C7", of_image=True)
def tini(repository: Repository) -> Found:
    """AWS's guide: "You can't use the tini initializer as your entry point script in SageMaker
    containers because it gets confused by the train and serve arguments." Under plain docker
    tini does work where a program follows it; without one it looks for a program called
    "train". Let ENTRYPOINT begin with the program. A base image may bring tini in its own
    ENTRYPOINT; yours replaces it."""
    found = [each.init for each in repository.starts if each.init in TINI]
    if found and repository.image.entrypoint and not named_in_cmd(repository):
        what = f"ENTRYPOINT begins with {found[0]}, which AWS's guide rules out"
        yield repository.entry, f"{what}: {advice(repository)}"


SERVE = {"serve", "server"}


@rule("error", "C22", "C2")
def serve_argument(repository: Repository) -> Found:
    """Words in ENTRYPOINT come before the "train" that SageMaker adds: ["python", "train.py",
    "serve"] starts `python train.py serve train`. "serve" is the word for hosting; a training
    job must not give it, and the program of this repository refuses it."""
    arguments = [word for each in repository.starts for word in each.program.arguments]
    found = next((word for word in arguments if word in SERVE), None)
    if found:
        what = f'ENTRYPOINT gives the argument "{found}", which comes before SageMaker\'s "train"'
        yield repository.entry, f"{what}: {advice(repository)}"
    words = repository.asked("AlgorithmSpecification", "ContainerArguments")
    if isinstance(words, list) and SERVE & {str(each) for each in words}:
        what = 'ContainerArguments hands "serve" to a training job: write ["train"]'
        yield repository.line_of("ContainerArguments"), what


@rule("warning", "C1", of_image=True)
def train_on_path(repository: Repository) -> Found:
    """Without an ENTRYPOINT SageMaker's word "train" is looked for on the PATH, and finds a
    program of that name: AWS's own other way, right as it is. An ENTRYPOINT that names the
    program would say the same to whoever reads the Dockerfile, and `docker run IMAGE` would
    start it on a laptop too."""
    there, path = repository.contents.train_program
    by_init = repository.contents.base.start == "tini --"
    if there and not by_init and not repository.image.entrypoint:
        where = path or "the training toolkit's"
        what = f'"train" is found on the PATH ({where}), and no ENTRYPOINT says so'
        what += ": naming the program there would make `docker run IMAGE` start it too"
        yield repository.entry, what


@rule("warning", "C2", of_image=True)
def cmd_ignored(repository: Repository) -> Found:
    """SageMaker's word "train" replaces CMD, so what stands there never arrives at the program.
    On a laptop it does, and the two runs differ. Defaults belong into the program."""
    image = repository.image
    if not image.cmd or not image.entrypoint or any(other_program.find(repository)):
        return
    runs = any(each.words and not each.is_train for each in repository.starts)
    if runs or image.entrypoint.json is None:
        what = 'CMD stands beside ENTRYPOINT, and SageMaker replaces it by the word "train"'
        yield image.cmd, f"{what}: remove it"


@rule("warning", "C2", of_image=True)
def fixed_argument(repository: Repository) -> Found:
    """Words behind the program in ENTRYPOINT come before SageMaker's "train" on every job, and
    no hyperparameter of the request changes them. The program of this repository takes nothing
    before "train". Write defaults in the program, values in training-job.json."""
    entry = repository.image.entrypoint
    if not repository.language or not entry or any(other_program.find(repository)):
        return
    for each in repository.starts:
        words = each.own_program.arguments
        if words and not SERVE & {*words} and {*words} <= {*(entry.json or ())}:
            what = f'ENTRYPOINT fixes "{" ".join(words)}", which comes before SageMaker\'s "train"'
            yield entry, f"{what}: remove it, set hyperparameters in training-job.json"
            return


@rule("warning", "C7", "C6", of_image=True)
def other_init(repository: Repository) -> Found:
    """An init in front passes SIGTERM on and collects orphans. AWS's guide rules out tini and
    is silent on others; a program that handles SIGTERM as process 1, as this one does, needs
    none."""
    found = [each.init for each in repository.starts if each.init and each.words]
    if found and found[0] not in TINI:
        what = f"ENTRYPOINT begins with the init {found[0]}, of which AWS's guide says nothing"
        yield repository.entry, f"{what}: {advice(repository)}"


@rule("warning", "C5", of_image=True)
def stop_signal(repository: Repository) -> Found:
    """To stop a job the service does as `docker stop` does, which sends the signal of STOPSIGNAL,
    and SIGTERM where the image names none. The program of this repository handles SIGTERM alone:
    at another signal it ends without its checkpoint and model."""
    for each in repository.image.named("STOPSIGNAL") if repository.language else ():
        if each.rest.upper() not in ("SIGTERM", "TERM", "15"):
            what = f"STOPSIGNAL {each.rest} takes the place of SIGTERM, which the program handles"
            yield each, f"{what}: remove it"


@rule("warning", "C24", "C1", of_image=True)
def code_place(repository: Repository) -> Found:
    """The program may lie anywhere; the template and AWS's own guide use /opt/ml/code.
    /opt/ml/train is a mistake read in tutorials: SageMaker does not look there, "train" is a
    word on the command line, and the rest of /opt/ml is reserved."""
    image = repository.image
    for each, target, _ in image.copies:
        if is_within(target, "/opt/ml/train") or target in ("/opt/ml/train.py", "/opt/ml/train.R"):
            what = f"{each.name} lays the program at {target}, where SageMaker does not look "
            what += '("train" is a word on the command line): copy it to /opt/ml/code/'
            yield each, what
    found = [each.program for each in repository.starts if not each.folder]
    if not repository.language or not found or not found[0].script or found[0].kind == "module":
        return
    path = image.path(found[0].script)
    folder = image.workdir if found[0].kind == "class" else posixpath.dirname(path)
    right = is_within(folder, "/opt/ml/code") or posixpath.dirname(path) == "/opt/ml"
    if not right and not is_within(path, "/opt/ml/train") and "$" not in folder:
        what = f"the program lies in {folder}, and AWS's guide copies code to /opt/ml/code"
        yield repository.entry, f"{what}: write WORKDIR /opt/ml/code and copy it there"
