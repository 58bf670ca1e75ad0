"""Answers of the API turned into views: what is said first, and what to type next."""
