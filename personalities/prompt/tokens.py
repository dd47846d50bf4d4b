"""How long a text is to a language model, without one."""

import math
import re

# Chinese, Japanese and Korean: what these scripts write in one character, others write in a syllable or a word.
DENSE = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]")


def estimate_tokens(text: str) -> int:
    """About how many tokens a model counts: a quarter of the characters or four thirds of the words, whichever is
    more, and one for each Chinese, Japanese or Korean character. None in an empty text.
    """
    dense = len(DENSE.findall(text))
    words = len(DENSE.sub(" ", text).split())
    return dense + math.ceil(max((len(text) - dense) / 4, words * 4 / 3))
