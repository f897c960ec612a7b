"""Go's texts of floating-point numbers, without the flags of printf.

Source of the rules: strconv.FormatFloat of Go.
"""

import math
from decimal import Decimal
from fractions import Fraction


def float_text(value: float, shape: str, precision: int | None) -> str:
    """A number in one of the shapes b e E f g G x X; precision None writes as many digits as tell it apart.

    A minus sign is written, a plus sign only before Inf.
    """
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else f"{'+' if value > 0 else '-'}Inf"
    if shape == "b":
        return _binary(value)
    if shape in "xX":
        text = _hexadecimal(value, precision)
        return text.upper() if shape == "X" else text
    if precision is None:
        text = _shortest(value)
        return text.upper() if shape == "G" else text
    return f"{value:.{precision}{shape}}"


def _shortest(value: float) -> str:
    sign, digits, exponent = _digits(value)
    if exponent < -4 or exponent >= 6:
        return sign + _scientific(digits, exponent)
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    whole = digits[: exponent + 1].ljust(exponent + 1, "0")
    rest = digits[exponent + 1 :]
    return f"{sign}{whole}.{rest}" if rest else sign + whole


def _digits(value: float) -> tuple[str, str, int]:
    """Sign, shortest digits without zeros around them, and the power of ten of the first digit."""
    exact = Decimal(repr(abs(value)))
    digits = "".join(map(str, exact.as_tuple().digits)).strip("0") or "0"
    return _sign(value), digits, exact.adjusted() if value else 0


def _sign(value: float) -> str:
    return "-" if math.copysign(1.0, value) < 0 else ""


def _scientific(digits: str, exponent: int) -> str:
    point = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{point}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _parts(value: float) -> tuple[int, int]:
    """The mantissa of 53 bits (fewer for the smallest numbers) and its power of two."""
    mantissa, exponent = math.frexp(abs(value))
    whole, power = int(mantissa * 2**53), exponent - 53
    # The smallest numbers have fewer bits, and Go counts them from the last one there is.
    return (whole >> (-1074 - power), -1074) if power < -1074 else (whole, power)


def _binary(value: float) -> str:
    mantissa, power = _parts(value) if value else (0, -1074)
    return f"{_sign(value)}{mantissa}p{power:+d}"


def _hexadecimal(value: float, precision: int | None) -> str:
    mantissa, exponent = math.frexp(abs(value))
    scaled, exponent = (Fraction(mantissa) * 2, exponent - 1) if value else (Fraction(0), 0)
    places = 13 if precision is None else precision
    whole = round(scaled * 16**places)  # half to even, as Go
    if whole >= 2 * 16**places:
        whole, exponent = whole // 2, exponent + 1
    digits = f"{whole % 16**places:0{places}x}" if places else ""
    digits = digits.rstrip("0") if precision is None else digits
    point = f".{digits}" if digits else ""
    return f"{_sign(value)}0x{whole // 16**places}{point}p{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
