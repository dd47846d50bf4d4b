"""How a user wants to be talked to, by whichever personality."""
