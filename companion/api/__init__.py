"""How every endpoint reads JSON, pages lists and says what is wrong. Wired in settings; no app imports it."""
