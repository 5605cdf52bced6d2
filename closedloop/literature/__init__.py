"""Published data sets and a user's own tables -> experiments, and splits of them that do not leak."""

from closedloop.literature.catalogue import Listed, import_data, list_data, load, load_experiments, name_and_path
from closedloop.literature.errors import DataError, TableError
from closedloop.literature.fault import Fault
from closedloop.literature.loaded import Loaded
from closedloop.literature.sources import one_spelling, source_key
from closedloop.literature.splits import SPLITS, split
from closedloop.literature.tables import check_table, recipe_faults

__all__ = [
    "SPLITS",
    "DataError",
    "Fault",
    "Listed",
    "Loaded",
    "TableError",
    "check_table",
    "import_data",
    "list_data",
    "load",
    "load_experiments",
    "name_and_path",
    "one_spelling",
    "recipe_faults",
    "source_key",
    "split",
]
