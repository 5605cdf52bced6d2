"""The loop from a target to a hit, and what a person sees of it."""

from closedloop.campaign.campaign import SHIPPED_MODEL, Campaign, NextBatch, load_champion
from closedloop.campaign.card import card_json, card_lines
from closedloop.campaign.characterise import bring_images, bring_size
from closedloop.campaign.correction import Correction, correct_image, find_picture
from closedloop.campaign.definition import (
    Approval,
    CampaignDefinition,
    canonical,
    canonical_recipe,
)
from closedloop.campaign.errors import (
    CampaignBusy,
    CampaignFileError,
    EditNotReadable,
    LabInUse,
    NotACount,
    NotOfThisCampaign,
    NotProposed,
    NotRecordable,
    NotWaiting,
    OneChemicalTwice,
    RecipeBreaksLimits,
    ReportNotWritable,
)
from closedloop.campaign.labnames import canonical_lab, lab_name, makeable_in
from closedloop.campaign.reading import read_campaign, shipped_campaigns
from closedloop.campaign.report import check_place, write_report
from closedloop.campaign.result import campaign_json, experiment_json, size_in_words
from closedloop.campaign.runner import News, Retrainer, Runner, check_free, only_runner
from closedloop.campaign.sheet import describe_recipe, sheet_lines, sheet_steps
from closedloop.campaign.stopping import Action, Advice, NoHope, StoppingRules

__all__ = [
    "SHIPPED_MODEL",
    "Action",
    "Advice",
    "Approval",
    "Campaign",
    "CampaignBusy",
    "CampaignDefinition",
    "CampaignFileError",
    "Correction",
    "EditNotReadable",
    "LabInUse",
    "News",
    "NextBatch",
    "NoHope",
    "NotACount",
    "NotOfThisCampaign",
    "NotProposed",
    "NotRecordable",
    "NotWaiting",
    "OneChemicalTwice",
    "RecipeBreaksLimits",
    "ReportNotWritable",
    "Retrainer",
    "Runner",
    "StoppingRules",
    "bring_images",
    "bring_size",
    "campaign_json",
    "canonical",
    "canonical_lab",
    "canonical_recipe",
    "card_json",
    "card_lines",
    "check_free",
    "check_place",
    "correct_image",
    "describe_recipe",
    "experiment_json",
    "find_picture",
    "lab_name",
    "load_champion",
    "makeable_in",
    "only_runner",
    "read_campaign",
    "sheet_lines",
    "sheet_steps",
    "shipped_campaigns",
    "size_in_words",
    "write_report",
]
