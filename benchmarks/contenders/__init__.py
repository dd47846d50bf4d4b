"""What is measured: functions that get one contender ready and return what it can be told (see contender.py)."""
