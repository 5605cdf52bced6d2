"""Campaigns, their revisions and their learning curves."""

import pytest

from closedloop.store import CampaignNameError, Store, UnknownCampaign


def test_a_changed_definition_is_a_new_revision_and_an_equal_one_is_not(store: Store) -> None:
    store.save_campaign("cdse", "target: 3.5", "d1")
    store.save_campaign("cdse", "target: 4.0", "d2")
    store.save_campaign("cdse", "target: 3.5", "d1")
    revisions = store.campaign_revisions("cdse")
    assert [(one.revision, one.definition) for one in revisions] == [
        (1, "target: 3.5"),
        (2, "target: 4.0"),
        (3, "target: 3.5"),
    ]
    assert store.campaign("cdse") == revisions[-1]


def test_campaigns_are_named_in_the_order_that_they_came(store: Store) -> None:
    store.save_campaign("ag", "", "x")
    assert store.campaign_names() == ["cdse", "ag"]


@pytest.mark.parametrize("name", ["", "../evil", "a/b", ".hidden", "a\nb", "ends.", "x" * 101, " a"])
def test_a_name_that_cannot_be_a_folder_is_refused(store: Store, name: str) -> None:
    with pytest.raises(CampaignNameError):
        store.save_campaign(name, "", "x")
    assert store.campaign_names() == ["cdse"]


def test_the_learning_curve_is_per_campaign_and_in_order(store: Store) -> None:
    store.save_campaign("other", "", "x")
    store.add_score("cdse", None, {"mae_nm": 0.9})
    store.add_score("other", "model-0001", {"mae_nm": 5})
    store.add_score("cdse", "model-0001", {"mae_nm": None})
    assert [(score.model_id, score.metrics) for score in store.scores("cdse")] == [
        (None, {"mae_nm": 0.9}),
        ("model-0001", {"mae_nm": None}),
    ]


def test_a_score_of_an_unknown_campaign_is_refused(store: Store) -> None:
    for call in (lambda: store.add_score("cdze", None, {}), lambda: store.campaign("cdze")):
        with pytest.raises(UnknownCampaign):
            call()
