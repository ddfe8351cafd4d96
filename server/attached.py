"""What a running demo writes down about itself, so that other commands work on it."""

import fcntl
import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from server.settings import PREFIX, Settings, load_settings

#: The note, and the lock that the demo holds as long as it runs, in its data folder.
RUN = "run.json"
LOCK = "demo.lock"


class Part(BaseModel):
    """A process of a running demo: its id, where it listens (may be empty), and its log."""

    model_config = ConfigDict(frozen=True)

    pid: int
    address: str = ""
    log: Path


class Run(BaseModel):
    """What a running demo writes down for other commands.

    Attributes:
        pid: the demo's own process.
        public_url: where people reach the service.
        simulator_url: where the simulated phones are.
        parts: its processes by name.
        environment: what to set to work on the same data, **with the secrets**.
    """

    model_config = ConfigDict(frozen=True)

    pid: int
    public_url: str
    simulator_url: str
    parts: dict[str, Part] = {}
    environment: dict[str, str] = {}


def read_run(data_dir: Path) -> Run | None:
    """Return what the demo that runs on a data folder has written down.

    Args:
        data_dir: the folder; it need not exist.

    Returns:
        The run, or None where no demo runs there (also when one was killed and left its note behind).
    """
    try:
        run = Run.model_validate_json((data_dir / RUN).read_bytes())
        lock = (data_dir / LOCK).open("rb")
    except (OSError, ValidationError):
        return None
    # A process id alone may have been given to another program since; the lock ends with its holder.
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return run if _is_alive(run.pid) else None
    return None


def load_attached_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings, working on the demo that runs in the data folder where there is one.

    Args:
        environ: the environment; the process's own when omitted. It says otherwise, and no demo is
            looked for, when it names another mode, another MongoDB or another Redis. Any other value
            it gives goes before the demo's.

    Returns:
        The settings.

    Raises:
        SettingsError: as `load_settings`.
    """
    given = {
        name: value for name, value in (os.environ if environ is None else environ).items() if value.strip()
    }
    run = read_run(Path(given.get(f"{PREFIX}DATA_DIR", "var")).expanduser().absolute())
    if run is None:
        return load_settings(given)
    for name in (f"{PREFIX}MODE", f"{PREFIX}MONGODB_URI", f"{PREFIX}REDIS_URL"):
        # Half of one installation's settings with half of another's would mix their keys and data.
        if name in given and given[name] != run.environment.get(name):
            return load_settings(given)
    return load_settings(run.environment | given)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
