"""The hosts of a job, and their ranks."""

from dataclasses import dataclass

from job import TrainingFailure
from job.files import read_config


@dataclass(frozen=True)
class Hosts:
    """The hosts of a job in the order of their ranks, and the one that this is."""

    names: list[str]
    current: str

    @property
    def rank(self) -> int:
        """Return the place of this host among the sorted names (C35, C36)."""
        return self.names.index(self.current)

    @property
    def leads(self) -> bool:
        """Return whether this is the host that writes the model and the checkpoints (C61, C66)."""
        return self.rank == 0

    @property
    def several(self) -> bool:
        """Return whether there are other hosts than this one."""
        return len(self.names) > 1

    @property
    def others(self) -> list[str]:
        """Return the names of the other hosts."""
        return [name for name in self.names if name != self.current]

    def refuse_several(self) -> None:
        """Raise TrainingFailure where there are other hosts: see C97."""
        if self.several:
            raise TrainingFailure(
                f"This program trains on one host and the job has {len(self.names)} "
                f"({', '.join(self.names)}): set InstanceCount to 1, or leave out --hosts."
            )


ONE_HOST = Hosts(["algo-1"], "algo-1")


def read_hosts() -> Hosts:
    """Return the hosts of resourceconfig.json (C34); without it, one.

    One that is not among the hosts is added to them: somebody must lead. Raises TrainingFailure
    where it does not say which of several this is.
    """
    config = read_config("resourceconfig.json") or {}
    names = config.get("hosts") or []
    current = config.get("current_host") or (names or [ONE_HOST.current])[0]
    if len(names) > 1 and not config.get("current_host"):
        raise TrainingFailure(
            f"resourceconfig.json has no current_host: which of {', '.join(names)} is this?"
        )
    return Hosts(sorted({*names, current}), current)
