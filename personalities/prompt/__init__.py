"""The system prompt of a personality: what a language model is told, and which field each line of it comes from."""

from collections.abc import Iterable, Iterator

from personalities.config import PersonalityConfig
from personalities.prompt.parts import CommonPrefix, Line, Omission, Prompt, Section, estimate_tokens
from personalities.prompt.sections import SECTIONS, Part, greeting_section, user_section
from personalities.prompt.wishes import Wishes

__all__ = [
    "CommonPrefix", "Line", "Omission", "Prompt", "Section", "Wishes", "assemble", "estimate_tokens", "explained",
    "common_prefix", "with_part_for_user",
]  # fmt: skip

Parts = dict[str, list[Part]]  # the parts of each section, by its name


def assemble(config: PersonalityConfig, wishes: Wishes | None = None, greeting: str = "") -> Prompt:
    """Write the system prompt of `config` for a user with `wishes`. Equal arguments always give an equal prompt.

    Its `text` is the sections joined by a blank line; a section is its lines. Every field of the configuration is the
    source of a line or of an omission, so that no setting is silently without effect, and each level of a trait has a
    sentence of its own. What authors wrote is used verbatim, as data: no placeholder in it is filled, no mark-up
    read, no space trimmed. No disk, database or network is touched.

    What is the same for every user comes first, as `common_prefix` writes it, so that language models' servers find it
    in their caches. The user's wishes follow, as the section `user`; they overrule the personality's own ways, and
    where a trait asks for the opposite, the line says so. A preference that the author has locked is an omission. Last
    comes `greeting`, for a language model that is not sent it as a message.
    """
    for_all, for_user = _parts_for_all(config), _parts_for_user(config, wishes, greeting)
    parts = {name: for_all[name] for name in for_all if name not in for_user} | for_user
    return _prompt(parts, CommonPrefix.of(_text(for_all)).sha256)


def explained(pinned: CommonPrefix, config: PersonalityConfig, wishes: Wishes, greeting: str = "") -> Prompt:
    """The prompt that begins with `pinned`, with the source of each line. Another release may have made `pinned` from
    `config`.

    If so, it is not known which field each of its lines comes from: they form one section, `pinned`.
    """
    if (now := assemble(config, wishes, greeting)).sha256 == pinned.sha256:
        return now
    parts: Parts = {"pinned": [("prompt_sha256", pinned.text)]}
    return _prompt(parts | _parts_for_user(config, wishes, greeting), pinned.sha256)


def common_prefix(config: PersonalityConfig) -> CommonPrefix:
    """The beginning of the prompt, which is the same for every user."""
    return CommonPrefix.of(_text(_parts_for_all(config)))


def with_part_for_user(text: str, config: PersonalityConfig, wishes: Wishes, greeting: str = "") -> str:
    """`text`, which is the same for every user and may be another release's, followed by the part for this user."""
    return "\n\n".join(filter(None, [text, _text(_parts_for_user(config, wishes, greeting))]))


def _parts_for_all(config: PersonalityConfig) -> Parts:
    return {name: list(write(config)) for name, write in SECTIONS.items()}


def _parts_for_user(config: PersonalityConfig, wishes: Wishes | None, greeting: str) -> Parts:
    parts = {} if wishes is None else {"user": list(user_section(config, wishes))}
    return parts | ({"greeting": list(greeting_section(greeting))} if greeting else {})


def _prompt(parts: Parts, sha256: str) -> Prompt:
    lines = tuple(line for name, of_section in parts.items() for line in _lines(name, of_section))
    text = _text(parts)
    return Prompt(
        text=text,
        sha256=sha256,
        tokens=estimate_tokens(text),
        sections=tuple(_sections(lines)),
        lines=lines,
        omissions=tuple(part for of in parts.values() for part in of if isinstance(part, Omission)),
    )


def _text(parts: Parts) -> str:
    sections = ("\n".join(part[1] for part in of if not isinstance(part, Omission)) for of in parts.values())
    return "\n\n".join(filter(None, sections))


def _lines(section: str, parts: Iterable[Part]) -> Iterator[Line]:
    for part in parts:
        if not isinstance(part, Omission):
            source, text = part
            yield from (Line(text=line, section=section, source=source) for line in text.split("\n"))


def _sections(lines: Iterable[Line]) -> Iterator[Section]:
    texts: dict[str, list[str]] = {}
    for line in lines:
        texts.setdefault(line.section, []).append(line.text)
    for name, of_section in texts.items():
        text = "\n".join(of_section)
        yield Section(name=name, text=text, tokens=estimate_tokens(text))
