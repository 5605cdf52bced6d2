import pytest
import tifffile

from closedloop.lab import LabConfig
from sim.records import read_journal
from sim.world import World, WorldError, derived_seed, describe_lab


def events(directory, name):
    return [event for event in read_journal(directory) if event["event"] == name]


def dose(world, pump, volume, rate):
    for command in ("", "CLD INF", "VOL ML", f"VOL {volume}", f"RAT {rate} MM", "RUN"):
        world.pumps[pump].answer(command.encode())


def plate(world, *commands):
    for command in commands:
        world.hotplate.answer(command.encode())


def make(world, vessel_id, step_s=10.0):
    """A short hot injection, in sleeps of a length; lab time is the same whatever the length."""

    def wait(seconds):
        for _ in range(round(seconds / step_s)):
            world.advance(step_s)

    world.new_vessel(vessel_id)
    dose(world, "cadmium_pump", "2.000", "20.00")
    wait(30)
    dose(world, "solvent_pump", "10.00", "20.00")
    wait(60)
    plate(world, "OUT_SP_1 240", "START_1")
    wait(900)
    dose(world, "selenium_pump", "0.800", "60.00")
    wait(300)
    plate(world, "STOP_1")
    wait(300)
    world.collect(vessel_id)
    world.save_news()
    return events(world.directory, "sample")[-1]["truth"]


def test_the_description_is_a_lab_file_but_for_the_ports():
    config = LabConfig.model_validate(describe_lab()["lab"])
    assert {stock.pump for stock in config.stocks} == set(describe_lab()["devices"])
    assert config.stocks[-1].contains["trioctylphosphine"] == pytest.approx(2.242 * (1 - 0.0164), abs=0.001)


def test_a_synthesis_gives_crystals_and_the_journal_tells_the_truth(tmp_path):
    truth = make(World(tmp_path, 1, 0.0), "v1")
    assert truth["product"] == "CdSe"
    assert 1.5 < truth["mean_diameter_nm"] < 20
    doses = {event["pump"]: event["dispensed_ml"] for event in events(tmp_path, "dispense ended")}
    assert doses == {"cadmium_pump": 2.0, "solvent_pump": 10.0, "selenium_pump": 0.8}


def test_the_same_seed_and_commands_give_the_same_crystals_at_any_time_of_day(tmp_path):
    first = make(World(tmp_path / "a", 1, 0.0), "v1")
    again = make(World(tmp_path / "b", 1, 1_800_000_000.123), "v1")
    assert again == first


def test_the_length_of_the_sleeps_hardly_matters(tmp_path):
    first = make(World(tmp_path / "a", 1, 0.0), "v1")
    again = make(World(tmp_path / "b", 1, 0.0), "v1", step_s=30.0)
    assert again["mean_diameter_nm"] == pytest.approx(first["mean_diameter_nm"], rel=2e-3)


def test_a_vessel_does_not_depend_on_the_ones_before_it_but_on_the_seed(tmp_path):
    world = World(tmp_path / "a", 1, 0.0)
    make(world, "v0")
    world.advance(3600.0)
    after_another = make(world, "v1")
    alone = make(World(tmp_path / "b", 1, 0.0), "v1")
    other_seed = make(World(tmp_path / "c", 2, 0.0), "v1")
    assert after_another["mean_diameter_nm"] == pytest.approx(alone["mean_diameter_nm"], rel=1e-6)
    assert other_seed["mean_diameter_nm"] != pytest.approx(alone["mean_diameter_nm"], rel=1e-6)


def test_vessel_and_sample_may_be_asked_for_again(tmp_path):
    world = World(tmp_path, 1, 0.0)
    world.new_vessel("v1")
    dose(world, "solvent_pump", "5.000", "20.00")
    world.advance(30.0)
    world.new_vessel("v1")
    assert world.thermal.liquid_ml == pytest.approx(5.0)
    world.collect("s1")
    world.collect("s1")
    world.save_news()
    assert len(events(tmp_path, "vessel")) == len(events(tmp_path, "sample")) == 1


def test_pure_solvent_gives_nothing_and_the_truth_says_so(tmp_path):
    world = World(tmp_path, 1, 0.0)
    world.new_vessel("v1")
    dose(world, "solvent_pump", "5.000", "20.00")
    world.advance(30.0)
    world.collect("s1")
    world.save_news()
    truth = events(tmp_path, "sample")[0]["truth"]
    assert truth["failure_cause"] == "nothing formed"
    assert truth["mean_diameter_nm"] is None


def test_an_empty_vessel_can_be_heated(tmp_path):
    world = World(tmp_path, 1, 0.0)
    world.new_vessel("v1")
    plate(world, "OUT_SP_1 200", "START_1")
    world.advance(3600.0)
    assert world.thermal.flask_c == pytest.approx(200.0, abs=0.5)


def test_a_cold_stock_cools_the_hot_vessel(tmp_path):
    world = World(tmp_path, 1, 0.0)
    world.new_vessel("v1")
    dose(world, "solvent_pump", "20.00", "20.00")
    plate(world, "OUT_SP_1 250", "START_1")
    world.advance(1800.0)
    dose(world, "phosphine_pump", "5.000", "60.00")
    world.advance(5.0)
    assert world.thermal.flask_c < 235.0


def test_a_vessel_is_not_changed_under_a_running_pump(tmp_path):
    world = World(tmp_path, 1, 0.0)
    world.new_vessel("v1")
    dose(world, "solvent_pump", "5.000", "20.00")
    with pytest.raises(WorldError, match="solvent_pump is running"):
        world.new_vessel("v2")


def test_a_new_vessel_comes_with_full_syringes(tmp_path):
    world = World(tmp_path, 1, 0.0)
    world.new_vessel("v1")
    dose(world, "selenium_pump", "20.00", "60.00")
    world.advance(30.0)
    assert world.pumps["selenium_pump"].in_syringe_ml == pytest.approx(10.0)
    world.new_vessel("v2")
    assert world.pumps["selenium_pump"].in_syringe_ml == 30.0


def test_what_does_not_fit_the_vessel_is_in_the_journal(tmp_path):
    world = World(tmp_path, 1, 0.0)
    world.new_vessel("v1")
    for pump in ("solvent_pump", "acid_pump"):
        dose(world, pump, "40.00", "20.00")
    world.advance(300.0)
    (overflow,) = events(tmp_path, "overflow")
    assert overflow["liquid_ml"] == pytest.approx(50.0, abs=1.0)


def test_no_vessel_no_sample(tmp_path):
    with pytest.raises(WorldError, match="ask for a vessel first"):
        World(tmp_path, 1, 0.0).collect("s1")


def test_a_power_cut_leaves_counters_vessel_and_samples_and_a_cold_lab(tmp_path):
    before = World(tmp_path, 1, 0.0)
    make(before, "v1")
    before.new_vessel("v2")
    dose(before, "cadmium_pump", "5.000", "20.00")
    before.advance(20.0)
    plate(before, "OUT_SP_1 240", "START_1")
    dose(before, "solvent_pump", "10.00", "20.00")
    before.advance(12.0)
    contents = before.reactor.snapshot()
    # The next process finds nothing but the files.
    after = World(tmp_path, seed=77, start=5.0)
    assert after.seed == 1
    assert after.now == before.now
    assert {name: pump.lifetime_ml for name, pump in after.pumps.items()} == pytest.approx(
        {"cadmium_pump": 7.0, "acid_pump": 0.0, "solvent_pump": 14.0, "selenium_pump": 0.8, "phosphine_pump": 0.0}
    )
    assert after.vessel_id == "v2"
    assert after.samples == ["v1"]
    assert after.thermal.liquid_ml == pytest.approx(9.0)
    assert after.reactor.snapshot()["contents"] == contents["contents"]
    assert after.thermal.flask_c == 25.0
    assert not after.hotplate.heating
    assert not after.pumps["solvent_pump"].is_running
    cut = events(tmp_path, "dispense ended")[-1]
    assert (cut["pump"], cut["reason"], cut["dispensed_ml"]) == ("solvent_pump", "power cut", pytest.approx(4.0))
    assert events(tmp_path, "heater off")[-1]["reason"] == "power cut"
    assert events(tmp_path, "lab started")[-1]["resumed"]


def test_pictures_are_the_same_whenever_they_are_taken(tmp_path):
    world = World(tmp_path / "lab", 1, 0.0)
    make(world, "v1")
    first = world.views("v1", tmp_path / "one")()
    again = World(tmp_path / "lab", 1, 0.0).views("v1", tmp_path / "two")()
    assert [path.name for path in first] == ["v1-1.tif", "v1-2.tif"]
    pictures = [tifffile.imread(path) for path in first]
    assert (pictures[0] != pictures[1]).any()
    for picture, path in zip(pictures, again, strict=True):
        assert (tifffile.imread(path) == picture).all()
    assert sorted(path.name for path in (tmp_path / "one").iterdir()) == ["v1-1.tif", "v1-2.tif"]


def test_an_empty_sample_has_a_picture_too(tmp_path):
    world = World(tmp_path / "lab", 1, 0.0)
    world.new_vessel("v1")
    world.collect("v1")
    for path in world.views("v1", tmp_path / "views")():
        assert tifffile.imread(path).std() > 0


def test_a_sample_with_an_odd_name_stays_in_its_folder(tmp_path):
    world = World(tmp_path / "lab", 1, 0.0)
    world.new_vessel("v1")
    world.collect("../../x/ü 1")
    assert [path.parent.name for path in (tmp_path / "lab").rglob("*.json")].count("samples") == 1
    for path in world.views("../../x/ü 1", tmp_path / "views")():
        assert path.parent == tmp_path / "views"


def test_an_unknown_sample_has_no_picture(tmp_path):
    with pytest.raises(WorldError, match="no sample 's9'") as error:
        World(tmp_path, 1, 0.0).views("s9", tmp_path)
    assert error.value.kind == "no image"


def test_seeds_are_told_apart():
    seeds = {
        derived_seed(1, "a"),
        derived_seed(2, "a"),
        derived_seed(1, "b"),
        derived_seed(1, "a", "b"),
        derived_seed(1, "ab"),
    }
    assert len(seeds) == 5
