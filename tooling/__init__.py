"""Behind dev.py: the virtual environment, the servers, the verbs. Standard library only, except serve.py."""
