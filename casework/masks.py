"""How personal values are shown where their full form is not needed."""


def masked_name(name: str) -> str:
    """The surname and stars: ``张**``; messages carry no more of a name."""
    return name[:1] + "*" * max(1, min(2, len(name) - 1))


def masked_id_no(id_no: str) -> str:
    """An ID number with the birth date and the sequence hidden: ``431***********0015``."""
    return id_no[:3] + "*" * (len(id_no) - 7) + id_no[-4:]


def masked_phone(phone: str) -> str:
    """A telephone number with its middle hidden: ``138****0000``."""
    return phone[:3] + "****" + phone[-4:]
