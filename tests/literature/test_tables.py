"""A user's table: read correctly or refused by name, every fault in one pass, never read wrongly."""

import datetime
import io
import zipfile
from enum import StrEnum
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from closedloop.literature import DataError, Fault, TableError, check_table, load, load_experiments
from closedloop.literature.columns import COLUMNS, column_name
from closedloop.recipes import FailureCause, Method, Role, Shape, Vessel

DESIGN_COLUMNS = (
    "id,source,product,reagents,injection_temperature_c,reaction_temperature_c,heating_rate_c_per_min,"
    "reaction_time_min,size_nm,size_std_nm,particle_count,shape,success,failure_cause"
)
GOOD_ROW = "a,10.1/x,CdSe,CdO=0.1; oleic acid=1.9; ODE=40,250,230,,5.5,3.4,0.2,405,sphere,TRUE,"


def table(folder: Path, *rows: str, header: str = DESIGN_COLUMNS, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def errors(path: Path) -> list[Fault]:
    return [fault for fault in check_table(path) if fault.severity == "error"]


def assert_is_the_good_row(path: Path) -> None:
    assert check_table(path) == []
    (one,) = load_experiments(path)
    assert [(reagent.name, reagent.amount_mmol) for reagent in one.recipe.reagents] == [
        ("CdO", 0.1),
        ("oleic acid", 1.9),
        ("ODE", 40.0),
    ]
    assert (one.id, one.source, one.recipe.product) == ("a", "10.1/x", "CdSe")
    assert one.recipe.injection_temperature_c == 250
    assert one.recipe.reaction_temperature_c == 230
    assert one.recipe.heating_rate_c_per_min is None
    assert one.recipe.reaction_time_min == 5.5
    assert (one.outcome.size_nm, one.outcome.size_std_nm, one.outcome.particle_count) == (3.4, 0.2, 405)
    assert (one.outcome.shape, one.outcome.success, one.outcome.failure_cause) == (Shape.SPHERE, True, None)


def test_the_format_of_the_design_is_read(tmp_path: Path) -> None:
    assert_is_the_good_row(table(tmp_path, GOOD_ROW))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends_of_spreadsheets(tmp_path: Path, encoding: str, end: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(end.join([DESIGN_COLUMNS, GOOD_ROW, ""]).encode(encoding))
    assert_is_the_good_row(path)


def test_semicolons_with_decimal_commas(tmp_path: Path) -> None:
    row = 'a;10.1/x;CdSe;"CdO=0,1; oleic acid = 1,9; ODE=40";250;230;;5,5;3,4;0,2;405;sphere;TRUE;'
    assert_is_the_good_row(table(tmp_path, row, header=DESIGN_COLUMNS.replace(",", ";")))


def test_degree_signs_in_the_header(tmp_path: Path) -> None:
    header = DESIGN_COLUMNS.replace("reaction_temperature_c", "Reaction temperature (°C)")
    header = header.replace("heating_rate_c_per_min", "Heating rate (℃/min)")
    assert_is_the_good_row(table(tmp_path, GOOD_ROW, header=header))


def test_a_header_in_latin_1_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"product,reagents,reaction temperature (\xb0C)\nCdSe,CdO=1,250\n")
    with pytest.raises(DataError, match="UTF-8"):
        load(path)


def test_excel_and_parquet_hold_the_same(tmp_path: Path) -> None:
    cells = ["a", "10.1/x", "CdSe", "CdO=0.1; oleic acid=1.9; ODE=40", 250, 230, None, 5.5, 3.4, 0.2, 405]
    cells += ["sphere", True, None]
    book = Workbook()
    book.active.append(DESIGN_COLUMNS.split(","))
    book.active.append(cells)
    book.save(tmp_path / "t.xlsx")
    assert_is_the_good_row(tmp_path / "t.xlsx")
    pd.DataFrame([cells], columns=DESIGN_COLUMNS.split(",")).to_parquet(tmp_path / "t.parquet")
    assert_is_the_good_row(tmp_path / "t.parquet")


def test_twelve_different_faults_in_one_pass(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        "a,,CdSe,CdO=-1,-300,,,,,,,,,",
        '"",,CdSe,CdO=0.1,,"1,000",nan,inf,3.4 nm,-1,1.5,ball,maybe,gremlins',
        "a,,,CdO=0.1; cadmium oxide=2,,,,,0,,,,TRUE,nothing formed",
        "b,,CdSe,CdO,,,,,NA,,,,FALSE,blocked",
    )
    found = {(fault.row, fault.column) for fault in errors(path)}
    assert found == {
        (2, "reagents"),
        (2, "injection_temperature_c"),
        (3, "reaction_temperature_c"),
        (3, "heating_rate_c_per_min"),
        (3, "reaction_time_min"),
        (3, "size_nm"),
        (3, "size_std_nm"),
        (3, "particle_count"),
        (3, "shape"),
        (3, "success"),
        (3, "failure_cause"),
        (4, "product"),
        (4, "reagents"),
        (4, "size_nm"),
        (4, "id"),
        (4, "failure_cause"),
        (5, "reagents"),
        (5, "size_nm"),
    }
    assert all(fault.file == str(path) and fault.problem and fault.remedy for fault in errors(path))
    with pytest.raises(
        TableError, match=r"^18 faults; .*closedloop data check .*row 2, injection_temperature_c: '-300'"
    ):
        load(path)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("0,5", 0.5),
        ("12,5", 12.5),
        ("0,500", 0.5),
        ("1e2", 100.0),
        ("+5", 5.0),
        (".5", 0.5),
        ("1.000", 1.0),
        ("", None),
    ],
)
def test_numbers_that_can_be_read_in_one_way_only(tmp_path: Path, cell: str, value: float | None) -> None:
    header = "product,reagents,reaction_time_min"
    assert load_experiments(table(tmp_path, f'CdSe,,"{cell}"', header=header))[0].recipe.reaction_time_min == value


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("1,000", "two ways"),
        ("12,345", "two ways"),
        ("1,234.5", "thousands"),
        ("1.234,5", "thousands"),
        ("1 000", "thousands"),
        ("1'000", "thousands"),
        ("5 h", "'h' behind"),
        ("5±1", "behind"),
        ("~5", "not a number"),
        ("NaN", "not a finite"),
        ("-inf", "not a finite"),
        ("1e999", "not a finite"),
        ("None", "word for unknown"),
        ("01.05.2024", "not a number"),
        ("0x10", "behind"),
        ("1_000", "behind"),
    ],
)
def test_numbers_that_could_be_misread_are_refused(tmp_path: Path, cell: str, why: str) -> None:
    path = table(tmp_path, f'CdSe,,"{cell}"', header="product,reagents,reaction_time_min")
    (fault,) = check_table(path)
    assert (fault.row, fault.column, fault.value, fault.severity) == (2, "reaction_time_min", cell, "error")
    assert why in fault.problem


def test_a_point_is_ambiguous_where_commas_are_decimal_marks(tmp_path: Path) -> None:
    header = "product;reagents;size_nm"
    path = table(tmp_path, "CdSe;;1.234", 'CdSe;"CdO = 0,25";3', header=header)
    assert [(fault.row, fault.value) for fault in errors(path)] == [(2, "1.234")]


@pytest.mark.parametrize(("other", "refused"), [("3", True), ("3,5", True), ("3.5", False)])
def test_semicolons_raise_the_suspicion_of_decimal_commas(tmp_path: Path, other: str, refused: bool) -> None:
    path = table(tmp_path, "CdSe;;1.234", f"CdSe;;{other}", header="product;reagents;size_nm")
    assert [fault.value for fault in errors(path)] == (["1.234"] if refused else [])


def test_an_unquoted_decimal_comma_cannot_shift_the_cells(tmp_path: Path) -> None:
    path = table(tmp_path, "CdSe,CdO=0,1,250", header="product,reagents,reaction_temperature_c")
    (fault,) = check_table(path)
    assert fault.row == 2
    assert "4 cells" in fault.value


def test_a_truncated_last_row_is_refused(tmp_path: Path) -> None:
    assert errors(table(tmp_path, GOOD_ROW, GOOD_ROW[:60].replace("a,", "b,", 1)))[0].row == 3


def test_empty_is_unknown_and_never_zero(tmp_path: Path) -> None:
    (one,) = load_experiments(table(tmp_path, ",,CdSe,CdO=; ODE=0,,,,,,,,,,"))
    assert [reagent.amount_mmol for reagent in one.recipe.reagents] == [None, 0.0]
    assert one.recipe.reaction_temperature_c is None
    assert one.outcome.success is None
    assert one.outcome.size_nm is None
    assert one.source is None
    assert one.id is None


def test_vessel_role_method_and_peaks_may_be_given(tmp_path: Path) -> None:
    header = "product,reagents,method,absorbance_peak_nm"
    row = "CdSe,Se powder=0.8 syringe anion precursor; ODE=3 mmol flask; ODE=1 syringe,absorbance,566"
    (one,) = load_experiments(table(tmp_path, row, header=header))
    assert [(reagent.vessel, reagent.role) for reagent in one.recipe.reagents] == [
        (Vessel.SYRINGE, Role.ANION_PRECURSOR),
        (Vessel.FLASK, None),
        (Vessel.SYRINGE, None),
    ]
    assert one.outcome.evidence is not None
    assert one.outcome.evidence.method is Method.ABSORBANCE
    assert one.outcome.observables == {"absorbance_peak_nm": 566.0}


def test_failures_keep_their_cause(tmp_path: Path) -> None:
    path = table(
        tmp_path, ",,CdSe,,,,,,,,,,FALSE,bulk precipitate", ",,CdSe,,,,,,,,,,,No_Image", ",,CdSe,,,,,,,,,,,blocked"
    )
    outcomes = [one.outcome for one in load_experiments(path)]
    assert [(one.success, one.failure_cause) for one in outcomes] == [
        (False, FailureCause.BULK_PRECIPITATE),
        (None, FailureCause.NO_IMAGE),
        (None, FailureCause.BLOCKED),
    ]


def test_an_unknown_chemical_is_a_warning_and_goes_on(tmp_path: Path) -> None:
    path = table(tmp_path, ",,CdSe,oleic acod=1; magic dust=2,,,,,,,,,,", ",,CdSe,magic dust=2,,,,,,,,,,")
    warnings = check_table(path)
    assert [(fault.severity, fault.row, fault.value) for fault in warnings] == [
        ("warning", 2, "oleic acod"),
        ("warning", 2, "magic dust"),
    ]
    assert "'oleic acid'" in warnings[0].problem
    loaded = load(path)
    assert [reagent.name for reagent in loaded.experiments[0].recipe.reagents] == ["oleic acod", "magic dust"]
    assert len(loaded.notes) == 2


@pytest.mark.parametrize(
    ("written", "hint"), [("reaction_temperature_K", "reaction_temperature_c"), ("sizes_nm", "size_nm"), ("x", "")]
)
def test_unknown_columns_and_units_are_refused(tmp_path: Path, written: str, hint: str) -> None:
    (fault,) = check_table(table(tmp_path, "CdSe,CdO=1,1", header=f"product,reagents,{written}"))
    assert (fault.row, fault.column, fault.severity) == (1, written, "error")
    assert hint in fault.remedy


@pytest.mark.parametrize("written", ["size σ (nm)", "σ size (nm)", "size(nm)±", "± size_nm", "Size ± (nm)"])
def test_an_uncertainty_is_no_size(tmp_path: Path, written: str) -> None:
    (fault,) = check_table(table(tmp_path, "CdSe,CdO=1,1", header=f"product,reagents,{written}"))
    assert (fault.row, fault.column, fault.severity) == (1, written, "error")
    assert "size_std_nm" in fault.remedy
    assert "size_error_nm" in fault.remedy


@pytest.mark.parametrize("written", ["size_std_nm (%)", "Δ size (nm)", "√size (nm)", "ø size (nm)", "<size (nm)"])
def test_a_sign_with_a_meaning_makes_another_column(tmp_path: Path, written: str) -> None:
    (fault,) = check_table(table(tmp_path, "CdSe,CdO=1,1", header=f"product,reagents,{written}"))
    assert (fault.row, fault.column, fault.severity) == (1, written, "error")


def test_a_cell_beyond_the_last_header_is_no_remark(tmp_path: Path) -> None:
    path = table(tmp_path, "CdSe,CdO=1,2,too polydisperse", "CdSe,CdO=2,3,", header="product,reagents,size_nm,")
    (fault,) = errors(path)
    assert (fault.row, fault.column) == (1, "column 4")
    assert check_table(table(tmp_path, "CdSe,CdO=1,2,", header="product,reagents,size_nm,")) == []


@pytest.mark.parametrize(("column", "kind"), [("method", Method), ("failure_cause", FailureCause), ("shape", Shape)])
def test_what_may_be_written_is_listed_so_that_entries_with_commas_stay_whole(
    tmp_path: Path, column: str, kind: type[StrEnum]
) -> None:
    (fault,) = errors(table(tmp_path, "CdSe,CdO=1,qqqq", header=f"product,reagents,{column}"))
    assert fault.remedy.removeprefix("use one of: ").split("; ") == list(kind)


def test_grams_are_refused(tmp_path: Path) -> None:
    (fault,) = check_table(table(tmp_path, "CdSe,CdO=0.1 g", header="product,reagents"))
    assert "mmol" in fault.remedy


@pytest.mark.parametrize("header", ["product,size_nm", "product,reagents,Size (nm),size_nm"])
def test_missing_and_doubled_columns(tmp_path: Path, header: str) -> None:
    path = table(tmp_path, ",".join(["CdSe", *["1"] * header.count(",")]), header=header)
    assert errors(path)[0].row == 1


def test_what_a_spreadsheet_does_to_numbers(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    sheet.append(["product", "reagents", "reaction_time_min", "size_nm"])
    sheet.append(["CdSe", "CdO=0.1", datetime.datetime(2024, 5, 1), 3.4])
    sheet.append([])
    sheet.append(["CdSe", "CdO=0.1", "=1+1", True])
    book.save(tmp_path / "t.xlsx")
    found = [(fault.row, fault.column, fault.problem.split(":")[0]) for fault in errors(tmp_path / "t.xlsx")]
    assert found == [
        (2, "reaction_time_min", "is a date"),
        (4, "reaction_time_min", "is a formula that was never calculated"),
        (4, "size_nm", "is TRUE or FALSE where a number belongs"),
    ]


def test_blank_lines_and_quoted_line_breaks_do_not_shift_the_rows(tmp_path: Path) -> None:
    path = table(tmp_path, 'CdSe,"CdO=0.1;\nODE=4",5', "", "CdSe,,x", header="product,reagents,size_nm")
    assert [fault.row for fault in errors(path)] == [4]


def test_infinity_in_parquet_is_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame({"product": ["CdSe"], "reagents": ["CdO=0.1"], "size_nm": [float("inf")]})
    frame.to_parquet(tmp_path / "t.parquet")
    assert [fault.column for fault in errors(tmp_path / "t.parquet")] == ["size_nm"]


@pytest.mark.parametrize("name", ["absent.csv", "t.txt", "bad.xlsx", "bad.parquet", "empty.csv", "binary.csv"])
def test_files_that_are_no_tables_have_one_named_fault(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name != "absent.csv":
        path.write_bytes({"empty.csv": b"", "binary.csv": b"a\0b,\0"}.get(name, b"garbage"))
    (fault,) = check_table(path)
    assert fault.row == 0
    assert fault.problem
    assert fault.remedy
    with pytest.raises(DataError, match=name):
        load(path)


def _workbook(path: Path, size: object) -> bytes:
    book = Workbook()
    book.active.append(["product", "reagents", "size_nm"])
    book.active.append(["CdSe", "CdO=0.1", size])
    book.save(path)
    return path.read_bytes()


@given(part=st.integers(0, 100), at=st.integers(0, 10_000), kept=st.booleans(), byte=st.integers(32, 126))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_workbook_is_read_or_is_one_fault(tmp_path: Path, part: int, at: int, kept: bool, byte: int) -> None:
    """A part cut short, or one letter of it changed: whatever the readers of XML, ZIP and cells say to it."""
    whole = zipfile.ZipFile(io.BytesIO(_workbook(tmp_path / "good.xlsx", 3.5)))
    names = whole.namelist()
    damaged = names[part % len(names)]
    with zipfile.ZipFile(tmp_path / "bad.xlsx", "w") as archive:
        for name in names:
            content = whole.read(name)
            if name == damaged:
                place = at % len(content)
                content = content[:place] + (bytes([byte]) + content[place + 1 :] if kept else b"")
            archive.writestr(name, content)
    faults = check_table(tmp_path / "bad.xlsx")
    assert all(fault.problem and fault.remedy for fault in faults)


def test_a_compressed_part_that_is_damaged_is_one_fault(tmp_path: Path) -> None:
    content = bytearray(_workbook(tmp_path / "t.xlsx", 3.5))
    start = content.index(b"xl/worksheets/sheet1.xml") + 60
    content[start : start + 100] = b"\xff" * 100
    (tmp_path / "t.xlsx").write_bytes(content)
    (fault,) = check_table(tmp_path / "t.xlsx")
    assert (fault.row, fault.remedy) == (0, "save it as .xlsx again")


def test_a_number_of_320_digits_is_a_fault_of_its_cell(tmp_path: Path) -> None:
    whole = zipfile.ZipFile(io.BytesIO(_workbook(tmp_path / "t.xlsx", 7.25)))
    with zipfile.ZipFile(tmp_path / "t.xlsx", "w") as archive:
        for name in whole.namelist():
            archive.writestr(name, whole.read(name).replace(b"7.25", b"9" * 320))
    (fault,) = errors(tmp_path / "t.xlsx")
    assert (fault.row, fault.column, fault.problem) == (2, "size_nm", "is not a finite number")


def test_a_cell_that_is_too_long_is_called_so(tmp_path: Path) -> None:
    path = table(tmp_path, GOOD_ROW, f"{GOOD_ROW}{'x' * 140_000}")
    (fault,) = check_table(path)
    assert fault.problem == "line 3: a cell of more than 131,072 characters"
    assert "quotation mark" in fault.remedy


@given(
    amounts=st.lists(st.floats(1e-9, 1e6), min_size=1, max_size=4),
    temperature=st.floats(-273, 400),
    size=st.none() | st.floats(0.1, 1e4),
    comma=st.booleans(),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_generated_tables_survive_the_round_trip(
    tmp_path: Path, amounts: list[float], temperature: float, size: float | None, comma: bool
) -> None:
    """Whatever is written is read back exactly or refused as ambiguous; it is never read as another number."""
    names = ["CdO", "oleic acid", "ODE", "TOP"]
    mark, separator = (",", ";") if comma else (".", ",")

    def written(value: float | None) -> str:
        return "" if value is None else repr(value).replace(".", mark)

    reagents = "; ".join(f"{name}={written(amount)}" for name, amount in zip(names, amounts, strict=False))
    cells = ["CdSe", reagents, written(temperature), written(size)]
    header = separator.join(["product", "reagents", "reaction_temperature_c", "size_nm"])
    path = table(tmp_path, separator.join(f'"{cell}"' for cell in cells), header=header)
    found = errors(path)
    if found:
        assert all("two ways" in fault.problem for fault in found)
        return
    (one,) = load_experiments(path)
    assert [reagent.amount_mmol for reagent in one.recipe.reagents] == amounts
    assert one.recipe.reaction_temperature_c == temperature
    assert one.outcome.size_nm == size


@pytest.mark.parametrize("sign", "°º˚∘◦℃")
@pytest.mark.parametrize("mark", ["", "*", " ↓", "▼", "\ufe0f", "`", "|", "†"])
def test_marks_and_what_stands_for_a_degree_make_no_other_column(sign: str, mark: str) -> None:
    unit = sign if sign == "℃" else f"{sign}C"
    assert column_name(f"Reaction temperature ({unit}){mark}") == "reaction_temperature_c"


def test_header_cells_are_compared_without_their_dress() -> None:
    assert column_name("Heating rate (°C/min)") == "heating_rate_c_per_min"
    assert column_name(" Size [nm] ") == "size_nm"
    assert column_name("\ufeffsize\u00a0–\u2009nm*") == "size_nm"
    assert set(DESIGN_COLUMNS.split(",")) <= set(COLUMNS)


@pytest.mark.parametrize(
    ("old", "new", "column"),
    [
        (",250,", ",5230,", "injection_temperature_c"),
        (",230,", ",2300,", "reaction_temperature_c"),
        (",230,,", ",230,1e6,", "heating_rate_c_per_min"),
        (",5.5,", ",1e9,", "reaction_time_min"),
        (",3.4,", ",3e9,", "size_nm"),
        (",3.4,", ",0.01,", "size_nm"),
        (",0.2,", ",1e5,", "size_std_nm"),
        (",405,", ",1e308,", "particle_count"),
        ("CdO=0.1", "CdO=1e308", "reagents"),
        ("ODE=40", "ODE=1e7", "reagents"),
    ],
)
def test_what_no_flask_and_no_crystal_can_be_is_refused(tmp_path: Path, old: str, new: str, column: str) -> None:
    path = table(tmp_path, GOOD_ROW.replace(old, new))
    (fault,) = errors(path)
    assert (fault.row, fault.column) == (2, column)
    assert "is more than" in fault.problem or "is less than" in fault.problem
    assert "unit" in fault.remedy
    with pytest.raises(TableError):
        load_experiments(path)


def test_peaks_have_bounds_too(tmp_path: Path) -> None:
    path = table(tmp_path, f"{GOOD_ROW},1e9", header=f"{DESIGN_COLUMNS},absorbance_peak_nm")
    (fault,) = errors(path)
    assert fault.column == "absorbance_peak_nm"


def test_how_far_a_size_may_be_off_is_read(tmp_path: Path) -> None:
    path = table(tmp_path, f"{GOOD_ROW},0.15", header=f"{DESIGN_COLUMNS},size_error_nm")
    assert load_experiments(path)[0].outcome.size_error_nm == 0.15
    (fault,) = errors(table(tmp_path, f"{GOOD_ROW},-1", header=f"{DESIGN_COLUMNS},size_error_nm"))
    assert (fault.column, fault.problem) == ("size_error_nm", "is negative")


def test_digits_that_were_pasted_small_are_digits(tmp_path: Path) -> None:
    pasted, typed = (
        load_experiments(table(tmp_path, GOOD_ROW.replace("CdSe", product).replace("CdO", base)))[0].recipe
        for product, base in (("CsPbBr₃", "Cs₂CO₃"), ("CsPbBr3", "Cs2CO3"))
    )
    assert pasted == typed
    assert pasted.product == "CsPbBr3"
    (one,) = load_experiments(table(tmp_path, GOOD_ROW.replace("CdSe", "Cs⁴PbBr⁶").replace("CdO", "mixture №₂")))
    assert (one.recipe.product, one.recipe.reagents[0].name) == ("Cs4PbBr6", "mixture №₂")


@pytest.mark.parametrize(("one", "other"), [("CsPbBr3", "PbCsBr3"), ("ZnO", "zinc oxide"), ("CdSe-1", "SeCd")])
def test_one_composition_under_two_names_is_warned_of_once(tmp_path: Path, one: str, other: str) -> None:
    rows = [f"{number},,{product},CdO=0.1" for number, product in enumerate([one, other, one, other])]
    (fault,) = check_table(table(tmp_path, *rows, header="id,source,product,reagents"))
    assert (fault.row, fault.column, fault.value, fault.severity) == (3, "product", other, "warning")
    assert f"composition of {one!r} in row 2" in fault.problem
    assert "one way" in fault.remedy


def test_phases_and_other_compositions_are_products_of_their_own(tmp_path: Path) -> None:
    products = ["CdSe", "CdSe-1", "CdSe-2", "Cd2Se2", "CsPbBr3", "Cs4PbBr6", "CsPbBr₃"]
    rows = [f"{number},,{product},CdO=0.1" for number, product in enumerate(products)]
    assert check_table(table(tmp_path, *rows, header="id,source,product,reagents")) == []


def test_a_product_in_words_is_warned_of_and_its_formula_asked_for(tmp_path: Path) -> None:
    (fault,) = check_table(table(tmp_path, ",,cadmium selenide,CdO=0.1", header="id,source,product,reagents"))
    assert fault.severity == "warning"
    assert "write its formula" in fault.remedy


@pytest.mark.parametrize("product", ["mean", "Total", "cadmium selenide"])
def test_a_row_without_a_formula_and_without_reagents_is_no_experiment(tmp_path: Path, product: str) -> None:
    path = table(tmp_path, "CdSe,CdO=1,3", f"{product},,3", header="product,reagents,size_nm")
    (fault,) = check_table(path)
    assert (fault.row, fault.column, fault.value, fault.severity) == (3, "product", product, "error")


def test_an_experiment_without_reagents_is_warned_of(tmp_path: Path) -> None:
    path = table(tmp_path, "CdSe,CdO=1,3", "CdSe,,3", "cadmium oxide,,3", header="product,reagents,size_nm")
    assert [(fault.row, fault.column, fault.severity) for fault in check_table(path)] == [
        (3, "reagents", "warning"),
        (4, "reagents", "warning"),
    ]
    assert len(load_experiments(path)) == 3


def test_a_cause_with_the_wrong_success_is_named_as_the_table_has_it(tmp_path: Path) -> None:
    (fault,) = errors(table(tmp_path, "CdSe,CdO=1,nothing formed", header="product,reagents,failure_cause"))
    assert fault.problem == "'nothing formed' is a chemical failure; set success to false"
