"""Commands about one trial: its diagnosis, its errors."""
