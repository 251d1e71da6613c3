"""The source ``campaigns``: results of e-mail campaigns, a CSV file of a row each, as mailing services let one save them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from actors.parts import Part, SourceKind, Within
from actors.source import Source
from events.collected import EMAIL_CAMPAIGNS
from serve.sources.campaigns_settings import CampaignsSection


def _opened(section: CampaignsSection, name: str, now: Callable[[], int]) -> Source:
    from serve.sources.campaign_results import CampaignFile

    return CampaignFile(section, name, now)


def _source(section: CampaignsSection, name: str, within: Within) -> Callable[[Callable[[], int]], Source]:
    return partial(_opened, section.model_copy(update={"path": section.path.absolute()}), name)


KIND = SourceKind("campaigns", EMAIL_CAMPAIGNS, _source, CampaignsSection, refuses=True)
PART = Part("campaigns", sources=(KIND,))
