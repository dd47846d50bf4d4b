"""What `dev.py run` prints: one short block."""

from urllib.parse import urlsplit


def banner(url: str, redis_url: str, demo: dict[str, str | None]) -> str:
    """`demo` holds username, password (None when somebody changed it) and api_key."""
    password = demo["password"] or "(not known here; reset it with `dev.py manage changepassword admin`)"
    curl = f"curl -H 'Authorization: Bearer {demo['api_key']}'"
    elara = f"{url}/api/v1/personalities/elara/"
    return f"""
Companion is running. Ctrl-C stops everything.
  Web       {url}/
  Admin     {url}/admin/     user {demo["username"]}, password {password}
  API docs  {url}/api/docs/
  Redis     {without_password(redis_url)}
Try:
  {curl} {elara}
  {curl} {elara}id/
  {curl} -X PATCH -H 'Content-Type: application/json' -d '{{"traits": {{"humor_level": 9}}}}' {elara}
"""


def without_password(url: str) -> str:
    """Nor with what follows a question mark, where redis-py takes one as well."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
