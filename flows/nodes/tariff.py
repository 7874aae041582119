"""A custom node: what a charging session costs."""

from typing import Annotated

from busway import Config, Field, Message, Node, NodeError, Unit


class TariffConfig(Config):
    per_kwh: Annotated[float, Unit("EUR/kWh")] = Field(0.45, ge=0, title="Energy", description="Price of the energy.")
    per_minute: Annotated[float, Unit("EUR/min")] = Field(0, ge=0, title="Time", description="Price of the time.")
    free_minutes: Annotated[float, Unit("min")] = Field(
        0, ge=0, title="Free time", description="Minutes before time counts."
    )


class Tariff(Node[TariffConfig]):
    """Works out what a charging session costs.

    In: `msg.payload` with `energyWh` and `minutes`. Out: the same with `price` in EUR, rounded to cents.
    """

    type = "tariff"
    category = "charging"
    color = "#8BC34A"
    label = "{per_kwh} EUR/kWh"

    def on_message(self, msg: Message) -> Message:
        session = msg.get("payload")
        if not isinstance(session, dict) or not isinstance(session.get("energyWh"), (int, float)):
            raise NodeError("tariff: msg.payload needs energyWh, a number of watt-hours")
        minutes = max(0, session.get("minutes", 0) - self.config.free_minutes)
        energy = session["energyWh"] / 1000 * self.config.per_kwh
        session["price"] = round(energy + minutes * self.config.per_minute, 2)
        return msg
