"""Retraining as a campaign asks for it: after so many outcomes, with a line to show and a point on its curve."""

from functools import cached_property

from closedloop.campaign import Campaign
from closedloop.retrain.makers import SHIPPED_LITERATURE, Maker
from closedloop.retrain.retrainer import Retrainer, RetrainResult


class CampaignRetrainer:
    """`closedloop.campaign.Retrainer` for one campaign; the literature is what ships with the package, not what a user
    imported (`Retrainer` takes any)."""

    def __init__(self, campaign: Campaign, *, seed: int = 0, maker: Maker | None = None) -> None:
        self.campaign = campaign
        self.seed = seed
        self.maker = maker

    @cached_property
    def _retrainer(self) -> Retrainer:
        from closedloop.literature import load_experiments

        every = self.campaign.definition.retrain_every
        literature = load_experiments(SHIPPED_LITERATURE)
        return Retrainer(self.campaign.store, literature, seed=self.seed, every=every, maker=self.maker)

    def due(self, campaign: str) -> bool:
        """Whether the campaign has as many new outcomes as it says that it takes."""
        return self._retrainer.due(campaign)

    def new_outcomes(self, campaign: str) -> int:
        return self._retrainer.new_outcomes(campaign)

    def run(self, campaign: str) -> RetrainResult:
        """Retrains now, and enters the result in the learning curves of this campaign and of every other that has new
        outcomes: a training learns from the whole store."""
        taught = dict.fromkeys([campaign, *self._retrainer.campaigns_with_news()])
        result = self._retrainer.run(now=True)
        if result.model_id is not None:
            scores: dict[str, float | int | bool] = {"lab_runs": result.lab_runs, "promoted": result.promoted}
            for check in result.checks:
                scores |= {f"{check.what}, before": check.champion, f"{check.what}, after": check.challenger}
            for name in taught:
                self.campaign.store.add_score(name, result.model_id, scores)
        return result

    def retrain(self, campaign: str) -> str:
        """The same, and a sentence for whoever is watching."""
        return describe(self.run(campaign))


def describe(result: RetrainResult) -> str:
    """One sentence."""
    if result.model_id is None:
        return f"no new model: {result.reason}"
    verdict = "takes over" if result.promoted else "is kept but does not take over"
    return f"{result.model_id} (of {result.lab_runs} lab runs) {verdict}: {result.reason}"
