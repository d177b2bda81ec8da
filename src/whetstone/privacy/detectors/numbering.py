"""What numbering plans know, as cheap tests on digits; the plans themselves come from `phonenumbers`."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

# Countries whose national numbers are recognised, most speakers of the supported languages first.
REGIONS: Final = (
    "US", "GB", "DE", "FR", "ES", "IT", "NL", "BE", "CH", "AT", "PL", "SE", "NO", "DK", "FI", "PT", "BR", "MX", "IN",
    "AU", "NZ", "ZA", "JP", "CN", "KR", "TR", "RU", "UA", "IE", "SG", "IL", "CZ", "HU", "RO", "GR", "HK", "TW", "ID",
    "PH", "TH", "VN", "MY", "PK", "BD", "EG", "NG", "KE", "AE", "SA", "AR", "CL", "CO", "PE",
)  # fmt: skip
# Mobile numbers so regular that they are written without any separator.
_MOBILE_REGIONS: Final = (
    "GB",
    "DE",
    "FR",
    "NL",
    "BE",
    "CH",
    "AT",
    "AU",
    "NZ",
    "ZA",
    "JP",
    "KR",
    "IE",
    "IL",
    "SE",
    "TR",
)


def _metadata(region: str) -> PhoneMetadata | None:
    return PhoneMetadata.metadata_for_region(region)


@cache
def _lengths(country_code: str) -> frozenset[int]:
    """Lengths of the national numbers under a country code; empty for codes that do not exist."""
    lengths: set[int] = set()
    for region in COUNTRY_CODE_TO_REGION_CODE.get(int(country_code), ()):
        data = PhoneMetadata.metadata_for_region_or_calling_code(int(country_code), region)
        if data is not None and data.general_desc is not None:
            lengths.update(data.general_desc.possible_length)
    return frozenset(lengths)


def is_international(digits: str) -> bool:
    """Whether digits after a plus sign can be a number: a country code and a national number of a possible length.

    A zero after the country code, as in +44 (0)20 …, may be left over from the national form.
    """
    for length in (1, 2, 3):
        lengths = _lengths(digits[:length])
        if lengths:
            rest = digits[length:]
            return len(rest) in lengths or (rest.startswith("0") and len(rest) - 1 in lengths)
    return False


def _kinds(region: str, mobile_only: bool) -> str:
    data = _metadata(region)
    if data is None:
        return "(?!)"
    descriptions = [data.mobile]
    if not mobile_only:
        descriptions += [
            data.fixed_line,
            data.toll_free,
            data.shared_cost,
            data.voip,
            data.personal_number,
            data.uan,
        ]
    patterns = [one.national_number_pattern for one in descriptions if one is not None]
    return "|".join(f"(?:{pattern})" for pattern in patterns if pattern) or "(?!)"


@cache
def _national() -> re.Pattern[str]:
    parts = []
    for region in REGIONS:
        data = _metadata(region)
        trunk = "" if data is None or data.national_prefix is None else data.national_prefix
        parts.append(f"(?:{trunk})?(?:{_kinds(region, mobile_only=False)})")
    return re.compile("|".join(f"(?:{part})" for part in parts))


@cache
def _mobile() -> re.Pattern[str]:
    return re.compile("|".join(f"0(?:{_kinds(region, mobile_only=True)})" for region in _MOBILE_REGIONS))


def is_national(digits: str) -> bool:
    """Whether digits, with or without the trunk prefix, are a number of the plan of one of the regions."""
    return _national().fullmatch(digits) is not None


def is_mobile(digits: str) -> bool:
    """Whether digits that begin with zero are the mobile number of a country that writes them so."""
    return _mobile().fullmatch(digits) is not None
