"""Who calls: API keys for programs, with their DRF authentication; Django's users and sessions for people."""
