"""How personal values are shown where their full form is not needed."""


def masked_name(name: str) -> str:
    """The surname and stars: ``张**``; messages carry no more of a name."""
    return name[:1] + "*" * max(1, min(2, len(name) - 1))


def _ends_only(text: str) -> str:
    """The first three and the last four characters; all is hidden where that would leave fewer than
    four stars between them."""
    hidden = len(text) - 7
    return text[:3] + "*" * hidden + text[-4:] if hidden >= 4 else "*" * len(text)


def masked_id_no(id_no: str) -> str:
    """An ID number without its county and birth date: ``431***********0015``."""
    return _ends_only(id_no)


def masked_phone(phone: str) -> str:
    """A telephone number without its middle: ``138****0000``."""
    return _ends_only(phone)
