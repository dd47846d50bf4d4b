"""Side-by-side measurements against peers: `python3 dev.py bench`. Each contender is a process of its own."""
