"""The commands people type; everything they show comes from the API."""
