"""What a campaign in a simulator is about: a campaign's file, the shipped campaign of a product, or what the simulator
itself says of the product; with the size that is asked for."""

import re

import yaml

from closedloop.campaign.definition import CampaignDefinition
from closedloop.campaign.dryrun.errors import DryRunError, NoSuchSimulator
from closedloop.campaign.dryrun.simulators import find_simulator
from closedloop.campaign.errors import CampaignFileError
from closedloop.campaign.reading import parse_campaign, read_campaign, shipped_campaigns
from closedloop.recipes import Shape, Target


def definition_for(
    simulator: str,
    *,
    campaign: str | None = None,
    product: str | None = None,
    size_nm: float | None = None,
    tolerance: float | None = None,
    shape: Shape | None = None,
) -> CampaignDefinition:
    """The campaign to dry-run. What is given beside a ``campaign`` replaces its target's; ``tolerance`` is relative.

    Without a campaign's file ``product`` and ``size_nm`` are needed, and the target is nothing but them. Raises
    `NoSuchSimulator`, `CampaignFileError` or `DryRunError`.
    """
    flask = find_simulator(simulator)
    if campaign is not None:
        base = read_campaign(campaign)
        if product not in (None, base.target.product):
            raise DryRunError(f"{campaign} makes {base.target.product}, not {product}; leave --product out")
        _check_product(simulator, flask.products, base.target.product)
        if size_nm is None and tolerance is None and shape is None:
            return base
        target = base.target.model_dump() | ({"shape": shape} if shape else {})
    else:
        if product is None or size_nm is None:
            raise DryRunError("--simulator needs --product and --target-size, or a --campaign file")
        _check_product(simulator, flask.products, product)
        base = _usual(simulator, product)
        target = {"product": product, "shape": shape, "limits": base.target.limits.model_dump()}
    size = base.target.size_nm if size_nm is None else size_nm
    if tolerance is not None:
        target["tolerance_nm"] = tolerance * size
    elif size_nm is not None:
        target["tolerance_nm"] = None
    try:
        wanted = Target.model_validate(target | {"size_nm": size})
    except ValueError:
        raise DryRunError(f"a target of {size:g} nm within {tolerance or 0:g} of it is none; mend it") from None
    return _parsed(base.model_copy(update={"target": wanted}).model_dump_json(), f"{size:g} nm")


def _check_product(simulator: str, products: tuple[str, ...], product: str) -> None:
    if product not in products:
        raise NoSuchSimulator(f"the simulator {simulator!r} makes {', '.join(products)}; not {product!r}")


def _usual(simulator: str, product: str) -> CampaignDefinition:
    """The shipped campaign of the product, or one of the simulator's own space."""
    for name in shipped_campaigns():
        if (shipped := read_campaign(name)).target.product == product:
            return shipped
    space = find_simulator(simulator).space(product)
    if space is None:
        raise NoSuchSimulator(f"the simulator {simulator!r} has no space for {product}; give a --campaign file")
    target = {"product": product, "size_nm": 5.0}
    return _parsed(yaml.safe_dump({"name": product.lower(), "target": target, "space": dict(space)}), product)


def _parsed(text: str, where: str) -> CampaignDefinition:
    """As a campaign's file is read; nobody wrote this one, so that its line numbers would say nothing."""
    try:
        return parse_campaign(text, where)
    except CampaignFileError as error:
        raise DryRunError(re.sub(r"line \d+: ", "", str(error))) from None
