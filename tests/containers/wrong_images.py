"""Wrong images: a contract test, the lines on top of the right image that it must find, its words."""

import json


def program(script):
    """Return an ENTRYPOINT that runs a script, which gets the service's words."""
    places = "C=/opt/ml/input/config D=/opt/ml/input/data M=/opt/ml/model K=/opt/ml/checkpoints"
    return f"ENTRYPOINT {json.dumps(['sh', '-c', f'{places}; {script}', 'sh'])}"


def before(script):
    """Return a program that does something, then trains."""
    return program(f'{script}\nexec python train.py "$@"')


def after(script):
    """Return a program that trains, then goes on with something."""
    return program(f'python train.py "$@" {script}')


def unless(condition):
    """Return a program that ends without a word unless something holds, else trains."""
    return program(f'{condition} || exit 1; exec python train.py "$@"')


def source(name, pattern, replacement):
    """Return an edit of the program's own code."""
    return f"RUN sed -i 's/{pattern}/{replacement}/' job/{name}.py"


FAILURE = "/opt/ml/output/failure"
SWALLOWS = after("|| true")
LOSES = 'trap "kill -9 \\$!; rm -f $K/*; exit 0" TERM; python train.py "$@" & wait'
WRITES = "(while sleep .02; do echo x >> $K/state; done) &"

# fmt: off
WRONG = [
    # How it is started and stopped.
    ("c1_the_word", 'ENTRYPOINT ["false"]', "every job will"),
    ("c2_", 'CMD ["--rounds", "3"]', "CMD ['--rounds', '3']: it never runs"),
    ("c4_", "ENTRYPOINT python train.py", "Write it as a list"),
    ("c5_c6_", after("; exit $?"), "SIGTERM did not end the training within 3 s"),
    ("c5_a_stopped", program(LOSES), "has paid for nothing"),
    ("c7_", 'ENTRYPOINT ["/usr/bin/tini", "--", "python", "train.py"]', "begins with /usr/bin/tini"),
    ("c8_", unless('[ "$1" ]'), "Without a word the image does not train"),
    ("c9_", program("exec python train.py train"), "ContainerArguments do not reach"),
    ("c10_", unless('[ "$1" = train ]'), "With the words `--name value`"),
    ("c14_", unless("stty size"), "asks for a terminal"),
    ("c22_", program("exec python train.py train"), "does not refuse"),
    # What it reads.
    ("c27_", source("hyperparameters", r"values\[name\] = .*", "pass"), "A wrong value of rounds is not refused by name"),
    ("c28_", unless("grep rounds $C/hyperparameters.json"), "nor says which it needs"),
    ("c29_", unless("[ $(wc -c < $C/hyperparameters.json) -lt 9999 ]"), "as many and as long"),
    ("c30_", unless("! grep -F '\\\"' $C/hyperparameters.json"), "encodes in its own way"),
    ("c31_", unless("! grep sagemaker_ $C/hyperparameters.json"), "tuning jobs add by themselves"),
    ("c32_", unless("[ ! -e $D/code ]"), "A channel of another name"),
    ("c33_", unless("[ -e $D/training ]"), "Without any channel"),
    ("c34_", unless("grep current_instance_type $C/resourceconfig.json"), "that AWS does not promise"),
    ("c38_", unless("! grep capacityUnitId $C/resourceconfig.json"), "can't read a `topology`"),
    ("c42_", unless("[ -e $D/training ]"), "Where channel training is missing"),
    ("c43_an_empty", unless('[ "$(ls $D/training)" ]'), "Where channel training is empty"),
    ("c43_markers", unless("[ ! -e $D/training/_SUCCESS ]"), "A marker file"),
    ("c43_file_names", unless("! ls $D/training | grep ' '"), "A file whose name has a blank"),
    ("c44_", unless("[ ! -e $D/training-manifest ]"), "is taken for a channel"),
    ("c45_", unless("touch $D/training/cache"), "writes into /opt/ml/input"),
    ("c46_", unless("! grep FastFile $C/inputdataconfig.json"), "FastFile mode is refused"),
    ("c50_", unless("! grep Pipe $C/inputdataconfig.json"), "Pipe mode is not refused by a sentence"),
    ("c51_", unless("[ -e $D/training/penguins.csv ]"), "Files in sub-folders"),
    ("c52_", unless("! grep Sharded $C/inputdataconfig.json"), "ShardedByS3Key is refused"),
    ("c53_", unless("! grep FastFile $C/inputdataconfig.json"), "different input modes"),
    # What comes of it.
    ("c56_broken", SWALLOWS, "ends with exit code 0: Completed"),
    ("c56_garbage", SWALLOWS, "With data that is no data the job is Completed"),
    ("c56_a_model", SWALLOWS, "The model could not be saved"),
    ("c57_", after("|| exit 137"), "ends with exit code 137, which"),
    ("c58_a_failure", after(f"|| {{ rm {FAILURE}; exit 1; }}"), "The FailureReason will be"),
    ("c58_a_failure", after(f"|| {{ echo 'Traceback (most recent call last):' > {FAILURE}; exit 1; }}"), "cut off before its cause"),
    ("c58_a_failure", after(f"|| {{ printf '\\033[31mno' > {FAILURE}; exit 1; }}"), "has control characters"),
    ("c58_success", after(f"&& touch {FAILURE}"), "takes it for failed"),
    ("c59_", after("&& mkfifo $M/pipe"), "links or pipes (pipe)"),
    ("c60_", after("&& rm -r $M/*"), "leaves no model"),
    ("c93_lines", after("> /tmp/log; cat /tmp/log"), "came while it trained"),
    ("c93_the_log", before("printf '\\033[1mbold\\n'"), "CloudWatch shows garbage"),
    ("c94_", after("| tr = :"), "No line of the log matches the Regex of training:log_loss"),
    # Checkpoints.
    ("c64_checkpoints", source("checkpoints", "self._kept = .*", "self._kept = False"), "left 0 files in /opt/ml/checkpoints"),
    ("c64_without", unless("[ -e $K ]"), "each job that has no CheckpointConfig"),
    ("c64_c65_", unless("[ ! -e $K/notes.txt ]"), "One damaged or foreign file"),
    ("c65_checkpoints", before(WRITES), "state grew under its final name"),
    ("c65_the_uploaders", unless("! ls $K | grep uploaded"), "A mark of SageMaker's uploader"),
    ("c61_", before("touch $M/part"), "Two hosts both leave part"),
    ("c66_", before("touch $K/log"), "Two hosts both write log"),
    ("c67_c68_", before("rm -f $K/*"), "does not resume from the checkpoints"),
    # The image.
    ("c24_", "RUN touch /opt/ml/lookup.csv", "The image holds /opt/ml/lookup.csv"),
    ("c72_", unless("touch /var/log/train"), "writes outside /opt/ml and /tmp"),
    ("c78_", "ENV AWS_SECRET_ACCESS_KEY=x", "AWS keys are in the image"),
    ("c78_", "RUN mkdir /root/.aws && touch /root/.aws/credentials", "AWS keys are in the image"),
    ("c80_", "USER nobody", "USER is nobody"),
    ("c81_", "USER nobody", "can't write to folders of root"),
    ("c82_", "LABEL of=another-machine", "The image is for linux/arm64"),
    ("c88_", "RUN touch /usr/lib/libcuda.so.550", "The image brings /usr/lib/libcuda.so.550"),
    ("c100_", unless("[ -e /sys/class/net/eth0 ]"), "Without network it fails"),
]
