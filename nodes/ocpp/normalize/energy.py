"""The energy in a list of meter values (1.6 ``MeterValue``, 2.x ``MeterValueType``)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from busway.nodes.ocpp.versions import Compat

_ENERGY: Final = "Energy.Active.Import.Register"
_NUMBER: Final = re.compile(r"\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_SCALES: Final = {"kwh": 3}
_LARGEST_EXPONENT: Final = 30


def extract_meter_value(meter_values: Any, *, compat: Compat = "strict") -> int | float | None:
    """The energy register's value in Wh, or None where nothing was measured.

    The first sampled value without measurand or with ``Energy.Active.Import.Register`` counts; without any, the very
    first sampled value, whatever it measures. Unit and multiplier (1.6 ``unit``, 2.x ``unitOfMeasure``) are applied,
    values that are no number are passed over. ``compat="seed"`` does neither, and reads as much of a text as is a
    number.
    """
    samples = list(_samples(meter_values))
    energies = [sample for sample in samples if not sample.get("measurand") or sample["measurand"] == _ENERGY]
    candidates = energies or samples[:1]
    if compat == "seed":
        return _leading_number(candidates[0].get("value")) if candidates else None
    return next((value for sample in candidates if (value := _measured(sample)) is not None), None)


def _samples(meter_values: Any) -> Iterator[dict[str, Any]]:
    for meter_value in meter_values if isinstance(meter_values, list) else ():
        sampled = meter_value.get("sampledValue") if isinstance(meter_value, dict) else None
        if isinstance(sampled, list):
            yield from (sample for sample in sampled if isinstance(sample, dict))


def _measured(sample: dict[str, Any]) -> int | float | None:
    value = sample.get("value")
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
        return None
    number = _leading_number(value)
    exponent = _exponent(sample)
    return number if number is None or exponent == 0 else _scaled(number, exponent)


def _leading_number(value: Any) -> int | float | None:
    """``parseFloat``, with None for not-a-number and for what JSON cannot write."""
    if isinstance(value, str):
        found = _NUMBER.match(value)
        value = float(found[0]) if found else None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return _plain(value)


def _plain(value: int | float) -> int | float | None:
    if isinstance(value, int):
        return value
    if not math.isfinite(value):
        return None
    return int(value) if value.is_integer() else value


def _exponent(sample: dict[str, Any]) -> int:
    described = sample.get("unitOfMeasure")
    described = described if isinstance(described, dict) else {}
    unit, multiplier = described.get("unit", sample.get("unit")), described.get("multiplier")
    scale = _SCALES.get(unit.lower(), 0) if isinstance(unit, str) else 0
    return scale + (multiplier if type(multiplier) is int else 0)


def _scaled(number: int | float, exponent: int) -> int | float | None:
    """Decimal arithmetic: 1.001 kWh are 1001 Wh, not 1000.9999999999999."""
    if abs(exponent) > _LARGEST_EXPONENT:
        return None
    return _plain(float(Decimal(repr(number)).scaleb(exponent)))
