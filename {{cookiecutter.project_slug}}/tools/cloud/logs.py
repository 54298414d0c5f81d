"""What CloudWatch keeps of a log, page by page."""

from __future__ import annotations

from collections.abc import Iterator

from cloud.aws import Aws


class Stream:
    """A stream of a log, read from its beginning."""

    def __init__(self, aws: Aws, group: str, name: str) -> None:
        self.aws = aws
        self.request = {"logGroupName": group, "logStreamName": name, "startFromHead": True}

    def new_lines(self) -> Iterator[str]:
        """Yield the messages that came since the last time; the same token again is the end."""
        ended = False
        while not ended:
            page = self.aws.call("logs", "get-log-events", self.request)
            yield from (event["message"] for event in page["events"])
            ended = page["nextForwardToken"] == self.request.get("nextToken")
            self.request["nextToken"] = page["nextForwardToken"]
