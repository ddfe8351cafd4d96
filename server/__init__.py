"""The process: settings, composition root, command line, worker and embedded services."""


class CannotRun(Exception):
    """An expected reason why a command cannot do its work.

    The text is what the person at the console reads, in Chinese and without a traceback: what is wrong
    and what to do about it. The command line prints it and ends with status 2.
    """
