"""One file for each contender: `commands()` makes it ready and says what it can be told. Nothing is shared."""
