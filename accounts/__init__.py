"""API keys for programs and their DRF authentication. People use Django's users and sessions."""
