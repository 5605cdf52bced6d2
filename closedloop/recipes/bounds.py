"""Beyond anything that a flask, a furnace, a clock or a microscope can do: a number with a wrong unit or a slip in it.

Recipes and outcomes are not held to these, for they record what was said; what reads a table or a campaign's file is,
and what takes an outcome into a campaign.
"""

MOST_OF_CONDITIONS = {
    "injection_temperature_c": 1500.0,
    "reaction_temperature_c": 1500.0,
    "heating_rate_c_per_min": 1e4,
    "reaction_time_min": 5.256e5,  # a year
}
MOST_MMOL = 1e6
MOST_ML = 1e6
# What a microscope can see of a sample, flakes of a precipitate included; beyond it is no size, or in another unit.
SMALLEST_SEEN_NM, LARGEST_SEEN_NM = 0.1, 1e6
