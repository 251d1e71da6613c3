"""Numbers, money and times as the reader's language has them (CLDR, by Babel); in English just as the page writes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_datetime
from babel.numbers import format_currency, format_decimal, format_percent

from events.errors import Rejected
from query.moments import zone_of

MINUS = "−"
NARROW = "\u202f"
NOTHING = "–"
MONEY = ("revenue", "cac", "ltv", "arpu")
RATES = ("conversion", "churn")


@dataclass(frozen=True)
class Writing:
    """Writes for one reader. ``digits``: of the minor unit of the currency that is written."""

    locale: Locale
    zone: ZoneInfo

    @classmethod
    def of(cls, language: str, zone: str) -> Writing:
        """Raises ``Rejected`` for a language or a zone that there is not."""
        try:
            locale = Locale.parse(language.replace("-", "_"))
        except (UnknownLocaleError, ValueError, TypeError):
            raise Rejected("language", f"must be a language such as en, de or fr-CH, got {language[:40]!r}") from None
        return cls(locale, zone_of(zone))

    def number(self, value: float | None) -> str:
        """12,345 or 0.303: whole where it is whole or large, else three digits."""
        if value is None:
            return NOTHING
        pattern = "#,##0" if float(value).is_integer() or abs(value) >= 1_000 else None
        text = format_decimal(
            value if pattern else float(f"{value:.3g}"), pattern, self.locale, decimal_quantization=bool(pattern)
        )
        return text.replace("-", MINUS)

    def money(self, minor: float | None, currency: str, digits: int = 2) -> str:
        """€1,234 of minor units: whole units from a hundred on."""
        if minor is None:
            return NOTHING
        units = minor / 10**digits
        if abs(units) >= 100:
            pattern = self.locale.currency_formats["standard"].pattern.replace(".00", "")
            text = format_currency(units, currency, pattern, self.locale, currency_digits=False)
        else:
            text = format_currency(units, currency, locale=self.locale)
        return text.replace("-", MINUS)

    def percent(self, fraction: float | None) -> str:
        """32.8 %, with two digits below a tenth."""
        if fraction is None:
            return NOTHING
        digits = 2 if fraction != 0 and abs(fraction) < 0.1 else 1
        text = format_decimal(fraction * 100, "0." + "0" * digits, self.locale)
        return f"{text.replace('-', MINUS)}{NARROW}%"

    def change(self, fraction: float | None) -> str:
        """+12.3 %."""
        if fraction is None:
            return ""
        sign = "+" if fraction > 0 else MINUS if fraction < 0 else "±"
        percent = abs(fraction) * 100
        text = format_decimal(percent, "0.0" if percent < 1000 else "#,##0", self.locale)
        return f"{sign}{text}{NARROW}%"

    def figure(self, name: str, value: float | None, said: Mapping[str, Any]) -> str:
        """A figure of the executive summary."""
        if name in MONEY:
            return self.money(value, said["currency"], said["currency_digits"])
        return self.percent(value) if name in RATES else self.number(value)

    def whole_percent(self, fraction: float) -> str:
        return format_percent(fraction, locale=self.locale)

    def time(self, at: datetime | float | str) -> str:
        """A moment in the reader's zone."""
        if isinstance(at, str):
            at = datetime.fromisoformat(at)
        elif not isinstance(at, datetime):
            at = datetime.fromtimestamp(at, UTC)
        return format_datetime(at, "medium", tzinfo=self.zone, locale=self.locale)
