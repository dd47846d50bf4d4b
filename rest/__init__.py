"""What every HTTP endpoint shares: strict JSON, problem details, conditional requests, paging. It knows no app."""
