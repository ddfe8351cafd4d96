"""The process: settings, composition root, command line, worker and embedded services."""

import os

# Motor runs each call in a thread and makes ten of them where there are two cores. Most of a call is
# waiting for the disk, so ten would be the most transactions under way at once. Motor reads this when it
# is first imported, which is after this package.
os.environ.setdefault("MOTOR_MAX_WORKERS", "64")


class CannotRun(Exception):
    """An expected reason why a command cannot do its work.

    The text is what the person at the console reads, in Chinese and without a traceback: what is wrong
    and what to do about it. The command line prints it and ends with status 2.
    """
