"""Beyond anything that a flask, a furnace or a clock can do: such a number has a wrong unit or a slip in it.

Recipes are not held to these, for they record what was said; what reads a table or a campaign's file is.
"""

MOST_OF_CONDITIONS = {
    "injection_temperature_c": 1500.0,
    "reaction_temperature_c": 1500.0,
    "heating_rate_c_per_min": 1e4,
    "reaction_time_min": 5.256e5,  # a year
}
MOST_MMOL = 1e6
MOST_ML = 1e6
