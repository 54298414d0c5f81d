"""A headless Chromium, spoken to over two pipes: pages as a person sees them."""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import time

from support import unavailable

# A browser that asks nobody and keeps nothing.
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--hide-scrollbars --disable-background-networking --disable-component-update "
    "--remote-debugging-pipe"
)


class Browser:
    """One tab. `requests` are the addresses that it asked for."""

    def __init__(self, folder):
        """Start Chromium with a profile in a folder."""
        program = shutil.which("chromium") or shutil.which("google-chrome")
        if not program:
            unavailable("There is no chromium on this machine.")
        theirs, self.out = os.pipe()
        self.into, others = os.pipe()
        # Chromium reads commands from descriptor 3 and answers on 4.
        script = f'exec "$@" 3<&{theirs} 4>&{others} 2>/dev/null'
        command = [program, *FLAGS.split(), f"--user-data-dir={folder}"]
        self.process = subprocess.Popen(
            ["bash", "-c", script, "bash", *command], pass_fds=(theirs, others)
        )
        os.close(theirs)
        os.close(others)
        self.number, self.rest, self.session, self.requests = 0, b"", None, []
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        attached = self.ask("Target.attachToTarget", targetId=target, flatten=True)
        self.session = attached["sessionId"]
        for domain in ("Page", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method, **params):
        """Return the answer to a command of the DevTools protocol."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        wanted = self.number
        while True:
            answer = self.hear()
            if answer.get("id") == wanted:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def hear(self):
        """Return the next message; note what the page asks for."""
        while b"\0" not in self.rest:
            more = os.read(self.into, 1 << 20)
            assert more, "Chromium has ended."
            self.rest += more
        line, _, self.rest = self.rest.partition(b"\0")
        message = json.loads(line)
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"]["url"])
        return message

    def open(self, address, width=1280, height=900, dark=False):
        """Open a page in a window of this size, in a light or a dark system, and wait for it."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])
        self.ask("Page.navigate", url=address)
        while self.hear().get("method") != "Page.loadEventFired":
            pass
        self.run("document.fonts.ready.then(() => null)")

    def run(self, script):
        """Return what a script, or the promise that it makes, comes to in the page."""
        done = self.ask(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def wait(self, script):
        """Return what a script comes to, once that is true; a wait of half a minute is in vain."""
        end = time.monotonic() + 30
        while True:
            # Between two pages there is nothing that could run it.
            with contextlib.suppress(RuntimeError):
                found = self.run(script)
                if found:
                    return found
            assert time.monotonic() < end, script
            time.sleep(0.05)

    def picture(self, file):
        """Save the whole page as a PNG."""
        size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "scale": 1, **{k: size[k] for k in ("width", "height")}}
        shot = self.ask("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(shot["data"]))

    def close(self):
        """End Chromium."""
        self.process.kill()
        self.process.wait()
        os.close(self.out)
        os.close(self.into)
