"""The OpenAPI document as a whole: what drf-spectacular finds out from the views is completed and described."""

from typing import Any

from companion import optional_apps
from companion.openapi_examples import add_examples
from rest.openapi import describe_bodies, document_problems, drop_unused, use_one_null

Document = dict[str, Any]

ABOUT = {
    "contact": {"name": "Whoever runs this service"},
    "license": {"name": "MIT License", "identifier": "MIT"},
}
# Relative to the document itself, so that it holds for any host, and below any path, under which a proxy serves it.
SERVERS = [{"url": "../..", "description": "The service that this document comes from."}]
TAGS = {
    "archetypes": "Ready-made characters, from which personalities are made.",
    "chat": "Talk with a personality, in OpenAI's protocol: any client of theirs will do.",
    "conversations": "Conversations that are kept, each with one personality as it was when it began.",
    "personalities": "Characters by name: read, write, check and compare them.",
    "preferences": "How the caller wants to be talked to.",
}


def complete(result: Document, **_: object) -> Document:
    """A postprocessing hook of drf-spectacular, the last one."""
    schemas = result["components"]["schemas"]
    describe_bodies(schemas)
    use_one_null(schemas)
    document_problems(result)
    optional_apps.describe(result)
    drop_unused(result)
    result["info"] |= ABOUT
    result["servers"] = SERVERS
    operations = [operation for path in result["paths"].values() for operation in path.values()]
    used = {tag for operation in operations for tag in operation["tags"]}
    result["tags"] = [{"name": name, "description": text} for name, text in TAGS.items() if name in used]
    for operation in operations:
        add_examples(operation)
    return result
