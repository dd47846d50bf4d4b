"""What a finding is, and the patterns that should not occur in an author's text.

Every repetition in a pattern is bounded or possessive: the time it takes grows with the length of the text alone.
"""

import re
from typing import Literal, NamedTuple

from personalities.config import Frozen

Severity = Literal["error", "warning"]

SENT = "The whole text is sent to a language model"

MACRO = r"""
    \{\{ [^{}\n]{1,100} \}\} | \[\[ [^\[\]\n]{1,100} \]\] | \$\{ \w{1,50} \} | %\( \w{1,50} \)s
    | < (?: user | username | char | character | bot | persona | name ) >
    | \{ (?: user | user_?name | char | char_?name | character | bot | persona | name ) \}
    | \[ (?: (?: your | the | user | user's | insert )\ )? name \]
"""
EMAIL = r"(?<![\w.%+-]) [\w.%+-]++ @ (?: [A-Za-z0-9-]{1,63} \. ){1,8} [A-Za-z]{2,24} \b"
# In international form, with a leading 0, or grouped as in North America: rows of years or dates do not match.
PHONE = r"""
    (?<![\w.,+-]) (?: \+ \(? [1-9] | \(? 0 ) (?: [\ ()./-]{0,2} \d ){7,13} (?! \d )
    | (?<![\w.,+-]) (?: \+? 1 [\ .-] )? \(? \d{3} \)? [\ .-] \d{3} [\ .-] \d{4} (?! \d )
"""
# "Never ignore your rules" is good advice.
OVERRIDE = r"""
    (?<! not\ ) (?<! never\ ) (?<! n't\ ) \b (?: ignore | disregard | forget | override | bypass ) \b
    (?:
        (?: \W{1,3} \w{1,20} ){0,3} \W{1,3} (?: all | any | your | previous | prior | above | earlier | system )
        (?: \W{1,3} \w{1,20} ){0,3} \W{1,3} (?: instructions? | prompts? | directions | guidelines | rules )
        | \W{1,3} everything \W{1,3} (?: above | before | you \W{1,3} (?: were | have \W{1,3} been ) \W{1,3} told )
    ) \b
    | \b (?: reveal | print | repeat | output ) (?: \W{1,3} \w{1,20} ){0,3} \W{1,3} system \W{1,3} prompt \b
"""
ROLE = r"""
    < \| \w{1,30} \| > | < /? (?: system | assistant | human ) > | </user> | << /? SYS >> | \[ /? INST \]
    | ^ (?: \#{2,4} \ ? (?: system | instructions? | assistant | user | human | response ) | system ) \ ? :
"""
# Only what has the exact form of a machine-made key: an innocent text must never be refused.
KEY = r"""
    (?<! [A-Za-z0-9] ) (?:
        sk [-_] (?= [A-Za-z_-]{0,60} \d ) [A-Za-z0-9_-]{20} | cpk_ [a-z0-9]{8} _ [A-Za-z0-9_-]{20}
        | (?: AKIA | ASIA ) [A-Z0-9]{16} | AIza [A-Za-z0-9_-]{35}
        | gh [pousr] _ [A-Za-z0-9]{20} | github_pat_ \w{20} | glpat- [A-Za-z0-9_-]{20} | xox [abeprs] - [A-Za-z0-9-]{10}
        | eyJ [A-Za-z0-9_-]{20,400}+ \. [A-Za-z0-9_-]{6}
    )
    | -----BEGIN\ [A-Z\ ]{0,30} PRIVATE\ KEY
"""
# People also write this when they mean no password, so it is only a warning.
CREDENTIAL = r"""
    :// [^\s:/@]{1,64} : [^\s:/@]{1,64} @
    | (?i: password | passwd | pwd | passphrase | secret | api [ _-]? key | token ) ["']? \s{0,3}
      (?: = \s{0,3} \S{4} | : \s{0,3} (?= \S{0,40} \d ) \S{8} )
"""


class Finding(Frozen, frozen=True):
    """`field` is its path in the API, `custom.backstory`. `message` never quotes what an author wrote."""

    severity: Severity
    rule: str
    field: str
    message: str


class Pattern(NamedTuple):
    """A rule about texts: wherever `regex` is found, `message` is said."""

    severity: Severity
    rule: str
    regex: re.Pattern[str]
    message: str


def _pattern(severity: Severity, rule: str, text: str, message: str, flags: int = re.IGNORECASE) -> Pattern:
    return Pattern(severity, rule, re.compile(text, re.VERBOSE | flags), message)


PATTERNS = (
    _pattern("error", "secret", KEY, f"This looks like a key. {SENT}: remove it, and issue a new one.", 0),
    _pattern("warning", "password", CREDENTIAL, f"This looks like a password. {SENT}.", 0),
    _pattern(
        "warning",
        "unresolved-macro",
        MACRO,
        "This looks like a placeholder. None but a greeting's {{user}} and {{char}} is filled in: write what it means.",
    ),
    _pattern(
        "warning", "email-address", EMAIL, f"This looks like an e-mail address. {SENT}, which may repeat it to users."
    ),
    _pattern(
        "warning", "phone-number", PHONE, f"This looks like a phone number. {SENT}, which may repeat it to users."
    ),
    _pattern(
        "warning", "instruction-override", OVERRIDE, "This tells a model to drop or to reveal its other instructions."
    ),
    _pattern("warning", "role-marker", ROLE, "A model may take this for the end of the text.", re.I | re.M),
)
