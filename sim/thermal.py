"""How warm the plate and the flask on it are: two heat capacities, their losses, and the hotplate's own controller.

Not a model of any one flask: the constants are those of a 100 mL flask in an aluminium block, of the right size only
(``docs/virtual-lab.md``).
"""

from dataclasses import dataclass

AMBIENT_C = 25.0
# Explicit steps stay far below the shortest time constant: an empty flask over its coupling, 60 / 6 = 10 s.
LONGEST_STEP_S = 1.0


@dataclass(frozen=True)
class ThermalConstants:
    """Heat capacities in J/K, conductances in W/K, power in W; gains without unit.

    The fan blows on flask and block whenever the heater is off, as a lab does to end a reaction.
    """

    plate_j_per_k: float = 400.0
    flask_j_per_k: float = 60.0
    liquid_j_per_k_ml: float = 1.8
    coupling_w_per_k: float = 6.0
    plate_loss_w_per_k: float = 0.5
    flask_loss_w_per_k: float = 0.25
    fan_plate_w_per_k: float = 3.0
    fan_flask_w_per_k: float = 1.2
    heater_w: float = 600.0
    flask_gain: float = 3.0
    plate_gain_w_per_k: float = 30.0


class ThermalModel:
    """Temperatures in °C of plate and flask; ``liquid_ml`` is what the flask holds."""

    def __init__(self, constants: ThermalConstants | None = None) -> None:
        self.constants = constants or ThermalConstants()
        self.plate_c = AMBIENT_C
        self.flask_c = AMBIENT_C
        self.liquid_ml = 0.0

    @property
    def flask_capacity(self) -> float:
        """Heat capacity in J/K of the flask with its contents."""
        return self.constants.flask_j_per_k + self.constants.liquid_j_per_k_ml * self.liquid_ml

    def pour(self, volume_ml: float) -> None:
        """Liquid at room temperature runs in and mixes at once."""
        before, heat = self.flask_capacity, self.constants.liquid_j_per_k_ml * volume_ml
        self.flask_c = (before * self.flask_c + heat * AMBIENT_C) / (before + heat)
        self.liquid_ml += volume_ml

    def replace_flask(self) -> None:
        """A clean, empty flask at room temperature; the plate stays as hot as it is."""
        self.flask_c, self.liquid_ml = AMBIENT_C, 0.0

    def advance(self, seconds: float, set_point_c: float | None, hottest_plate_c: float) -> None:
        """``set_point_c`` is what the heater steers the flask to; ``None``: heater off, fan on."""
        while seconds > 0:
            step = min(seconds, LONGEST_STEP_S)
            self._step(step, set_point_c, hottest_plate_c)
            seconds -= step

    def _step(self, seconds: float, set_point_c: float | None, hottest_plate_c: float) -> None:
        k = self.constants
        plate_loss, flask_loss, power = k.plate_loss_w_per_k, k.flask_loss_w_per_k, 0.0
        to_flask = k.coupling_w_per_k * (self.plate_c - self.flask_c)
        if set_point_c is None:
            plate_loss += k.fan_plate_w_per_k
            flask_loss += k.fan_flask_w_per_k
        else:
            # Cascade: the plate is steered to where the flask comes to rest at its set point, and past it while the
            # flask lags behind.
            rest = set_point_c + flask_loss / k.coupling_w_per_k * (set_point_c - AMBIENT_C)
            wanted = min(rest + k.flask_gain * (set_point_c - self.flask_c), hottest_plate_c)
            holding = plate_loss * (self.plate_c - AMBIENT_C) + to_flask
            power = min(max(k.plate_gain_w_per_k * (wanted - self.plate_c) + holding, 0.0), k.heater_w)
        out = plate_loss * (self.plate_c - AMBIENT_C)
        lost = flask_loss * (self.flask_c - AMBIENT_C)
        self.plate_c += seconds * (power - to_flask - out) / k.plate_j_per_k
        self.flask_c += seconds * (to_flask - lost) / self.flask_capacity
