"""Answers of the API turned into views: what is said first, in which words, and what to type next."""
