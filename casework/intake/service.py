"""From a report to its verification: submit, add, accept, verify, correct, withdraw, read."""

from casework.intake.additions import Adding
from casework.intake.reading import Reading
from casework.intake.submitting import Submitting
from casework.intake.verifying import Verifying
from casework.intake.withdrawing import Withdrawing


class Intakes(Submitting, Adding, Verifying, Withdrawing, Reading):
    """Use cases about reports, each in the file of those who do it."""
