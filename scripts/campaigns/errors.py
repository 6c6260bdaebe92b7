"""What keeps a campaign from its end."""


class CampaignFailed(Exception):
    """It could not be carried through."""
