"""Who answers: a language model elsewhere, or the console."""
