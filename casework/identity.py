"""ID numbers and telephone numbers of the mainland."""

import re
import unicodedata
from datetime import date

from stdnum.exceptions import ValidationError
from stdnum.iso7064 import mod_11_2

_ID_NO = re.compile(r"([0-9]{17}[0-9X])([0-9]{2}|[0-9]{4})?")
_PHONE = re.compile(r"1[3-9][0-9]{9}")


def _half_width(text: str) -> str:
    """`text` without spaces, its full-width digits and letters (１２Ｘ) made plain: Chinese keyboards
    type both, and one number must have one form to be found by."""
    return "".join(unicodedata.normalize("NFKC", text).split())


def normal_id_no(text: str) -> str:
    """The 18-digit ID number in `text`, which may be a disability card number (20 or 22 digits).

    Spaces are dropped, full-width digits and a small x made plain. Checked are length, birth date and
    check digit (GB 11643, ISO 7064 MOD 11-2). The first six digits are not: division codes come and
    go, and people keep the one they were born with. Raises `ValueError` with a Chinese sentence.
    """
    match = _ID_NO.fullmatch(_half_width(text).upper())
    if not match:
        raise ValueError("身份证号应为 18 位，请核对")
    id_no = match.group(1)
    try:
        mod_11_2.validate(id_no)
    except ValidationError:
        raise ValueError("身份证号校验不通过，请逐位核对") from None
    birth_date(id_no)
    return id_no


def birth_date(id_no: str) -> date:
    """The date of birth inside a normal ID number; raises `ValueError` in Chinese."""
    try:
        return date(int(id_no[6:10]), int(id_no[10:12]), int(id_no[12:14]))
    except ValueError:
        raise ValueError("身份证号中的出生日期不对，请核对") from None


def age_on(birth: date, day: date) -> int:
    """Full years of age on `day`."""
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


def normal_phone(text: str) -> str:
    """An 11-digit mobile number; spaces, dashes and +86 are dropped, full-width digits made plain.

    Raises `ValueError` in Chinese.
    """
    digits = _half_width(text).replace("-", "").removeprefix("+86")
    if not _PHONE.fullmatch(digits):
        raise ValueError("手机号应为 11 位，请核对")
    return digits
