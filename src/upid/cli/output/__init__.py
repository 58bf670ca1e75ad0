"""How answers look: blocks, and one renderer a format; foreign text is cleaned here."""
